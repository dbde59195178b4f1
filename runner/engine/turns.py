"""The slots of an account, handed out in turns: so a short list is through long before a long one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio

FAVOUR = 2
"""Turns in a row of the list with the least to do while others wait. A list of 100 then takes half as long again as it
takes alone, and one of 200,000 beside it hardly notices; strict halves would double the short one's time."""


class Turns:
    """So many slots at once. Whoever finds none free queues, and is given one in turn."""

    def __init__(self, slots: int, favoured: Callable[[], object]) -> None:
        """`favoured`: who goes first, asked at each turn: the first lane of the account, the shortest list when the run
        began."""
        self._free = slots
        self._favoured = favoured
        self._waiting: deque[tuple[object, anyio.Event]] = deque()
        self._in_a_row = 0

    def __repr__(self) -> str:
        return f"<Turns {self._free} slots free, {len(self._waiting)} wait>"

    def take_now(self, lane: object) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if not self._free or self._waiting:
            return False
        self._free -= 1
        return True

    async def take(self, lane: object) -> None:
        """Wait for a slot. Cancelling the wait gives it on."""
        if self.take_now(lane):
            return
        turn = (lane, anyio.Event())
        self._waiting.append(turn)
        try:
            await turn[1].wait()
        except BaseException:
            if turn[1].is_set():
                self.give()
            else:
                self._waiting.remove(turn)
            raise

    def give(self) -> None:
        """A slot is free again: the next in turn has it."""
        if not self._waiting:
            self._free += 1
            return
        turn = self._next()
        self._waiting.remove(turn)
        turn[1].set()

    def _next(self) -> tuple[object, anyio.Event]:
        """The favoured lane's oldest, unless it had its turns while others waited; else the oldest of the others."""
        favoured = self._favoured()
        mine = next((turn for turn in self._waiting if turn[0] is favoured), None)
        other = next((turn for turn in self._waiting if turn[0] is not favoured), None)
        if mine is not None and (other is None or self._in_a_row < FAVOUR):
            self._in_a_row += 1 if other is not None else 0
            return mine
        self._in_a_row = 0
        if other is None:
            raise AssertionError("called for those who wait")
        return other
