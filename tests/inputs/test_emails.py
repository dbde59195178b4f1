import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.domain.provider import Input, InputKind
from runner.inputs import Accepted, Refused, checker
from runner.inputs.emails import library_email, plain_email

EMAIL = checker(Input(name="email", kind=InputKind.EMAIL))
DOMAIN = checker(Input(name="domain", kind=InputKind.DOMAIN))

# Pieces from which both good addresses and near misses grow.
_PIECES = st.sampled_from(
    ["a", "Z", "9", ".", "..", "-", "--", "_", "+", "@", "x" * 63, "y" * 64, "example", "com", "test", "xn--", "ü", "'",
     '"', " ", "(", "\\", "\n", "local", "invalid", "1", "co.uk", "!", "\uff0e", "\u200b", "é", "info", ","]
)  # fmt: skip
_ADDRESSES = st.one_of(
    st.lists(_PIECES, max_size=12).map("".join),
    st.builds("{}@{}.{}".format, *[st.lists(_PIECES, max_size=4).map("".join)] * 3),
    st.emails(),
    st.text(max_size=30),
)


@pytest.mark.parametrize(
    ("cell", "key", "sent"),
    [
        ("ada@example.com", "ada@example.com", "ada@example.com"),
        ("Ada.L@Example.COM", "ada.l@example.com", "Ada.L@example.com"),
        ("  ada@example.com\u00a0", "ada@example.com", "ada@example.com"),
        ("\u200bada@example.com\u202c", "ada@example.com", "ada@example.com"),
        ("Info@example.com", "info@example.com", "Info@example.com"),
        ("lena@Bücher.example", "lena@xn--bcher-kva.example", "lena@xn--bcher-kva.example"),
        ("lena@xn--bcher-kva.example", "lena@xn--bcher-kva.example", "lena@xn--bcher-kva.example"),
        ("ada@mail.test", "ada@mail.test", "ada@mail.test"),
        ("o'neil+x@example.org", "o'neil+x@example.org", "o'neil+x@example.org"),
    ],
)
def test_accepted(cell, key, sent):
    """The key folds case and the domain is an A-label; sent is the local part as written."""
    assert EMAIL(cell, None) == Accepted(key, sent)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("", "empty"),
        (" \u00a0\u200b", "empty"),
        ("ada", "email"),
        ("ada@localhost", "email"),
        ("ada@test", "email"),
        ("ada@printer.local", "email"),
        ("ada@example..org", "email"),
        ("ada@example.com, bob@example.com", "email"),
        ("Ada <ada@example.com>", "email"),
        ('"a b"@example.com', "email"),
        ("ada@[127.0.0.1]", "email"),
        ("ada@evil.com\r\nX: y", "email"),
        ("zoë@example.com", "non-ascii-local-part"),
        (f"{'x' * 250}@example.com", "email"),
    ],
)
def test_refused(cell, why):
    """What cannot be sent is refused with a reason that an export shows."""
    assert EMAIL(cell, None) == Refused(why)


def test_keep_case():
    """A provider that tells local parts apart by case gets two jobs for them."""
    check = checker(Input(name="email", kind=InputKind.EMAIL, keep_case=True))
    assert check("Ada@Example.com", None) == Accepted("Ada@example.com", "Ada@example.com")


@settings(max_examples=800, deadline=None)
@given(_ADDRESSES)
@example("a@b.c--d.com")
@example("a@xn--0.com")
@example("A@B.INVALID")
@example("a@b.arpa")
def test_the_plain_pattern_agrees_with_the_library(text):
    """Whatever the fast path accepts, email-validator accepts, with the same address to send."""
    plain = plain_email(text)
    if plain is not None:
        assert plain == library_email(text)


@settings(max_examples=300, deadline=None)
@given(_ADDRESSES)
def test_what_is_sent_is_accepted_again_as_the_same_job(text):
    """Checking what was sent changes nothing: an exported list can be loaded again."""
    first = EMAIL(text, None)
    if isinstance(first, Accepted):
        assert first.sent.isascii()
        assert EMAIL(first.sent, None) == first


def test_most_addresses_take_the_fast_path():
    """The pattern is of use: everyday addresses need no library."""
    assert all(map(plain_email, ["ada@example.com", "A.b-c+d@mail.example.co.uk", "1@2.de", "a_b@x-y.museum"]))


@pytest.mark.parametrize(
    ("cell", "result"),
    [
        ("Example.COM", Accepted("example.com", "example.com")),
        (" bücher.example ", Accepted("xn--bcher-kva.example", "xn--bcher-kva.example")),
        ("", Refused("empty")),
        ("a@example.com", Refused("domain")),
        ("https://example.com/", Refused("domain")),
        ("localhost", Refused("domain")),
    ],
)
def test_domains(cell, result):
    """A domain is sent and keyed in lower-case A-labels; an address or URL is none."""
    assert DOMAIN(cell, None) == result
