"""The simulated loop: what it promises, and what it relies on in asyncio and anyio."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio._backends._asyncio import CancelScope

from tests.simulation.axis import Axis
from tests.simulation.loop import CrashError, DeadlockError, LivelockError, NoThreadsError, SimLoop, SimTask


async def _race(count: int = 6) -> list[int]:
    order: list[int] = []

    async def run(number: int) -> None:
        await anyio.sleep(1)
        order.append(number)

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(run, number)
    return order


def test_any_ready_callback_may_be_next() -> None:
    """Different seeds run the same tasks in different orders; one seed always in the same."""
    orders = {tuple(SimLoop(seed).live(_race())) for seed in range(40)}
    assert len(orders) > 20
    assert SimLoop(7).live(_race()) == SimLoop(7).live(_race())


def test_waiting_costs_nothing_and_is_never_short() -> None:
    """A day passes at once, and a timer fires a moment late rather than early."""

    async def main() -> float:
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(86_400.1)
        return asyncio.get_running_loop().time() - before

    passed = SimLoop(1, began_at=1e6 / 3).live(main())
    assert 86_400.1 <= passed < 86_400.1001


def test_waiting_for_nothing_is_a_deadlock_that_names_the_waiters() -> None:
    """Nobody will ever set the event."""

    async def waits_in_vain() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match=r"waits_in_vain:\d+ > Event.wait"):
        SimLoop(1).live(waits_in_vain())


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_going_on_for_ever_is_a_livelock(seconds: float) -> None:
    """By steps where no time passes, else by time."""

    async def for_ever() -> None:
        for _ in itertools.count():
            await asyncio.sleep(seconds)

    with pytest.raises(LivelockError, match="for_ever"):
        SimLoop(1, seconds=100.0, steps=1000).live(for_ever())


def test_threads_are_refused() -> None:
    """Their timing would be the machine's."""

    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, print)

    with pytest.raises(NoThreadsError):
        SimLoop(1).live(main())


def test_tasks_and_scopes_are_walked_in_the_order_of_their_creation() -> None:
    """Where they are in memory must not decide who is cancelled first."""

    async def main() -> tuple[list[int], list[list[int]]]:
        tasks = {asyncio.ensure_future(asyncio.sleep(0)) for _ in range(50)}
        numbers = [task.number for task in tasks if isinstance(task, SimTask)]
        await asyncio.gather(*tasks)
        lots = [[CancelScope() for _ in range(50)] for _ in range(5)]
        return numbers, [[lot.index(scope) for scope in set(lot)] for lot in lots]

    numbers, orders = SimLoop(1).live(main())
    assert len(numbers) == 50
    assert numbers == sorted(numbers)
    assert orders == [orders[0]] * 5
    assert "__hash__" not in vars(CancelScope)  # outside of a simulation all is as before


def test_the_world_goes_on_while_everybody_waits() -> None:
    """What happens outside comes at its time, before a later timer."""
    axis, seen = Axis(), []
    axis.at(5.0, lambda: seen.append(("outside", axis.now)))

    async def main() -> None:
        await asyncio.sleep(7.0)
        seen.append(("timer", axis.now))

    SimLoop(1, outside=axis).live(main())
    assert [(what, round(at, 3)) for what, at in seen] == [("outside", 5.0), ("timer", 7.0)]


def test_who_waits_for_the_outside_alone_is_not_in_a_deadlock() -> None:
    """A request's answer comes from the world, not from a timer of the loop."""
    axis = Axis()

    async def main() -> str:
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        axis.at(3.0, lambda: answered.set_result("answer"))
        return await answered

    assert SimLoop(1, outside=axis).live(main()) == "answer"


def _dying(events: list[str], die: Any) -> Any:
    async def bystander() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            events.append("finally")
            await anyio.lowlevel.checkpoint()
            events.append("never")

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(bystander)
            await anyio.sleep(1)
            with contextlib.suppress(Exception):
                die()

    return main()


def test_a_death_cuts_off_the_world_before_any_finally_runs() -> None:
    """Whatever a dead process's clean-up tries, it is cut off by then; and nothing that waits in one goes on."""
    events: list[str] = []
    loop = SimLoop(3, on_death=lambda: events.append("cut off"))
    with pytest.raises(CrashError):
        loop.live(_dying(events, lambda: loop.die(CrashError("here"))))
    assert events == ["cut off", "finally"]


def test_a_process_can_die_before_any_step() -> None:
    """At each of its steps, and at a later one not at all."""

    async def main() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    done = SimLoop(1)
    done.live(main())
    for step in range(1, done.steps + 1):
        with pytest.raises(CrashError, match=f"step {step}$"):
            SimLoop(1, dies_at_step=step).live(main())
    SimLoop(1, dies_at_step=done.steps + 1).live(main())
