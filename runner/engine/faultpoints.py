"""The moments at which a simulation may end the runner, as a killed process ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FaultPoint = Callable[[str], None]
"""Called at the moments named in `FAULT_POINTS`. Real runs pass `no_fault`; a simulation's may raise, and the runner
then ends there as a killed process would."""

FAULT_POINTS: Final = (
    "opened",  # the intent is committed, nothing was sent
    "answered",  # the answer is in hand, the store has not heard of it
    "before-begin",  # the run's writer, around each group
    "before-commit",
    "after-commit",
    "decision-before-commit",  # every other transaction: loads, decisions, recovery, the start and end of runs
    "decision-after-commit",
)


def no_fault(_: str) -> None:
    """Nothing goes wrong on purpose."""
