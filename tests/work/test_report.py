"""What `report` tells: the same as `status --json`, of one moment, and nothing hostile as anything but text."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from runner.domain.model import Answer
from runner.domain.states import BatchState
from runner.engine.events import AttemptClosed
from runner.sandbox.calls import Call, Sighting
from runner.sandbox.replies import Behaviour, Manner
from runner.work.results import BatchStatus
from runner.work.status import as_json
from tests.app.place import KEY, Place, emails
from tests.work.page import Parsed, page_of

TAGS = '<script>alert(1)</script> "><img src=http://evil.example/x.png onload=x>'
HOSTILE = f"{TAGS} \u202eevil\u202c {{}} {KEY} {'A' * 10_000}"
TOML = '[prices]\n"defastra.check" = "0.02 EUR"\n'


def script(number: int, call: Call, sighting: Sighting) -> Behaviour | None:
    """A night: two lines that break, a refused pace, an outage, a provider that means harm."""
    if number in (20, 21):
        return Behaviour(manner=Manner.DROP)
    if 30 <= number < 32:
        return Behaviour(rule="rate-limited-minute")
    if 40 <= number < 52:
        return Behaviour(rule="system-unavailable")
    if number in (60, 61):
        body = {"status": False, "error_type": "INVALID_REQUEST_EMAIL", "error_message": HOSTILE.format(sighting.value)}
        return Behaviour(answer=Answer(status=400, body=json.dumps(body).encode()), charged=False)
    return None


def night(folder: Path) -> Place:
    """A list with what lists have, at a provider with a wallet that is soon empty."""
    place = Place(folder, toml=TOML, script=script, wallet=90, latency_seconds=(0.2, 1.4))
    values = ["not an address", "", *emails(120), "person1@example.com"]
    place.write_list(values)
    return place


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[Place, dict[str, Parsed], dict[str, BatchStatus]]:
    """The pages of one batch: loaded, stopped, halted, done; and how it stood each time."""
    place = night(tmp_path_factory.mktemp("night"))
    pages: dict[str, Parsed] = {}
    stood: dict[str, BatchStatus] = {}

    def note(what: str) -> None:
        pages[what], stood[what] = page_of(r), r.status()

    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        note("loaded")
        assert place.run(r, batch, max_requests=35).exit_code == 5
        place.time.before += 1_000
        note("stopped")
        assert place.run(r, batch, max_requests=1_000).exit_code == 4
        place.time.before += 1_000
        note("halted")
        place.world.top_up(100)
        assert place.run(r, batch).exit_code == 3
        note("done")
    return place, pages, stood


@pytest.mark.parametrize("what", ["loaded", "stopped", "halted", "done"])
def test_a_page_says_what_status_says(told, what):
    """Counts by outcome, requests by charge, amounts: the same figures, of whatever state."""
    _, pages, stood = told
    page, status = pages[what], as_json(stood[what])
    tiles = re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page.text)
    shown = dict(tiles)
    outcomes = status["outcomes"]
    assert shown["Answered"] == str(outcomes["succeeded"])
    assert shown["Failed"] == str(outcomes["failed"])
    assert shown["In doubt"] == str(outcomes["in_doubt"])
    assert shown["Waiting"] == str(outcomes["queued"] + outcomes["running"])
    assert shown["Requests sent"] == str(status["attempts"])
    assert status["next"]["command"] in page.told
    if status["attempts"]:
        (line,) = page.table("Operation")
        receipt = status["receipt"]
        assert [line[name] for name in ("Sent", "Charged", "Not charged", "In doubt")] == [
            str(receipt[name]) for name in ("sent", "charged", "not_charged", "in_doubt")
        ]
        assert line["Cost"].startswith(f"{status['spent']['check']} checks (")


def test_a_halt_is_told_with_the_words_of_the_provider_and_what_to_do(told):
    """At the top: who said what, that nothing was lost, what to do to its end, the next command."""
    _, pages, stood = told
    head = pages["halted"].told.split("Parts of this page")[0]
    assert "Halted (insufficient-funds)" in head
    assert "INSUFFICIENT_FUNDS" in head
    assert stood["halted"].halts[0].advice in head
    assert "Next: runner run leads-defastra-email" in head


def test_failures_are_told_by_rule_with_examples_and_the_command_that_repeats_them(told):
    """The rule, how many, the provider's words, and `retry --only failed:RULE`."""
    _, pages, _ = told
    assert "invalid-request-email: 2 requests of defastra.email failed, none charged" in pages["done"].told
    assert "runner retry leads-defastra-email --only failed:invalid-request-email" in pages["done"].told
    answers = [line["Answer"] for line in pages["done"].table("Row") if "Answer" in line]
    assert len(answers) == 2
    assert all(answer.startswith("HTTP 400 INVALID_REQUEST_EMAIL") for answer in answers)


