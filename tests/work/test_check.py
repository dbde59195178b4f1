"""`check`: what it says is what the real run then does, and it leaves no trace."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.model import Answer
from runner.domain.states import BatchState, JobState
from runner.errors import InputError, SchemaError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from tests.app.place import QUICK, Place, emails

OPERATION = ["defastra.email"]
PRICED = f'{QUICK}\n[prices]\n"defastra.check" = "0.02 EUR"\n'

CELLS = st.sampled_from(
    ["a@example.com", "A@Example.COM", " a@example.com", "b@example.com", "c@EXAMPLE.com", "", "no address", "d@x.test"]
)
PHONES = st.sampled_from(["+4930123456", "0049 30 123456", "+14155550100", "+1 415 555 0100", "", "3.36E+10"])


def state_of(folder: Path) -> dict[str, str]:
    """Every file of a folder by its content. An empty log and its index are what any reader of SQLite's leaves."""
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    assert not found.pop("runner.db-wal", b"")
    found.pop("runner.db-shm", None)
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


@settings(max_examples=8, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, PHONES), min_size=1, max_size=12),
    more=st.lists(st.tuples(CELLS, PHONES), max_size=6),
    both=st.booleans(),
    limit=st.none() | st.integers(1, 5),
)
def test_what_check_counts_is_what_the_provider_then_sees(
    rows: list[tuple[str, str]], more: list[tuple[str, str]], both: bool, limit: int | None
) -> None:
    """For any list: the first time, with a limit, for the rest, and with rows added. The provider's ledger decides."""
    asked = [*OPERATION, "defastra.phone"] if both else OPERATION
    given_flags: dict[str, Any] = {"max_invalid": 1.0, "mapping": ["email=email", *(["phone=phone"] if both else [])]}
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        write(place, rows)
        for add in (False, False, True):
            if add:
                write(place, [*more, *rows])
            with place.runner() as r:
                plan = r.check("leads.csv", asked, limit=limit, add=add, **given_flags).plan
            with place.runner() as r:
                loaded = r.load("leads.csv", asked, add=add, **given_flags)
                real = r.preflight(loaded, limit=limit)
                before = len(place.world.books.entries)
                place.run(r, loaded, limit=limit)
            assert (plan.batch, plan.rows, plan.not_sent, plan.shared) == (
                loaded.batch,
                loaded.rows,
                loaded.not_sent,
                loaded.shared,
            )
            assert (plan.requests, plan.at_most) == (real.requests, real.at_most)
            assert plan.at_most == len(place.world.books.entries) - before
            assert (dict(plan.invalid), dict(plan.countries)) == (dict(loaded.invalid), dict(loaded.countries))
            limit = None


def write(place: Place, rows: list[tuple[str, str]]) -> None:
    """A list of e-mails and phones."""
    lines = ["email,phone", *(f"{email},{phone}" for email, phone in rows)]
    (place.folder / "leads.csv").write_text("\n".join(lines) + "\n")


