"""A batch that somebody named with a space: every command that is proposed names it as one word of a shell."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from runner.app import Runner
from runner.domain.model import Resolution
from runner.domain.typed import typed_name
from runner.errors import RunnerError
from runner.sandbox.replies import Behaviour, Manner
from tests.app.place import Place, emails

NAME = "my leads x"
HERE = re.compile(r"runner [^\n;`()]*")


def misnamed(text: str) -> list[str]:
    """The commands of a text in which the batch is not one word; the text itself where it has none."""
    found = [command for command in HERE.findall(text) if "leads" in command]
    return [command for command in found if f" '{NAME}'" not in command] if found else [text]


def refused(ask: Callable[[], object]) -> str:
    """What is proposed instead."""
    with pytest.raises(RunnerError) as error:
        ask()
    return error.value.fix


def loaded(place: Place, r: Runner) -> str:
    """Three rows, not sent."""
    place.write_list(emails(3))
    return r.load("leads.csv", ["defastra.email"], batch=NAME).batch


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("leads-defastra-email+defastra-phone", "leads-defastra-email+defastra-phone"),
        ("müller_2", "müller_2"),
        ("my leads", "'my leads'"),
        (r"b\d", r"'b\d'"),
        ("it's", "'it'\"'\"'s'"),
        ("a;b", "'a;b'"),
        ("~", "'~'"),
    ],
)
def test_a_name_is_quoted_where_a_shell_would_trip_over_it(name: str, typed: str) -> None:
    """Names that are made from a file's never are."""
    assert typed_name(name) == typed
    assert shlex.split(typed) == [name]


def test_a_batch_that_waits_is_named_as_one_types_it(place: Place) -> None:
    """By what comes next, by refusals, and by what a change of its limits leads to."""
    with place.runner() as r:
        batch = loaded(place, r)
        proposed = [
            r.status(batch).next.command,
            refused(lambda: r.tune(batch)),
            refused(lambda: r.tune(batch, in_flight=99)),
            refused(lambda: r.retry(batch)),
            refused(lambda: r.resolve(batch, Resolution.CHARGED)),
            refused(lambda: r.explain(batch, 9)),
            refused(lambda: r.explain(batch, "z@example.com")),
            refused(lambda: r.support(batch, 1)),
            refused(lambda: r.status("my leads z")),
            refused(lambda: r.run_all([batch, batch])),
            r.explain(batch, 1)[0].next,
        ]
        tuned = r.tune(batch, in_flight=2).next
        assert tuned is not None
        proposed.append(tuned.command)
        r.pause(batch)
        proposed += [r.explain(batch, 1)[0].next, *(one.fix for one in r.check("leads.csv").problems)]
        r.cancel(batch)
        proposed += [r.status(batch).next.command, refused(lambda: r.pause(batch))]
    assert [found for text in proposed for found in misnamed(text)] == []


def test_requests_in_doubt_and_failures_name_their_batch_so(place: Place) -> None:
    """What is said of them and of their rows, what is next, and what to do about a file that somebody spoilt."""
    with place.runner() as r:
        batch = loaded(place, r)
        place.world.next([Behaviour(), Behaviour(manner=Manner.DROP), Behaviour(rule="invalid-request-email")])
        place.run(r, batch, in_flight=1)
        proposed = [r.doubt_text(batch), r.status(batch).next.command]
        proposed += [r.explain(batch, row)[0].next for row in (2, 3)]
        assert "runner doubt resolve 'my leads x' --row 2 --as charged" in proposed[2]
        proposed.append(refused(lambda: r.erase(emails(3)[1])))
        r.resolve(batch, Resolution.CHARGED)
        proposed.append(r.status(batch).next.command)
        with closing(sqlite3.connect(r.path, isolation_level=None)) as connection:
            connection.execute("DELETE FROM attempts WHERE job = 1")
        found = [one.fix for line in r.verify().lines for one in line.problems if "leads" in one.fix]
        assert found
        proposed += found
    assert [found for text in proposed for found in misnamed(text)] == []
