"""Files that arrive: recognised by where they stand, kept in the books by digest and size, never by content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.file_value import FileValue
from runner.domain.provider import Input, InputKind, Operation
from runner.sandbox.admin import administer
from runner.sandbox.calls import Call
from runner.sandbox.world import Reply, World
from runner.transport.template import render
from tests.sandbox.acme import acme
from tests.sandbox.process import Seeded

JSON = Operation(
    provider="acme",
    name="scan",
    column_prefix="acme_scan_",
    method="POST",
    path="/scan",
    inputs=(Input(name="message", kind=InputKind.FILE), Input(name="email", kind=InputKind.EMAIL, required=False)),
    json={"raw": "{message}", "about": {"email": "{email?}"}},
)
SCANS = [JSON, replace(JSON, json=None, form={"raw": "{message}", "email": "{email?}"})]


def ask(world: World, path: Path, content: str, **params: str) -> Reply:
    """Send a file with the runner's own request."""
    path.write_bytes(content.encode())
    kept = FileValue(hashlib.sha256(content.encode()).hexdigest(), str(path)).text
    (operation,) = world.provider.operations.values()
    request = render(world.provider.http, operation, {"message": kept, **params}, attempt_id="abcdefghijklmnop")
    call = Call(method=request.method, target=request.path, headers=dict(request.headers), body=request.body)
    return world.receive(call, 0.0)


def world(operation: Operation) -> World:
    """A world of one operation that takes files; its success echoes what it was sent."""
    provider = acme()
    success, *others = provider.examples
    body = json.dumps({"ok": True, "id": "0", "message": "as it was", "email": "x@example.com"}).encode()
    echo = replace(success, answer=replace(success.answer, body=body))
    return World(
        replace(provider, operations={operation.name: operation}, examples=(echo, *others[1:])), randomness=Seeded(1)
    )


@pytest.mark.parametrize("operation", SCANS, ids=["json", "form"])
def test_the_books_hold_a_digest_in_place_of_a_file(tmp_path: Path, operation: Operation) -> None:
    """The digest is the runner's own key of the job; the content is in no line of the ledger and in no answer."""
    one = world(operation)
    content = "From: anna@example.com\r\n\r\nПривет, canary {message} & more=1\x00"
    reply = ask(one, tmp_path / "one.eml", content, email="bob@example.com")
    shown = f"sha256:{hashlib.sha256(content.encode()).hexdigest()} ({len(content.encode())} bytes)"
    assert (reply.entry.operation, reply.entry.value) == ("acme.scan", shown)
    assert reply.entry.params == {"message": shown, "email": "bob@example.com"}
    assert json.loads(reply.answer.body) == {
        "ok": True, "id": "sandbox-00000001", "message": "as it was", "email": "bob@example.com"
    }  # fmt: skip
    ledger = administer(one, Call(method="GET", target="/_sandbox/ledger", headers={}))
    assert b"canary" not in ledger.body


def test_charges_for_one_content_are_told_from_those_for_another(tmp_path: Path) -> None:
    """Two names of a content are one value, two contents of a length are two."""
    one = world(JSON)
    for name, content in (("a", "first"), ("b", "first"), ("a", "other")):
        ask(one, tmp_path / name, content)
    ((operation, value), times), *more = one.books.charged_twice().items()
    assert (operation, times, more) == ("acme.scan", 2, [])
    assert value.startswith(f"sha256:{hashlib.sha256(b'first').hexdigest()}")


def test_a_rule_is_tried_by_an_address_anywhere_in_a_file(tmp_path: Path) -> None:
    """A message from `rule-NAME@example.com` brings the answer of that rule."""
    one = world(JSON)
    content = "Subject: hello\r\nFrom: Some One <rule-bad-address+2@example.com>\r\n\r\ntext"
    assert ask(one, tmp_path / "one.eml", content).entry.rule == "bad-address"
    assert ask(one, tmp_path / "two.eml", "From: rule-of-thumb@example.com").entry.rule == "success"
