"""One provider account: wallet, windows, troubles. It outlives the runner: what is under way is worked on and charged
whether or not anybody waits for the answer."""

from __future__ import annotations

import random
from collections import Counter

from runner.domain.model import MILLION
from runner.domain.provider import Provider
from runner.sandbox.books import Window
from tests.simulation.answers import Voice
from tests.simulation.axis import Axis
from tests.simulation.options import AccountPlan, Episode, EpisodePlan, Fault

ENDLESS = 10**9 * MILLION
"""What a wallet without end is said to hold at first."""


class Account:
    """One provider account, as the provider sees it. Amounts are millionths of its unit."""

    def __init__(
        self, plan: AccountPlan, provider: Provider, *, key: str, axis: Axis, seed: int, began_us: int
    ) -> None:
        """`provider` with the limits and the time limit of this night; `seed` for what befalls its requests."""
        self.plan = plan
        self.provider = provider
        self.key = key
        self.axis = axis
        self.voice = Voice(provider)
        self.windows = [Window(limit) for limit in provider.limits]
        self.wallet = ENDLESS if plan.wallet is None else round(plan.wallet * MILLION)
        self.opened = self.wallet  # what was in it at first, with all that was paid in since
        self.healed = False
        self.seen = 0  # requests that were let go of
        self.met: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()  # about a stubborn value
        self._seed = seed
        self._began_us = began_us
        self._waiting = sorted(plan.episodes, key=lambda one: one.at_send)
        self._going_on: list[tuple[float, EpisodePlan]] = []

    @property
    def wall_us(self) -> int:
        """The provider's own clock, which is right."""
        return self._began_us + round(self.axis.now * 1e6)

    def draws(self) -> random.Random:
        """For the next request: what befalls it shifts nothing for the others."""
        self.seen += 1
        while self._waiting and self._waiting[0].at_send <= self.seen and not self.healed:
            plan = self._waiting.pop(0)
            self._going_on.append((self.axis.now + plan.seconds, plan))
            self.met[f"episode:{plan.episode}"] += 1
        return random.Random(self._seed * 1_000_003 + self.seen)

    def fault(self, draws: random.Random) -> Fault | None:
        """What goes wrong with one request by itself."""
        drawn = draws.random()
        if self.healed:
            return None
        for fault, rate in self.plan.faults.items():
            drawn -= rate
            if drawn < 0:
                self.met[f"fault:{fault}"] += 1
                return fault
        return None

    def stubborn(self, value: str) -> bool:
        """Whether a value meets a passing error again: the same values do, however often the night is repeated."""
        share = self.plan.stubborn
        if not share or self.healed or random.Random(f"{self._seed}:{value}").random() >= share:
            return False
        self._asked[value] += 1
        return self._asked[value] <= self.plan.stubborn_for

    def episode(self, kind: Episode) -> tuple[float, EpisodePlan] | None:
        """Whether such a time is on: until when, and its plan."""
        if self.healed:
            return None
        self._going_on = [one for one in self._going_on if one[0] > self.axis.now]
        return next((one for one in self._going_on if one[1].episode is kind), None)

    def seconds(self, draws: random.Random) -> float:
        """How long one leg of a request takes, at the provider's pace."""
        mean = self.plan.latency_seconds
        match self.plan.latency:
            case "flat":
                return mean
            case "uniform":
                return draws.uniform(0.0, 2 * mean)
            case "exponential":
                return draws.expovariate(1 / mean)
            case _:
                return min(mean / 3 * draws.paretovariate(1.2), 90.0)

    def too_fast(self) -> tuple[float, float] | None:
        """The window that is full: its length and the seconds until it admits one more; else the request counts."""
        now = self.axis.now
        full = [(one.limit.per_seconds, wait) for one in self.windows if (wait := one.wait(now)) is not None]
        if full:
            return max(full, key=lambda pair: pair[1])
        for window in self.windows:
            window.admit(now)
        return None

    def pays(self, amount: int) -> bool:
        """Take an amount; False where there is less."""
        if self.wallet < amount:
            return False
        self.wallet -= amount
        return True

    def top_up(self, units: float) -> None:
        """Put units into the wallet."""
        self.wallet += round(units * MILLION)
        self.opened += round(units * MILLION)

    def heal(self) -> None:
        """From here on nothing goes wrong, and there is money enough."""
        self.healed = True
        self._going_on.clear()
        self._waiting.clear()
        self.top_up(1_000_000)

    def restore(self) -> None:
        """What a person mends at the provider: the key, the account."""
        mended = (Episode.REVOKED, Episode.CERTIFICATE, Episode.FUNDS, Episode.SCOPE)
        self._going_on = [one for one in self._going_on if one[1].episode not in mended]