def test_a_new_list_leaves_no_trace(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No database, no batch, no request, nothing in the temporary folder."""
    temporary = tmp_path / "temporary"  # the machine's own is used by other tests at the same time
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    place.write_list([*emails(3), "nobody", ""])
    before = state_of(place.folder)
    with place.runner() as r:
        checked = r.check("leads.csv", OPERATION)
    assert state_of(place.folder) == before
    assert list(temporary.iterdir()) == []
    assert place.values() == []
    assert checked.problems == ()
    plan = checked.plan
    assert (plan.batch, plan.state, plan.requests, plan.rows) == ("leads-defastra-email", BatchState.READY, 3, 5)
    assert plan.invalid_rows == {"invalid:email": ((4, 5),), "invalid:empty": ((5, 6),)}
    assert "no database yet" in plan.notices[-1]


def test_a_database_is_read_and_not_written(place: Place) -> None:
    """Whatever is checked beside it: its batch, a list that grew, another list, one that is refused."""
    place.write_list(emails(4))
    place.write_list(emails(9), name="other.csv")
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION), limit=2)
    before = state_of(place.folder)
    with place.runner() as r:
        assert r.check("leads.csv").plan.requests == 2
        assert r.check_batch("leads").plan.requests == 2
        assert r.check("other.csv", OPERATION).plan.requests == 9
        with pytest.raises(InputError):
            r.check("other.csv", ["defastra.phone"])
    place.write_list(emails(6))
    with place.runner() as r:
        assert r.check("leads.csv", add=True).plan.requests == 4
        assert r.check("leads.csv").problems
    place.write_list(emails(4))
    assert state_of(place.folder) == before


def test_refused_rows_are_named_three_of_each_reason(place: Place) -> None:
    """By row and line, also of a batch that was worked on already."""
    place.write_list([*emails(30), *["bad"] * 5, ""])
    with place.runner() as r:
        first = r.check("leads.csv", OPERATION).plan
        assert first.invalid_rows["invalid:email"] == ((31, 32), (32, 33), (33, 34))
        place.run(r, r.load("leads.csv", OPERATION))
        assert r.check("leads.csv").plan.invalid_rows == first.invalid_rows


def test_paid_answers_elsewhere_are_announced_as_the_run_would(place: Place) -> None:
    """The same sentence before the list is a batch and after: which batch, how many values, of how many."""
    place.write_list(emails(6))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION))
        place.write_list(emails(10), name="more.csv")
        checked = r.check("more.csv", OPERATION).plan.known
        assert [(one.batches, one.values, one.of) for one in checked] == [({"leads-defastra-email": 6}, 6, 10)]
        assert checked == r.preflight(r.load("more.csv", OPERATION)).known


def test_a_list_that_changed_is_told_what_each_answer_would_send(place: Place) -> None:
    """Unfinished: both figures, and what of a new batch is paid for already. It cannot be sent as it is."""
    place.write_list(emails(6))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION), limit=4)
        place.write_list(emails(8))
        checked = r.check("leads.csv", OPERATION)
        (problem,) = checked.problems
        assert problem.what == "leads-defastra-email is not finished, and the list changed"
        assert "two lists. The list has 6 of its 6 rows: 0 are gone, 2 are new. --add" in problem.why
        assert "--add would send 4 requests, 4 checks. --new would send 8 requests, 8 checks, 4 of them" in problem.why
        assert "--add" in problem.fix
        (problem,) = r.check("leads.csv", OPERATION, max_requests=5).problems
        assert "--add would send 1 of 4 requests (--max-requests 5), 1 check. --new would send 5 of 8" in problem.why
        assert r.check("leads.csv", OPERATION, new=True).plan.batch == "leads-defastra-email-2"
        place.run(r, r.load("leads.csv", OPERATION, add=True))
    assert len(place.values()) == 8


def test_a_list_that_changed_after_completion_is_a_new_batch(place: Place) -> None:
    """Named as the run would name it, and told."""
    place.write_list(emails(2))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION))
        place.write_list(emails(3))
        plan = r.check("leads.csv", OPERATION).plan
        assert (plan.batch, plan.requests) == ("leads-defastra-email-2", 3)
        assert any("is over and the list changed" in notice for notice in plan.notices)


def test_failures_that_the_same_command_tries_again_are_counted(tmp_path: Path) -> None:
    """A completed batch with attempts used up on something transient: the run queues them once more."""
    place = Place(tmp_path, toml=f"{QUICK}retry = {{ attempts = 1 }}\n")
    place.write_list([*emails(3), "rule-system-error@example.com"])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        assert place.run(r, batch).status.outcomes[JobState.FAILED] == 1
        assert r.check_batch(batch).plan.requests == 1
        assert r.preflight(batch).requests == 1
        before = len(place.values())
        place.run(r, batch)
        assert len(place.values()) - before == 1


def test_doubts_that_the_policy_sends_again_are_counted(place: Place) -> None:
    """`resend-once` is kept with the batch: what is in doubt is sent once more by the next run."""
    place.write_list(emails(4))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=True)])
        place.run(r, batch, limit=2)
        assert r.check_batch(batch).plan.requests == 2
        place.run(r, batch, in_doubt="resend-once", limit=1)
        before = len(place.values())
        planned = r.check_batch(batch).plan.requests
        place.run(r, batch)
        assert len(place.values()) - before == planned


def test_a_missing_key_is_a_problem_with_its_fix(place: Place) -> None:
    """So is one of the wrong shape; where nothing is to be sent there, it is none."""
    place.write_list(emails(2))
    key = place.environ.pop("DEFASTRA_API_KEY")
    with place.runner() as r:
        (problem,) = r.check("leads.csv", OPERATION).problems
        assert problem.fix == "export DEFASTRA_API_KEY=..."
        assert r.check("leads.csv", OPERATION, max_requests=0).plan.at_most == 0
    place.environ["DEFASTRA_API_KEY"] = key
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION))
    place.environ.clear()
    with place.runner() as r:
        assert r.check("leads.csv").problems == ()


def test_a_batch_that_rests_is_a_problem(place: Place) -> None:
    """Paused by a person, or cancelled: a run would send nothing of it."""
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        r.pause(batch)
        (problem,) = r.check("leads.csv").problems
        assert (problem.what, problem.fix) == ("leads-defastra-email was paused by a person", "runner resume leads")
        r.resume(batch)
        assert r.check("leads.csv").problems == ()
        r.cancel(batch)
        assert [one.what for one in r.check("leads.csv").problems] == ["leads-defastra-email was cancelled"]


def test_a_batch_that_waits_for_its_provider_is_a_problem_until_then(place: Place) -> None:
    """As the run: before that time it sends nothing, with rows added neither."""
    place.write_list(emails(3))
    refusal = b'{"status": false, "error_type": "RATE_LIMITED_1_MINUTE"}'
    place.world.next([Behaviour(answer=Answer(status=429, headers=(("retry-after", "7200"),), body=refusal))])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        assert place.run(r, batch).exit_code == 6
        for add in (False, True):
            place.write_list(emails(3 + add))
            (problem,) = r.check("leads.csv", OPERATION, add=add).problems
            assert problem.what.startswith("leads-defastra-email waits until 20")
            assert problem.fix.startswith("runner run leads ")
        place.time.before += 7201
        assert r.check_batch(batch).problems == ()


def test_a_cap_that_cannot_hold_is_refused_as_by_the_run(place: Place) -> None:
    """And so are a wrong rate, a wrong time of day, and two wishes at once."""
    place.write_list(emails(3))
    with place.runner() as r:
        for wrong in (
            {"max_spend": "acme=3"},
            {"rate": "3"},
            {"until": "7"},
            {"limit": 0},
            {"add": True, "new": True},
        ):
            with pytest.raises(UsageError):
                r.check("leads.csv", OPERATION, **wrong)
    assert not (place.folder / "runner.db").exists()


def test_an_older_database_is_not_upgraded_by_a_look(place: Place) -> None:
    """It is told what would bring it up to date; the file is as it was."""
    place.write_list(emails(3))
    with place.runner() as r:
        r.load("leads.csv", OPERATION)
        with r._session.store()._database.write_now() as connection:  # a file of a version that never was
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    before = state_of(place.folder)
    with place.runner() as r, pytest.raises(SchemaError, match="another version") as refused:
        r.check("leads.csv", OPERATION)
    assert refused.value.fix == "runner db upgrade"
    assert state_of(place.folder) == before


def test_a_newer_database_is_not_one_to_upgrade(place: Place) -> None:
    """`db upgrade` would refuse it: what helps is a newer version."""
    place.write_list(emails(3))
    with place.runner() as r:
        r.load("leads.csv", OPERATION)
        with r._session.store()._database.write_now() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = state_of(place.folder)
    with place.runner() as r, pytest.raises(SchemaError, match="newer version") as refused:
        r.check("leads.csv", OPERATION)
    assert refused.value.fix == "pip install --upgrade bulk-runner"
    assert state_of(place.folder) == before
