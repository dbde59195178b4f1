"""P1, P2, P22 and the sums: what the file says of itself, and of the list it was given."""

from __future__ import annotations

import csv
import json
from typing import Any

from runner.work.ending import ADDED
from tests.simulation.oracles.base import Oracle, Seen, hold
from tests.simulation.oracles.invariants import AT_REST, INVARIANTS
from tests.simulation.record import Command, End, Life

_ATTEMPTS = "SELECT id, * FROM attempts"
_ANSWERS = "SELECT attempt, headers, body, truncated FROM answers"
_DISTINCT = """
SELECT operation, lower(value), count(*) FROM jobs GROUP BY batch, operation, lower(value) HAVING count(*) > 1
"""
_ENDED_BADLY = """
SELECT count(*) FROM jobs AS j JOIN batches AS b ON b.id = j.batch
WHERE b.name = ? AND (j.state NOT IN ('succeeded') OR b.state <> 'completed')
"""

REFUSALS = ("UsageError", "BusyError", "ConfigError")
"""What a person is told before anything is sent; any other refusal needs a disk in trouble."""


class States(Oracle):
    """The database after commits, after lives and in the end."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self._attempts: dict[int, dict[str, Any]] = {}
        self._answers: dict[int, tuple[Any, ...]] = {}

    def on_commit(self, point: str) -> None:
        """In one night of ten: the sums, after every commit that changed something."""
        if self.seen.night.options.strict_commits and self.seen.has_changed():
            self._invariants(INVARIANTS, point)

    def on_life(self, life: Life) -> None:
        """P2, P22, and no claim survives an orderly end."""
        broken = life.end in {End.DEADLOCK, End.LIVELOCK, End.BROKEN}
        hold(not broken, "P17", f"life {life.number} is {life.end}: {life.error}")
        refused = life.end is End.REFUSED and not (life.error or "").startswith(REFUSALS)
        named = f"life {life.number} was refused on a disk that is well: {life.error}"
        hold(not refused or bool(self.seen.night.options.disk), "P17", named)
        self._append_only(life)
        self._invariants(INVARIANTS, f"life {life.number}")
        if life.end is End.ENDED and life.command is Command.RUN:
            self._invariants(AT_REST, f"life {life.number}")
            done = self.seen.night.done  # somebody may have queued more, after the batch had ended and before the run
            for batch, code in life.exit_codes.items():
                badly = self.seen.query(_ENDED_BADLY, (batch,))[0][0]
                decided = any(one.life == life.number and one.batch == batch and one.changed for one in done)
                said = f"life {life.number} ended {batch} with 0, and {badly} jobs did not"
                hold(code != 0 or not badly or decided, "P2", said)
                left = life.states[batch] == f"paused:{ADDED}"
                hold(not left or decided, "P2", f"life {life.number} left {batch} with jobs that it could have sent")

    def _append_only(self, life: Life) -> None:
        """P22: attempts never vanish; open ones close, doubts are resolved once, and nothing else changes."""
        now = self._read_attempts()
        for attempt, before in self._attempts.items():
            after = now.get(attempt)
            hold(after is not None, "P22", f"attempt {attempt} vanished in life {life.number}")
            assert after is not None
            changed = {name for name in before if before[name] != after[name]}
            if before["closed_us"] is None:
                fixed = {"job", "batch", "run", "operation", "provider", "number", "opened_us", "client_request_id"}
                hold(not changed & fixed, "P22", f"attempt {attempt} changed {changed & fixed} as it was closed")
            elif before["debited"] == "unknown" and before["resolution"] is None:
                allowed = {"resolution", "resolved_us", "standing"}
                hold(changed <= allowed, "P22", f"attempt {attempt} changed {changed - allowed}")
            else:
                hold(not changed, "P22", f"attempt {attempt} changed {changed} after it was closed")
        answers = {line[0]: line for line in self.seen.query(_ANSWERS)}
        lost = [attempt for attempt, line in self._answers.items() if answers.get(attempt) != line]
        hold(not lost, "P22", f"the answers of attempts {lost} changed")
        self._attempts, self._answers = now, answers

    def _read_attempts(self) -> dict[int, dict[str, Any]]:
        names = [line[1] for line in self.seen.query("PRAGMA table_xinfo(attempts)")]
        return {line[0]: dict(zip(names, line[1:], strict=False)) for line in self.seen.query(_ATTEMPTS)}

    def _invariants(self, invariants: dict[str, str], when: str) -> None:
        for name, sql in invariants.items():
            found = self.seen.query(sql)
            hold(not found, name, f"{when}: {found[:3]}")

    def end(self) -> None:
        """P1: each row is there once, as it was read, and asks each of its operations; each value is one job."""
        self._invariants(AT_REST if self._rested() else {}, "the end")
        twice = self.seen.query(_DISTINCT)
        hold(not twice, "P8", f"{len(twice)} values have more than one job")
        batches = self.seen.query("SELECT id, name, state, visible_row, operations FROM batches")
        for number, name, state, visible, operations in batches:
            given = self.seen.night.rows.get(name)
            if given is None or state == "loading":
                continue
            hold(visible == len(given), "P1", f"{name} has {visible} rows, its list {len(given)}")
            cells = self.seen.query(
                "SELECT cells FROM rows WHERE batch = ? AND number <= ? ORDER BY number", (number, visible)
            )
            differs = [place for place, line in enumerate(cells) if given[place] not in json.loads(line[0])]
            hold(not differs and len(cells) == len(given), "P1", f"{name}: rows {differs} are not as they were read")
            asks = self.seen.query("SELECT count(*) FROM row_jobs WHERE batch = ? AND row <= ?", (number, visible))[0][
                0
            ]
            hold(asks == visible * len(json.loads(operations)), "P1", f"{name} has {asks} entries for {visible} rows")
        for name, path in self.seen.night.exports.items():
            with path.open(newline="", encoding="utf-8-sig") as file:
                lines = list(csv.reader(file))[1:]
            same = len(lines) == len(self.seen.night.rows[name])
            same = same and all(cell in line for cell, line in zip(self.seen.night.rows[name], lines, strict=True))
            hold(same, "P1", f"the export of {name} is not its list")

    def _rested(self) -> bool:
        lives = [life for life in self.seen.night.lives if life.command is Command.RUN]
        return bool(lives) and lives[-1].end is End.ENDED