def test_what_a_provider_says_is_text_and_nothing_else(told):
    """Its tags are escaped, its marks of direction shown, its length cut, the row's own value and the key hidden."""
    _, pages, _ = told
    page = pages["done"]
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "\u202e" not in page.text
    assert "\\u202e" in page.told
    assert "A" * 1_000 not in page.text
    assert KEY not in page.text
    assert not re.search(r"person\d+@", page.text)


def test_doubts_refusals_and_waits_have_their_parts(told):
    """What is in doubt with the three words for it, refused cells by reason, what kept the requests back."""
    _, pages, stood = told
    page = pages["done"]
    assert f"defastra.email: {stood['done'].outcomes['in_doubt']} requests" in page.told
    for word in ("charged", "not-charged", "resend"):
        assert f"runner doubt resolve leads-defastra-email --all --as {word}" in page.told
    refused = {line["Reason"]: line["Cells"] for line in page.table("Reason")}
    assert refused == {"invalid:email": "1", "invalid:empty": "1"}
    why = {line["Why"]: line["What it did"] for line in page.table("Provider") if "Why" in line}
    assert why["rate limited minute"].startswith("waiting")
    assert why["system unavailable"].startswith("failing")
    assert why["insufficient funds"] == "halted"


def test_runs_are_told_with_how_each_left_the_batch(told):
    """The newest first: requests add up to all that were sent, exit codes, reasons, options."""
    _, pages, stood = told
    runs = [line for line in pages["done"].table("Run") if "Exit" in line]
    assert [line["Exit"] for line in runs] == ["3", "4", "5"]
    assert sum(int(line["Requests"]) for line in runs) == stood["done"].attempts
    assert [line["How it left the batch"].split(":")[0] for line in runs] == ["completed", "halted", "stopped"]
    assert runs[-1]["Options"] == "--max-requests 35"


def test_pictures_have_a_name_and_a_sentence(told):
    """Each image is told in words, and no word stands in it alone."""
    _, pages, _ = told
    page = pages["done"]
    images = sum(1 for name, value in page.attributes if (name, value) == ("role", "img"))
    assert images == page.elements["title"] - 1 == page.elements["desc"] == 5
    assert page.elements["text"] == 0
    assert re.search(r"\d+ requests from \d{4}-\d\d-\d\d", page.told)


def test_a_batch_that_never_ran_and_one_without_a_row_have_pages(tmp_path):
    """They say so, and what comes next."""
    place = Place(tmp_path)
    place.write_list(["", "nobody"])
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"], max_invalid=1)
        page = page_of(r)
        assert "Nothing of this list can be sent." in page.told
        assert "Nothing was sent, nothing was charged." in page.told
        assert "No run was at work on it yet: runner run leads-defastra-email" in page.told


def test_a_page_made_beside_a_run_is_of_one_moment(tmp_path):
    """While requests are on the way: what was sent is charged, not charged or in doubt, and adds up."""
    place = night(tmp_path)
    pages: list[tuple[Parsed, BatchStatus]] = []

    def look(event: object) -> None:
        if isinstance(event, AttemptClosed) and not pages and event.job > 10:
            with place.runner() as other:
                pages.append((page_of(other), other.status()))

    with place.runner() as r:
        place.run(r, r.load("leads.csv", ["defastra.email"]), max_requests=30, on_event=look)
    ((page, status),) = pages
    assert status.state is BatchState.RUNNING
    assert "Running" in page.told
    assert "taken up" in page.told  # by far not all of them have left
    assert "at work" in [line["How it left the batch"] for line in page.table("Run")]
    (line,) = page.table("Operation")
    assert int(line["Sent"]) == sum(int(line[name]) for name in ("Charged", "Not charged", "In doubt"))


def test_providers_of_one_title_are_told_apart(tmp_path):
    """By their names, in pictures and tables; and by name alone once the profile of one is gone."""
    shipped = (resources.files("runner.providers") / "defastra.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(shipped.replace('name = "defastra"', 'name = "mine"', 1))
    place = Place(tmp_path)
    place.write_list(emails(3))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", ["defastra.email", "./mine.toml:email"], batch="two"))
        page = page_of(r)
    (tmp_path / "mine.toml").unlink()
    with place.runner() as r:
        without = page_of(r)
    assert "Defastra (mine): requests a minute" in page.told
    assert "Defastra (defastra): requests a minute" in page.told
    assert "mine: requests a minute" in without.told
