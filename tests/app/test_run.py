"""Whole runs through the library, against a provider world, in virtual time."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from runner.domain.model import Debited
from runner.domain.states import BatchState, JobState
from runner.errors import BatchError, ConfigError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.work.status import as_json
from tests.app.place import Place, emails


def rows_of(path: Path) -> list[dict[str, str]]:
    """An export as dictionaries."""
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_list_runs_end_to_end(place: Place) -> None:
    """Each distinct value is sent once, every row comes back in order, a refused one costs nothing."""
    place.write_list(["a@example.com", "A@EXAMPLE.COM", "", "broken", "b@example.com"])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"], max_invalid="100%")
        result = place.run(r, batch, output="auto")
    assert (result.exit_code, result.sent, result.charged, result.in_doubt) == (0, 2, 2, 0)
    assert sorted(place.charged()) == ["a@example.com", "b@example.com"]
    assert result.exported is not None
    assert result.exported.path == place.folder / "leads-defastra-email.csv"
    rows = rows_of(place.folder / "leads-defastra-email.csv")
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["defastra_email_state"] for row in rows] == [
        "succeeded",
        "succeeded",
        "invalid",
        "invalid",
        "succeeded",
    ]
    assert [row["defastra_email_reason"] for row in rows[2:4]] == ["invalid:empty", "invalid:email"]
    assert result.status.state is BatchState.COMPLETED
    assert result.status.spent == {"check": 2}


def test_the_same_command_again_sends_nothing(place: Place) -> None:
    """Also after the file was written, and with the same exit code."""
    place.write_list(emails(3))
    with place.runner() as r:
        first = place.run(r, r.load("leads.csv", ["defastra.email"]), output="auto")
        again = place.run(r, r.load("leads.csv"), output="auto")
    assert (first.exit_code, again.exit_code, again.sent) == (0, 0, 0)
    assert len(place.values()) == 3


def test_empty_wallet_halts_and_a_resume_sends_one_probe(place: Place) -> None:
    """Nothing fails; the provider's words and the advice are in the status; a top-up finishes the list."""
    place.world.top_up(5)
    place.write_list(emails(12))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        halted = place.run(r, batch)
        assert (halted.exit_code, halted.charged) == (4, 5)
        assert halted.status.outcomes[JobState.QUEUED] == 7
        assert halted.status.outcomes[JobState.FAILED] == 0
        (halt,) = halted.status.halts
        assert (halt.provider, halt.reason) == ("defastra", "insufficient-funds")
        assert halt.advice
        probe = place.run(r, batch)
        assert (probe.exit_code, probe.sent) == (4, 1)
        place.world.top_up(100)
        done = place.run(r, batch)
    assert (done.exit_code, done.status.state) == (0, BatchState.COMPLETED)
    assert sorted(place.charged()) == sorted(emails(12))


def test_status_json_is_the_contract(place: Place) -> None:
    """Exactly the keys of the contract, in their order, with jobs summing up."""
    place.write_list(emails(4))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", ["defastra.email"]), max_requests=3)
        found = as_json(r.status("leads-defastra-email"))
    assert list(found) == [
        "schema",
        "batch",
        "state",
        "reason",
        "resume_at",
        "rows",
        "jobs",
        "outcomes",
        "not_sent",
        "attempts",
        "debited",
        "spent",
        "held",
        "in_doubt_amount",
        "lanes",
        "halt",
        "halts",
        "eta",
        "next",
        "receipt",
        "balance",
        "max_spend_per_day",
    ]
    assert list(found["outcomes"]) == ["succeeded", "failed", "in_doubt", "queued", "running", "cancelled"]
    assert sum(found["outcomes"].values()) == found["jobs"] == 4
    assert (found["state"], found["reason"], found["attempts"]) == ("paused", "max-requests", 3)
    assert found["debited"] == {"yes": 3, "no": 0, "unknown": 0}
    assert found["spent"] == {"check": 3}
    assert [set(lane) for lane in found["lanes"]] == [{"provider", "state", "reason", "until", "rate", "in_flight"}]


def test_caps_count_over_the_life_of_the_batch_and_are_kept(place: Place) -> None:
    """The same command stops at once; raising the cap goes on; exit 5 each time."""
    place.write_list(emails(10))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        assert place.run(r, batch, max_requests=4).exit_code == 5
        kept = place.run(r, batch)
        assert (kept.exit_code, kept.sent, kept.status.reason) == (5, 0, "max-requests")
        assert place.run(r, batch, max_requests=100, max_spend="7").sent == 3
        assert place.run(r, batch, max_spend="7.5").sent == 0
        assert place.run(r, batch, max_spend="defastra=1000").sent == 3


def test_limit_holds_for_one_run(place: Place) -> None:
    """--limit stops a run, not the batch."""
    place.write_list(emails(5))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        assert [place.run(r, batch, limit=2).exit_code for _ in range(3)] == [5, 5, 0]
    assert len(place.values()) == 5


