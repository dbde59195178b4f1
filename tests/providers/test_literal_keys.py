"""A key that stands in a profile as a constant header is refused; what only looks a little like one is not."""

import pytest

from runner.errors import ProfileError
from runner.providers.loader import load_tables
from tests.providers.profiles import bent

PLAIN = "0123456789abcdef0123456789abcdef"
LITERAL = "a key is never written into a file"


def load_with(name: str, value: str) -> None:
    load_tables(bent("http.headers", {name: value}), "mine.toml")


@pytest.mark.parametrize(
    "name",
    [
        "Ocp-Apim-Subscription-Key",
        "X-Auth-Key",
        "X-Auth",
        "X-Session",
        "X-Session-Id",
        "X-RapidAPI-Key",
        "api_key",
        "XAuthKey",
        "AuthKey",
        "key",
        "X-Credential",
        "X-Client-Credentials",
        "X-Amz-Signature",
        "X-Hub-Signature-256",
        "Authentication",
        "X-JWT",
        "X-Passwd",
    ],
)
def test_the_name_of_a_header_says_that_it_is_a_key(name: str) -> None:
    """One of its words does; neither the name of the header nor its value must be known."""
    with pytest.raises(ProfileError) as caught:
        load_with(name, PLAIN)
    assert f"http.headers.{name}: {LITERAL}" in caught.value.why
    assert PLAIN not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"


@pytest.mark.parametrize(
    "value",
    [
        "sk_live_51Habcdefghijkl",
        "sk-proj-abcdefghijklmnop",
        "pk_12345678_ABCDEFGH",
        "rk_live_51Habcdefghijkl",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "ghp_0123456789abcdefghij",
        "github_pat_0123456789abcdef",
        "glpat-0123456789abcdefghij",
        "xoxb-123456789012-abcdef",
        "AKIA0123456789ABCDEF",
        "AIza0123456789abcdefghijklmnopqrstuvwxy",
        "SG.0123456789abcdef.0123456789",
        "hf_0123456789abcdefghij",
        "whsec_0123456789abcdef",
        "Bearer short",
        "bearer 0123456789abcdef",
        "Basic QWxhZGRpbjpvcGVu",
        "Token 0123456789abcdef",
        "ApiKey 0123456789abcdef",
    ],
)
def test_the_value_of_a_header_begins_as_keys_do(value: str) -> None:
    """By the signs with which issuers mark their keys, so that they are found where they should not be."""
    with pytest.raises(ProfileError) as caught:
        load_with("X-App-Id", value)
    assert f"http.headers.X-App-Id: {LITERAL}" in caught.value.why
    assert value not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept", "application/vnd.acme.v2+json"),
        ("Accept-Language", "sk-SK,sk;q=0.9"),
        ("Accept-Language", "sk"),
        ("User-Agent", "acme-batch/1.0 (+https://example.com/bot)"),
        ("X-Api-Version", "2024-10-01"),
        ("X-App-Id", "1234"),
        ("X-Author", "Ada"),
        ("X-Authority", "example.com"),
        ("X-Keyboard", "de"),
        ("X-Keywords", "mail, phone"),
        ("X-Monkey", "capuchin"),
        ("X-Sessions-Per-Page", "20"),
        ("X-Designature", "blue"),
        ("X-Auth-Type", "apikey"),
        ("X-Auth-Version", "2"),
        ("X-Signature-Version", "4"),
        ("X-Plan", "basic"),
        ("X-Plan", "Basic"),
        ("X-Plan", "token bucket"),
        ("X-Tenant", "550e8400-e29b-41d4-a716-446655440000"),
        ("X-Kind", "sk_test"),
        ("X-Kind", "hf_mail"),
        ("X-Greeting", "eyJo"),
    ],
)
def test_what_only_looks_a_little_like_a_key_is_sent(name: str, value: str) -> None:
    """Words count, not letters within them; a version or a type of something secret is none."""
    load_with(name, value)


@pytest.mark.parametrize(
    ("place", "constants", "named"),
    [
        ("operations.look.query", {"phone": "{phone}", "app": "sk_live_51Habcdefghijkl"}, "query.app"),
        ("operations.check.json", {"who": {"email": "{email}", "by": "ghp_0123456789abcdefghij"}}, "json.who.by"),
        ("operations.check.json", {"who": "{email}", "tags": ["a", "mk-0123"]}, "json.tags[2]"),
    ],
)
def test_nor_may_a_constant_of_an_operation_be_one(place: str, constants: dict[str, object], named: str) -> None:
    """By how keys begin, and by the pattern that the profile itself gives for its own."""
    with pytest.raises(ProfileError) as caught:
        load_tables(bent(place, constants), "mine.toml")
    operation = ".".join(place.split(".")[:2])
    assert f"{operation}.{named}: {LITERAL}" in caught.value.why


def test_what_an_operation_sends_besides_is_its_own_business() -> None:
    """Names say little there: a `key` may be what is looked up, a `session` one of the list's."""
    given = {"phone": "{phone}", "key": "country", "session": "new", "lang": "sk-SK,sk", "token": "{phone}"}
    load_tables(bent("operations.look.query", given), "mine.toml")
