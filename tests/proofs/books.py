"""A folder's database held against its provider's books: what was lost, what was paid twice, what is in doubt."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from tests.proofs.place import Place, holds, same
from tests.sandbox.process import Sandbox

OPEN = "SELECT client_request_id FROM v_attempts WHERE closed_at IS NULL"
_ATTEMPTS = """
SELECT a.client_request_id, a.job, v.debited, a.resolution, w.attempt IS NOT NULL
FROM attempts AS a JOIN v_attempts AS v ON v.attempt = a.id LEFT JOIN answers AS w ON w.attempt = a.id
"""
_ROWS = 'SELECT batch, "row", value, state, reason, job, possible_double_charge FROM v_outcomes ORDER BY batch, "row"'
_PUT_BACK = "SELECT coalesce(sum(detail ->> 'answers'), 0) FROM v_events WHERE event = 'answers.recovered'"
MANY = 100
CRASHES = 3  # of which a request has to be on the wire to be given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Counts of one folder or, added up, of many. The first five are violations of a promise unless they are 0."""

    rows_lost: int = 0
    without_attempt: int = 0  # requests that no attempt was committed for
    answers_lost: int = 0  # sent whole to a process that lived on, and not stored
    unexplained: int = 0  # charges beyond the first that no recorded release from doubt explains, or not marked
    misjudged: int = 0  # stored as charged or as not charged, and it was the other
    rows: int = 0
    requests: int = 0
    in_doubt: int = 0  # requests that ended in doubt, released ones included
    gap: int = 0  # of these: answered whole before the process died, in the moment before its commit
    twice: int = 0  # values charged twice, each marked and explained
    put_back: int = 0  # answers that were kept beside the database, and stored by a later run
    poisoned: int = 0  # rows given up because they were on the wire at three deaths

    def __add__(self, other: Books) -> Books:
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return Books(**{name: operator.add(mine, theirs) for name, mine, theirs in pairs})

    def __str__(self) -> str:
        kept = (
            f"rows lost {self.rows_lost}, requests without an attempt {self.without_attempt}, "
            f"answers lost {self.answers_lost}, unexplained double charges {self.unexplained}, "
            f"charges misjudged {self.misjudged}"
        )
        rest = (
            f"{self.in_doubt} in doubt ({self.gap} answered in the gap before the commit), {self.twice} charged twice"
        )
        rest += f", {self.put_back} answers kept beside and put back, {self.poisoned} rows given up"
        return f"{self.rows} rows, {self.requests} requests: {kept}; {rest}"

    def check(self) -> None:
        """AssertionError on a violation, with all counts."""
        broken = self.rows_lost + self.without_attempt + self.answers_lost + self.unexplained + self.misjudged
        holds(str(self), not broken)

    def check_seen(self, strikes: int, *names: str) -> None:
        """AssertionError if one of these never came up, although there were many strikes: nothing was proved of it."""
        unseen = [name for name in names if not getattr(self, name)]
        holds(f"{strikes} strikes, and never: {', '.join(unseen)}; {self}", not unseen or strikes < MANY)


class _Attempt(NamedTuple):
    job: int
    debited: str
    resolution: str | None
    answered: bool  # its answer is stored


def compare(
    place: Place, world: Sandbox, lists: Mapping[str, Sequence[str]], *, deaths: Mapping[str, float] | None = None
) -> Books:
    """Count. `lists`: the values of each batch, as they were in its file. `deaths`: by client request id of each
    attempt that was open when its process died, when that was (monotonic seconds).

    AssertionError for what no count is kept of: the state of a row, or its line in the exported file, is wrong.
    """
    ledger, deaths = world.ledger(), deaths or {}
    attempts = {name: _Attempt(*rest) for name, *rest in place.query(_ATTEMPTS)}
    outcomes = place.query(_ROWS)
    _check_states(outcomes, attempts, deaths)
    seen = Counter(entry["client_request_id"] for entry in ledger)
    known = [entry for entry in ledger if entry["client_request_id"] in attempts]
    unstored = [
        entry
        for entry in known
        if entry["answered_at"] is not None and not attempts[entry["client_request_id"]].answered
    ]
    in_time = [entry for entry in unstored if entry["answered_at"] < deaths.get(entry["client_request_id"], 1e18)]
    gap = sum(entry["client_request_id"] in deaths for entry in in_time)
    doubted = {name for name, one in attempts.items() if one.debited == "unknown" or one.resolution is not None}
    twice, unexplained = _charges(ledger, attempts, outcomes)
    return Books(
        rows_lost=_rows_lost(place, lists, outcomes),
        without_attempt=sum(count - (name in attempts) for name, count in seen.items()),
        answers_lost=len(in_time) - gap,
        unexplained=unexplained,
        misjudged=sum(_misjudged(entry, attempts[entry["client_request_id"]]) for entry in known),
        rows=len(outcomes),
        requests=len(ledger),
        in_doubt=len(doubted),
        gap=gap,
        twice=twice,
        put_back=place.number(_PUT_BACK),
        poisoned=sum(reason == "poison" for _, _, _, _, reason, *_ in outcomes),
    )


def total(books: Iterable[Books]) -> Books:
    """All of them added up."""
    return sum(books, Books())


def _check_states(
    outcomes: Iterable[tuple[Any, ...]], attempts: Mapping[str, _Attempt], deaths: Mapping[str, float]
) -> None:
    """All rows are over: succeeded; in doubt if open at a death; given up if open at three."""
    died = Counter(attempts[name].job for name in deaths)
    for batch, row, _, state, reason, job, _ in outcomes:
        explained = (
            state == "succeeded"
            or (state == "in_doubt" and (died[job] > 0 or not deaths))
            or (reason == "poison" and died[job] >= CRASHES)
        )
        holds(f"row {row} of {batch} is {state} ({reason}), open at {died[job]} deaths", explained)


def _misjudged(entry: Mapping[str, Any], attempt: _Attempt) -> bool:
    charged = bool(entry["charged"])
    return (attempt.debited == "no" and charged) or (attempt.debited == "yes" and not charged)


def _rows_lost(place: Place, lists: Mapping[str, Sequence[str]], outcomes: Iterable[tuple[Any, ...]]) -> int:
    stored: dict[str, list[str]] = {batch: [] for batch in lists}
    for batch, _, value, *_ in outcomes:
        stored[batch].append(value)
    lost = 0
    for batch, values in lists.items():
        same(f"lines of {batch}.csv", [row[1] for row in place.rows(f"{batch}.csv")[1:]], list(values))
        lost += sum((Counter(values) - Counter(stored[batch])).values())
        lost += sum((Counter(stored[batch]) - Counter(values)).values())  # one too many is as bad
    return lost


def _charges(
    ledger: Iterable[Mapping[str, Any]], attempts: Mapping[str, _Attempt], outcomes: Iterable[tuple[Any, ...]]
) -> tuple[int, int]:
    """How many values were charged twice; how many charges nothing explains."""
    outcomes = list(outcomes)
    released = Counter(one.job for one in attempts.values() if one.resolution == "resend")
    allowed = {value: 1 + released[job] for _, _, value, _, _, job, _ in outcomes}
    marked = {value for _, _, value, *_, mark in outcomes if mark}
    charged = Counter(entry["value"] for entry in ledger if entry["charged"])
    often = {value: count for value, count in charged.items() if count > 1}
    unexplained = sum(max(0, count - allowed.get(value, 0)) for value, count in charged.items())
    return len(often), unexplained + len(set(often) - marked)
