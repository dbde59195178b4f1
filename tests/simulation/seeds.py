"""Nights that found something, with a word on what it was. A seed's night changes when what is drawn changes: what each
of them found has a test of its own beside."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.simulation.options import Mode


class Seed(NamedTuple):
    """One night."""

    number: int
    mode: Mode
    found: str


SEEDS: Final = (
    Seed(454, Mode.SAFETY, "a wait asked of one batch was not kept by the run of another one on the account"),
    Seed(476, Mode.SAFETY, "a wait asked for was forgotten where its twentieth refusal halted"),
    Seed(1315456644, Mode.SAFETY, "the oracle of P7 expected an export after a crash to recover"),
    Seed(
        1315459727,
        Mode.SAFETY,
        "the oracle took a wait that was over for one under way, once the clock was set back by half a second",
    ),
    Seed(
        1315454203,
        Mode.SAFETY,
        "the oracle took a wait of seconds for one of a day, once the clock was set back by a day",
    ),
    Seed(559990596, Mode.SAFETY, "the oracle of P8 expected a charge on record of a request that no run came after"),
    Seed(559984860, Mode.SAFETY, "the oracle took a wait that the run had chosen itself for one that was asked for"),
    Seed(559991647, Mode.SAFETY, "the same, by the run of another list"),
    Seed(1769011098, Mode.SAFETY, "two batches at their caps handed the turn to go first to each other without end"),
    Seed(671733301, Mode.SAFETY, "the oracle expected the runner to know of a charge that was booked twice in silence"),
    Seed(1617320880, Mode.SAFETY, "the oracle did not look beside the database for an answer, for its run was killed"),
    Seed(165580212, Mode.SAFETY, "after a crash a request was taken for over 9 ms before it was"),
    Seed(502045839, Mode.SAFETY, "a person's word was kept, and told to have failed for what was written after it"),
)