def test_in_doubt_is_held_and_resolved(place: Place) -> None:
    """A dropped connection is neither failed nor sent again; a person's word moves it."""
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=True)])
        held = place.run(r, batch, in_flight=1)
        assert (held.exit_code, held.in_doubt, held.status.outcomes[JobState.IN_DOUBT]) == (3, 1, 1)
        (doubt,) = r.doubts(batch)
        assert doubt.attempt.debited is Debited.UNKNOWN
        assert "1 request was sent but the line broke" in r.doubt_text(batch)
        assert "Defastra may have charged up to 1 check." in r.doubt_text(batch)
        assert place.run(r, batch).sent == 0
        steered = r.resolve(batch, "not-charged", row=doubt.row)
        assert (steered.changed, steered.state) == (1, BatchState.READY)
        assert place.run(r, batch).exit_code == 0
        with pytest.raises(BatchError, match="in doubt"):
            r.resolve(batch, "charged")
    assert len(place.values()) == 4


def test_resend_once_releases_doubts_held_earlier(place: Place) -> None:
    """Once each, marked; what is dropped twice stays in doubt."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=True)])
        assert place.run(r, batch, in_flight=1).exit_code == 3
        place.world.next([Behaviour(manner=Manner.DROP, charged=True)])
        again = place.run(r, batch, in_doubt="resend-once")
        assert (again.released, again.exit_code) == (1, 3)
        assert place.run(r, batch, in_doubt="resend-once").sent == 0
        (story,) = r.explain(batch, r.doubts(batch)[0].row)
    assert story.possible_double_charge
    assert len(story.attempts) == 2


def test_failures_that_are_not_final_are_tried_again_by_the_same_command(place: Place) -> None:
    """Attempts used up on a passing error; the next command queues them again, once, and says so."""
    place.write_list([*emails(1), "rule-system-error@example.com"])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        first = place.run(r, batch)
        assert first.exit_code == 3
        sent = len(place.values())
        again = place.run(r, batch)
        assert again.requeued == 1
        assert again.exit_code == 3
        assert len(place.values()) > sent


def test_final_failures_need_retry(place: Place) -> None:
    """The same command leaves them; retry queues them by rule."""
    place.write_list([*emails(2), "rule-invalid-request-email@example.com"])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        first = place.run(r, batch)
        (failed,) = r.explain(batch, 3)
        assert (first.exit_code, failed.state, failed.final) == (3, "failed", True)
        assert place.run(r, batch).sent == 0
        with pytest.raises(BatchError):
            r.retry(batch, "failed:no-such-rule")
        assert r.retry(batch, f"failed:{failed.reason}").changed == 1
        assert place.run(r, batch).sent == 1


def test_a_missing_key_stops_before_anything_is_touched(place: Place) -> None:
    """Exit 2, nothing sent, the batch as it was; where nothing is due no key is needed."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        del place.environ["DEFASTRA_API_KEY"]
        with pytest.raises(ConfigError, match="key of Defastra is missing"):
            place.run(r, batch)
        assert r.status(batch).state is BatchState.READY
        assert not r.preflight(batch).lanes[0].key_present


def test_a_wire_that_cannot_be_built_leaves_the_batch_as_it_was(place: Place) -> None:
    """Found before the run begins: nothing to recover from."""
    place.write_list(emails(2))
    place.breaks = True
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with pytest.raises(ConfigError, match="cannot travel"):
            place.run(r, batch)
        assert r.status(batch).state is BatchState.READY
        place.breaks = False
        result = place.run(r, batch)
    assert (result.exit_code, result.notices) == (0, ())


def test_an_export_never_replaces_what_it_did_not_write(place: Place) -> None:
    """Refused before the first request; our own file is replaced, a changed one is not, --overwrite does."""
    place.write_list(emails(2))
    target = place.folder / "out.csv"
    target.write_text("somebody's work")
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with pytest.raises(BatchError, match="was not written by"):
            place.run(r, batch, output="out.csv")
        assert place.values() == []
        assert place.run(r, batch, output="out.csv", overwrite=True).exit_code == 0
        assert place.run(r, batch, output="auto").target == str(target)
        target.write_text(target.read_text() + "edited\n")
        with pytest.raises(BatchError, match="was not written by"):
            r.export(batch, target)


def test_failed_rows_load_again_as_they_are(place: Place) -> None:
    """`only="failed"` has the user's own columns, invalid rows included."""
    place.write_list([*emails(1), "rule-invalid-request-email@example.com", "broken"])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"], max_invalid="100%")
        place.run(r, batch)
        r.export(batch, "again.csv", only="failed")
        assert (
            place.folder / "again.csv"
        ).read_text() == "id,email\n2,rule-invalid-request-email@example.com\n3,broken\n"
        for wrong, meant in {"filed": "failed", "refused": "invalid"}.items():
            with pytest.raises(UsageError, match="no state") as caught:
                r.export(batch, "x.csv", only=wrong)
            assert caught.value.fix == f"--only {meant}"
        with pytest.raises(UsageError, match="no column"):
            r.export(batch, "x.csv", columns=["risk"])
