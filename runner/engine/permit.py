"""The pace that a batch keeps to by itself, slower than its account's. It may change while requests are under way."""

from __future__ import annotations

from runner.domain.provider import Limit
from runner.engine.arrival import Margin
from runner.engine.throttle import Flight, Throttle


class OwnPace:
    """A batch's own throttle on one account, if it has one, its workers' permits, and its requests under way.

    Another throttle takes its place in two steps, so that it knows of every request that is not in the store's books
    yet: from `expect` on it counts those under way, and those that leave; from `change` on it alone lets them through.
    """

    def __init__(self, throttle: Throttle | None) -> None:
        self.throttle = throttle
        self._expected: Throttle | None = None
        self._permits: set[Permit] = set()
        self._flights: set[Flight] = set()

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Those that hold beside the account's."""
        return () if self.throttle is None else self.throttle.limits

    def permit(self) -> Permit:
        """A worker's, not taken yet. The worker closes it."""
        permit = Permit(self)
        self._permits.add(permit)
        return permit

    def forget(self, permit: Permit) -> None:
        """Its worker has ended."""
        self._permits.discard(permit)

    def flight(self, throttle: Throttle, permit: Permit, margin: Margin | None) -> Flight:
        """A request that the account's `throttle` and a permit let through; `over` ends it."""
        flight = Flight((throttle, *permit.use()), margin)
        if self._expected is not None:
            flight.join(self._expected)
        self._flights.add(flight)
        return flight

    def over(self, flight: Flight, *, sent: bool) -> None:
        """A request was answered or given up; or it never left."""
        flight.over(sent=sent)
        self._flights.discard(flight)

    def expect(self, throttle: Throttle | None) -> None:
        """`throttle` is going to hold in place of the present one; what was sent before is still being read."""
        self._expected = throttle
        for flight in self._flights:
            if throttle is not None:
                flight.join(throttle)

    def change(self) -> None:
        """It holds from now on. Permits that were not used yet are taken back: wake whoever waits with one, or for
        one."""
        self.throttle, self._expected = self._expected, None
        for permit in self._permits:
            permit.give_back()


class Permit:
    """A worker's leave by the pace of its own batch. It is taken before anything that other batches wait for too, and
    kept until a request is made: whoever goes slower holds up nobody."""

    def __init__(self, pace: OwnPace) -> None:
        self._pace = pace
        self._throttle: Throttle | None = None  # that let it through
        self.held = pace.throttle is None

    async def take(self) -> None:
        """Wait for it. Cancelling the wait gives it up. Not held afterwards: the pace was changed meanwhile."""
        throttle = self._pace.throttle
        if throttle is not None:
            await throttle.acquire()
            self._throttle = throttle
        self.held = True
        if throttle is not self._pace.throttle:
            self.give_back()

    def use(self) -> tuple[Throttle, ...]:
        """A request is made with it: those that have to be told what becomes of that."""
        throttle, self._throttle = self._throttle, None
        self.held = self._pace.throttle is None
        return () if throttle is None else (throttle,)

    def give_back(self) -> None:
        """There is nothing to use it for."""
        for throttle in self.use():
            throttle.give_back()

    def close(self) -> None:
        """Its worker has ended."""
        self.give_back()
        self._pace.forget(self)
