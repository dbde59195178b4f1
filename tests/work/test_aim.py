"""Proposed commands reach the database and the settings that the command at work was given."""

import pytest

from runner.sandbox.replies import Behaviour, Manner
from runner.work.aim import aimed
from tests.app.place import Place, emails

FLAGS = ("--db", "my books.db", "--config", "ours.toml")
TOLD = "--db 'my books.db' --config ours.toml"


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [
        ("runner doubt list leads", f"runner doubt list {TOLD} leads"),
        ("runner status   (lists the batches)", f"runner status {TOLD}   (lists the batches)"),
        (
            "runner retry leads --only failed:402 sends it again",
            f"runner retry {TOLD} leads --only failed:402 sends it again",
        ),
        (
            "Put it back, then: runner run leads; or: runner export leads -o 'a, b.csv' --only failed",
            f"Put it back, then: runner run {TOLD} leads; or: runner export {TOLD} leads -o 'a, b.csv' --only failed",
        ),
        (
            "runner export leads -o 'a, b.csv' --db x.db",
            "runner export --config ours.toml leads -o 'a, b.csv' --db x.db",
        ),
        ("`runner db upgrade`", f"`runner db upgrade {TOLD}`"),
    ],
)
def test_each_command_gets_the_flags_that_it_lacks(proposed: str, expected: str) -> None:
    """Right behind its name, for what follows may end in prose; one that is there is not given twice."""
    assert aimed(proposed, FLAGS) == expected
    assert aimed(expected, FLAGS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "runner init --provider defastra",
        "runner demo",
        "runner run --help",
        "runner doubt --help",
        "saved; no runner run before this is understood",
        "bulk-runner run",
        "this is not a runner database",
    ],
)
def test_what_takes_no_such_flag_stays_as_it_is(text: str) -> None:
    """Commands that work on no database, help, and prose."""
    assert aimed(text, FLAGS) == text


def test_without_flags_nothing_is_changed() -> None:
    """A command that was given none proposes none."""
    assert aimed("runner run leads", ()) == "runner run leads"


def test_what_the_library_returns_is_aimed(place: Place) -> None:
    """Problems, what is next for a row, findings: each command acts on the database that was opened."""
    place.write_list(emails(2))
    with place.runner("other.db") as r:
        batch = r.load("leads.csv", ["defastra.email"])
        (story,) = r.explain(batch, 1)
        r.pause(batch)
        (problem,) = r.check("leads.csv").problems
        r.resume(batch)
        place.world.next([Behaviour(manner=Manner.DROP)])
        place.run(r, batch, limit=1)
        (finding,) = [one for one in r.doctor(offline=True) if one.about == "batch"]
        proposed = [r.status(batch).next.command, story.next, problem.fix, finding.fix]
    assert [text for text in proposed if " --db other.db" not in text] == []
    assert problem.fix == "runner resume --db other.db leads"
