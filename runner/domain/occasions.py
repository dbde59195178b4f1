"""What somebody who is not there wants to be told of a batch."""

from __future__ import annotations

from enum import StrEnum


class Occasion(StrEnum):
    """Each is told once: a run that finds a batch as the last one left it tells nothing again."""

    FINISH = "finish"  # every request has ended, or nothing more of the batch is sent after a halt that was told
    HALT = "halt"  # a provider of the batch needs a person, or the run broke
    PARKED = "parked"  # it waits for the provider's reset
    CAP = "cap"  # a limit of yours is reached
    LOW_BALANCE = "low-balance"  # a provider says little is left, or less than what waits costs
