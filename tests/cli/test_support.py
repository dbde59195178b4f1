"""`explain --support`: each provider's checklist, ready for a mail, whatever the provider quotes in its errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.place import inside
from tests.sandbox.process import Sandbox, sandbox

KEYS = {
    "DEFASTRA_API_KEY": "test-key-not-real-0123456789",
    "DEFENDIS_API_KEY": "test-key-not-real-defendis",
    "DFIRLAB_API_KEY": "sk-dfir-testkeynotreal0123456789abcdef",
}
ADDRESS = "jane+x.doe@example.com"
ENCODED = "jane%2Bx.doe%40example.com"
PHONE = "+14155550134"
QUICK = "limits = [{ at_most = 1000, per_seconds = 1 }]\nretry = { attempts = 2, base = 0.01, cap = 0.01 }\n"
Runner = Callable[..., str]


@contextmanager
def place(folder: Path, provider: str) -> Iterator[tuple[Sandbox, Runner]]:
    """A folder whose settings lead to a sandbox of this provider; and the command line in it: stdout, or the error."""
    with sandbox(provider, limits=[(1000, 1.0)]) as world:
        (folder / "runner.toml").write_text(
            f'[providers.{provider}]\n{QUICK}[providers.{provider}.http]\nbase_url = "{world.url}"\n'
        )
        (folder / "leads.csv").write_text(f"id,email,phone,name\n7,{ADDRESS},{PHONE},Jane Döe\n")

        def runner(*arguments: str) -> str:
            done = inside(folder, *arguments, **KEYS)
            return done.stdout if done.returncode == 0 else done.stdout + done.stderr

        yield world, runner


def refusal(status: int, body: dict) -> dict:
    """An answer of the provider that quotes whom it was asked about, and with which key."""
    quoting = {"asked": ADDRESS, "user": "jane+x.doe", "name": "Jane Döe", "url": f"?email={ENCODED}"}
    keys = {f"key{number}": f"Bearer {key}" for number, key in enumerate(KEYS.values())}
    headers = {"content-type": "application/json", "x-request-id": "srv-0042"}
    text = json.dumps({**body, **quoting, **keys, "tel": "(415) 555-0134"})
    return {"answer": {"status": status, "headers": headers, "body": text}}


CASES: dict[str, tuple[str, int, dict, str]] = {
    "defastra": ("email", 200, {"status": False, "error_type": "INVALID_REQUEST_EMAIL"}, "POST /deep_email_check"),
    "defendis": ("email", 403, {"error": "You don't have permission"}, "GET /api/v1/dataleaks/credentials/email"),
    "dfirlab": ("email", 404, {"error": {"code": "not_found", "type": "nf"}}, "POST /v1/enrichment/lookup"),
}


@pytest.mark.parametrize("provider", CASES)
def test_the_checklist_is_whole_and_names_nobody(tmp_path: Path, provider: str) -> None:
    """Path, UTC time, both ids, status, body, parameters; no key, no header, no value, not even where it is quoted."""
    operation, status, body, path = CASES[provider]
    with place(tmp_path, provider) as (world, runner):
        world.next([refusal(status, body)])
        runner("run", "leads.csv", "-p", f"{provider}.{operation}", "-q")
        text = runner("explain", "leads", "1", "--support")
        told = json.loads(runner("explain", "leads", ADDRESS, "--support", "--json"))
        story = runner("explain", "leads", "1")
        stories = runner("explain", "leads", "1", "--json")
        events = runner("log", "--json")
    (one,) = told["requests"]
    assert [line for line in text.splitlines() if line and not line.startswith(" ")][1:] == [
        "Request path",
        "Request timing and correlation",
        "Error details",
        "Request parameters (sensitive values redacted)",
    ]
    assert f"Request path\n  {path}\n" in text
    assert re.search(r"  UTC timestamp: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \(answered \S+Z\)\n", text)
    assert f"  Client request ID: {one['client_request_id']}\n" in text
    assert one["provider_request_id"] == "srv-0042"
    assert f"  HTTP status code: {status}\n" in text
    assert json.loads(one["body"]).keys() >= body.keys()
    assert "email" in json.dumps(one["parameters"])
    for shown in (text, json.dumps(told, ensure_ascii=False), story, stories, events):
        for secret in (*KEYS.values(), "jane", "x.doe", "Döe", "0134", "Authorization", "authorization"):
            assert secret not in shown.replace("leads", ""), secret
    assert "j…@example.com" in text


def test_a_request_without_an_answer_says_so(tmp_path: Path) -> None:
    """A broken line has no status and no body; the label is what support can look for. Request N can be named."""
    with place(tmp_path, "defastra") as (world, runner):
        world.next([{"answer": {"status": 200, "body": json.dumps({"status": False, "error_type": "SYSTEM_ERROR"})}}])
        runner("run", "leads.csv", "-p", "defastra.email", "-q", "--limit", "1")
        world.next([{"manner": "drop", "charged": True}])
        (tmp_path / "more.csv").write_text("email\nbob@example.com\n\n")
        runner("run", "more.csv", "-p", "defastra.email", "-q")
        lost = runner("explain", "more", "1", "--support")
        first = runner("explain", "leads", "1", "--support", "--attempt", "1")
        both = json.loads(runner("explain", "leads", "1", "--json"))["stories"][0]["requests"]
        only = json.loads(runner("explain", "leads", "1", "--json", "--attempt", "2"))["stories"][0]["requests"]
        none = runner("explain", "leads", "1", "--support", "--attempt", "9")
        nor = runner("explain", "leads", "1", "--attempt", "9")
        labels = [entry["params"]["label"] for entry in world.ledger()]
    assert "HTTP status code: none: no answer: the line broke or the time was up\n" in lost
    assert "Error response body: (there is none: no answer came)\n" in lost
    assert f"Client request ID: {labels[-1]}\n" in lost
    assert f"label: {labels[-1]}" in lost
    assert "SYSTEM_ERROR" in first
    assert "has no request 9 of that row" in nor, "a row that was paid for is not shown as never sent"
    assert [one["number"] for one in both] == [1, 2]
    assert only == both[1:]
    assert both[0]["why"].startswith('code "SYSTEM_ERROR"')
    assert "there is no request 9 of row 1 of leads" in none
    assert "fix: runner explain leads-defastra-email 1" in none


def test_a_long_or_binary_body_is_cut_or_left_out(tmp_path: Path) -> None:
    """A mail has to hold it; what is no text is counted; the answer to a success is not shown at all."""
    with place(tmp_path, "defastra") as (world, runner):
        (tmp_path / "leads.csv").write_text("email\na1@example.com\nb1@example.com\nc1@example.com\n")
        bodies = [{"body": "<p>" + "x" * 9000}, {"body_base64": "AAECAwQFBgcICQ=="}]
        runner("run", "leads.csv", "-p", "defastra.email", "-q", "--limit", "1")
        for body in bodies:
            world.next([{"answer": {"status": 400, "headers": {"content-type": "text/html"}, **body}}])
            runner("run", "leads.csv", "-p", "defastra.email", "-q", "--limit", "1")
        shown = [json.loads(runner("explain", "leads", row, "--support", "--json", "--attempt", "1")) for row in "123"]
    told = [one["requests"][0] for one in shown]
    assert (told[0]["body"], "left out: it is an answer" in told[0]["body_note"]) == (None, True)
    assert (len(told[1]["body"]), told[1]["body_note"]) == (4000, "cut after 4,000 characters of 9,003 bytes")
    assert (told[2]["body"], told[2]["body_note"]) == (None, "10 bytes that are not text")


def test_a_file_is_told_by_its_digest(tmp_path: Path) -> None:
    """The content of a message is nobody's business; its digest tells support which one it was."""
    with place(tmp_path, "dfirlab") as (world, runner):
        (tmp_path / "one.eml").write_text(f"From: {ADDRESS}\n\nhello")
        (tmp_path / "mails.csv").write_text("message\none.eml\n")
        world.next([{"answer": {"status": 404, "body": '{"error":\n "' + ADDRESS + " " + ENCODED + '"}'}}])
        runner("run", "mails.csv", "-p", "dfirlab.phishing", "-q")
        text = runner("explain", "mails", "1", "--support")
    assert "raw_email: (the content of a file, SHA-256 " in text
    assert '    {"error":\n     "j…@example.com j…@example.com"}\n' in text
    assert "hello" not in text
    assert "jane" not in text
    assert str(tmp_path) not in text


def test_what_was_never_sent_has_no_checklist(tmp_path: Path) -> None:
    """Three parts, exit 2; `explain` itself tells what comes next."""
    with place(tmp_path, "defastra") as (_, runner):
        runner("load", "leads.csv", "-p", "defastra.email")
        refused = runner("explain", "leads", "1", "--support")
        before = runner("explain", "leads", "1")
        runner("pause", "leads")
        paused = runner("explain", "leads", "1")
    assert "error: there is no request of row 1 of leads-defastra-email" in refused
    assert "fix: runner explain leads-defastra-email 1" in refused
    assert "next      It is sent by the next run" in before
    assert "once the pause is lifted: runner resume leads" in paused
