"""Answers by one rule, one after the other: what `halt_after` counts, for each operation of a batch."""

from __future__ import annotations

from runner.domain.model import AttemptId

ENOUGH = 1_000_000
"""Stands for a streak that has tripped: what was on its way meanwhile meets the same fate, not a new count."""


class Streaks:
    """Counts, and remembers whose jobs go back to the queue when a streak trips."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}
        self._attempts: dict[str, list[AttemptId]] = {}
        self._tripped: set[tuple[str, str]] = set()

    def length(self, operation: str, rule: str) -> int:
        """How many answers by this rule came last, one after the other."""
        if (operation, rule) in self._tripped:
            return ENOUGH
        return len(self._attempts.get(operation, ())) if self._rules.get(operation) == rule else 0

    def extend(self, operation: str, rule: str, attempt: AttemptId) -> None:
        """One more by this rule."""
        if self._rules.get(operation) != rule:
            self.end(operation)
        self._rules[operation] = rule
        self._attempts.setdefault(operation, []).append(attempt)

    def trip(self, operation: str, rule: str) -> tuple[AttemptId, ...]:
        """It was one too many: the attempts before it, whose jobs were judged too early."""
        earlier = tuple(self._attempts.get(operation, ())) if self._rules.get(operation) == rule else ()
        self.end(operation)
        self._tripped.add((operation, rule))
        return earlier

    def end(self, operation: str) -> None:
        """Something else was answered."""
        self._rules.pop(operation, None)
        self._attempts.pop(operation, None)
