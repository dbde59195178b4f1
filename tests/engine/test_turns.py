"""Who gets the next slot of an account."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest

from runner.engine.turns import FAVOUR, Turns
from tests.virtual import run_virtual


def order(lanes: dict[str, int], *, slots: int = 1, favoured: str | None = "short", rounds: int = 60) -> list[str]:
    """Who was given a slot, one after the other; so many workers of each lane ask again and again."""
    given: list[str] = []

    async def main() -> None:
        turns = Turns(slots, lambda: favoured)

        async def work(lane: str) -> None:
            while len(given) < rounds:
                await turns.take(lane)
                given.append(lane)
                await anyio.sleep(1)
                turns.give()

        async with anyio.create_task_group() as group:
            for lane, workers in lanes.items():
                for _ in range(workers):
                    group.start_soon(work, lane)

    run_virtual(main)
    return given


def test_the_shorter_list_has_two_turns_for_each_of_the_others() -> None:
    """However many workers the other lanes have."""
    counts = Counter(order({"long": 9, "short": 3, "longer": 9}))
    assert FAVOUR == 2
    assert 38 <= counts["short"] <= 42
    assert counts["long"] + counts["longer"] == len(order({"long": 9, "short": 3, "longer": 9})) - counts["short"]


def test_the_others_are_served_in_the_order_in_which_they_asked() -> None:
    """Nobody is passed over for ever."""
    given = order({"long": 4, "longer": 4})
    assert given[:8] == given[8:16] == given[16:24]
    assert Counter(given[:8]) == {"long": 4, "longer": 4}


def test_alone_a_lane_has_every_slot() -> None:
    """Turns cost nothing where nobody else waits."""
    assert set(order({"short": 3}, slots=2)) == {"short"}


def test_a_cancelled_wait_loses_no_slot() -> None:
    """Whether it is cancelled before its turn or in the very moment of it: then it may have it, and gives it back."""

    async def main() -> None:
        turns = Turns(1, lambda: None)
        assert turns.take_now("a")
        scopes: list[anyio.CancelScope] = []

        async def wait() -> None:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await turns.take("b")
                turns.give()

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            group.start_soon(wait)
            await anyio.sleep(1)
            scopes[0].cancel()
            await anyio.sleep(1)
            turns.give()  # the second one's turn comes in the moment in which it is cancelled
            scopes[1].cancel()
        assert turns.take_now("c")
        assert not turns.take_now("d")

    run_virtual(main)


@pytest.mark.parametrize("slots", [1, 3])
def test_never_more_than_there_are(slots: int) -> None:
    """Slots given and not given back."""

    async def main() -> None:
        turns = Turns(slots, lambda: "a")
        held = most = 0

        async def work(lane: str) -> None:
            nonlocal held, most
            for _ in range(20):
                await turns.take(lane)
                held += 1
                most = max(most, held)
                await anyio.sleep(0.1)
                held -= 1
                turns.give()

        async with anyio.create_task_group() as group:
            for lane in "aabbcc":
                group.start_soon(work, lane)
        assert most == slots

    run_virtual(main)
