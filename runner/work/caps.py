"""What limits a run: flags, what is kept with the batch, and the settings' defaults, as one set of options. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from runner.domain.model import MILLION, Amount, InDoubtPolicy
from runner.domain.provider import Operation
from runner.engine.ports import RunOptions
from runner.errors import UsageError
from runner.settings import (
    RunDefaults,
    SpendCap,
    kept_rate,
    parse_duration,
    parse_rate,
    parse_share,
    parse_spend,
    parse_time_of_day,
    parse_whole,
)
from runner.work.flag_words import spend_flags
from runner.work.money import plural

_NOTHING: Final[Mapping[tuple[str, str], Amount]] = MappingProxyType({})

NO_RATE: Final = "none"
"""Takes a slower rate back."""

POLL_SECONDS: Final = 60.0
LEAST_POLL_SECONDS: Final = 1.0
"""How often a list that is followed is looked at, unless `--poll` says otherwise; and at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one `run` was asked; None: not given. `max_spend`: millionths by provider; under None for all of them."""

    max_requests: int | None = None
    max_spend: Mapping[str | None, Amount] | None = None
    in_doubt: InDoubtPolicy | None = None
    rate: str | None = None  # NO_RATE: what is kept is taken back
    in_flight: int | None = None
    limit: int | None = None
    max_wait_seconds: float | None = None
    max_failed: float | None = None
    until: tuple[int, int] | None = None  # hour and minute, local
    for_seconds: float | None = None
    poll_seconds: float | None = None  # `--follow`: how often the list is looked at
    reuse_seconds: float | None = None  # answers of other batches that are no older are taken over

    @classmethod
    def parse(
        cls,
        *,
        max_requests: int | None = None,
        max_spend: SpendCap | None = None,
        in_doubt: InDoubtPolicy | str | None = None,
        rate: str | None = None,
        in_flight: int | None = None,
        limit: int | None = None,
        max_wait: float | str | None = None,
        max_failed: float | str | None = None,
        until: str | None = None,
        for_: float | str | None = None,
        follow: bool = False,
        poll: float | str | None = None,
        reuse: float | str | None = None,
    ) -> Wanted:
        """From what people write. ConfigError or UsageError names the flag."""
        return cls(
            max_requests=_at_least(0, max_requests, "--max-requests"),
            max_spend=None if max_spend is None else parse_spend(max_spend, name="--max-spend"),
            in_doubt=None if in_doubt is None else _policy(in_doubt),
            rate=None if rate is None else _rate(rate),
            in_flight=_at_least(1, in_flight, "--in-flight"),
            limit=_at_least(1, limit, "--limit"),
            max_wait_seconds=None if max_wait is None else parse_duration(max_wait, name="--max-wait"),
            max_failed=None if max_failed is None else parse_share(max_failed, name="--max-failed"),
            until=None if until is None else parse_time_of_day(until, name="--until"),
            for_seconds=_some_time(for_, "--for", why="A run of no length sends nothing.", fix="2h"),
            poll_seconds=_poll(poll, follow=follow),
            reuse_seconds=_some_time(reuse, "--reuse", why="No answer is that young.", fix="30d"),
        )

    def of_one_run(self) -> Wanted:
        """Without what is kept: the batch's settings decide over that once they are kept there."""
        return replace(self, max_requests=None, max_spend=None, in_doubt=None, rate=None, in_flight=None)

    def kept(self) -> dict[str, Any]:
        """What stays with the batch at its last value, as JSON; only what was given. None: nothing stays of it."""
        spend = None if self.max_spend is None else {who or "": amount for who, amount in self.max_spend.items()}
        values = {
            "max_requests": self.max_requests,
            "max_spend": spend,
            "in_doubt": None if self.in_doubt is None else self.in_doubt.value,
            "rate": self.rate,
            "in_flight": self.in_flight,
        }
        given = {name: value for name, value in values.items() if value is not None}
        return {name: None if (name, value) == ("rate", NO_RATE) else value for name, value in given.items()}


def _at_least(least: int, given: int | None, flag: str) -> int | None:
    if given is None:
        return None
    number = parse_whole(given, name=flag)
    if number < least:
        raise UsageError(f"{flag} {number} is too small", why=f"The least is {least}.", fix=f"{flag} {max(1, least)}")
    return number


def _rate(text: str) -> str:
    if str(text).strip().lower() == NO_RATE:
        return NO_RATE
    parse_rate(text, name="--rate")
    return text


def _some_time(given: float | str | None, flag: str, *, why: str, fix: str) -> float | None:
    if given is None:
        return None
    seconds = parse_duration(given, name=flag)
    if not seconds:
        raise UsageError(f"{flag} {given} is no time", why=why, fix=f"{flag} {fix}")
    return seconds


def _poll(given: float | str | None, *, follow: bool) -> float | None:
    """Seconds between two looks at a list that is followed; None: it is not."""
    if not follow:
        if given is not None:
            raise UsageError(
                "--poll belongs to --follow", why="Without it a list is read once.", fix="--follow --poll 10s"
            )
        return None
    seconds = POLL_SECONDS if given is None else parse_duration(given, name="--poll")
    if seconds < LEAST_POLL_SECONDS:
        raise UsageError(
            f"--poll {given} is too short", why="A database is looked at once a second at most.", fix="--poll 1s"
        )
    return seconds


def _policy(text: str) -> InDoubtPolicy:
    try:
        return InDoubtPolicy(text)
    except ValueError:
        policies = ", ".join(InDoubtPolicy)
        raise UsageError(
            f"--in-doubt {text!r}: no such policy", why=f"There are {policies}.", fix="--in-doubt hold"
        ) from None


def run_options(
    wanted: Wanted,
    kept: Mapping[str, Any],
    defaults: RunDefaults,
    operations: Iterable[Operation],
    *,
    daily: Callable[[str], Amount | None] = lambda _: None,
    dearer: Mapping[tuple[str, str], Amount] = _NOTHING,
) -> RunOptions:
    """A flag goes before what is kept, and that before the settings. `daily`: what an account may spend in a day.
    `dearer`: the highest charges above what was held, by operation and unit.

    UsageError: a cap that cannot be held.
    """
    asked = list(operations)
    providers = dict.fromkeys(one.provider for one in asked)
    per_day = {who: cap for who in providers if (cap := daily(who)) is not None}
    check_daily(per_day, asked, dearer)
    stays = {name: value for name, value in {**kept, **wanted.kept()}.items() if value is not None}
    settled = {**from_defaults(defaults, {operation.provider for operation in asked}), **stays}
    spend = {who or None: Amount(amount) for who, amount in settled.get("max_spend", {}).items()}
    check_spend(spend, asked)
    requests = settled.get("max_requests")
    rate = settled.get("rate")
    wait = wanted.max_wait_seconds
    return RunOptions(
        in_doubt=InDoubtPolicy(settled.get("in_doubt", InDoubtPolicy.HOLD)),
        max_wait_seconds=defaults.max_wait if wait is None else wait,
        limit=wanted.limit,
        max_requests=None if requests is None else {None: requests},
        max_spend=spend or None,
        max_spend_per_day=per_day or None,
        in_flight=settled.get("in_flight"),
        rate=None if rate is None else kept_rate(rate, name="--rate"),
        max_failed=defaults.max_failed if wanted.max_failed is None else wanted.max_failed,
        follow=wanted.poll_seconds is not None,
    )


def from_defaults(defaults: RunDefaults, providers: set[str]) -> dict[str, Any]:
    """What holds where nothing is kept with a batch, as it would be kept. The settings speak of every batch here: a cap
    on a provider that this one does not ask is not its matter."""
    caps = parse_spend(defaults.max_spend or (), name="[run] max_spend")
    spend = {who: amount for who, amount in caps.items() if who is None or who in providers} or None
    return Wanted(
        max_requests=defaults.max_requests,
        max_spend=spend,
        in_doubt=defaults.in_doubt,
        rate=defaults.rate,
        in_flight=defaults.in_flight,
    ).kept()


def check_spend(caps: Mapping[str | None, Amount], operations: list[Operation]) -> None:
    """UsageError unless every cap names a provider of the batch, one unit, and operations whose price is known."""
    providers = sorted({operation.provider for operation in operations})
    for who in caps:
        under = [operation for operation in operations if who in (None, operation.provider)]
        if not under:
            why = f"The batch asks {', '.join(providers)}."
            raise UsageError(f"--max-spend {who}=...: not in this batch", why=why, fix=f"--max-spend {providers[0]}=10")
        unpriced = [operation.key for operation in under if operation.price is None and operation.price_max is None]
        if unpriced:
            raise UsageError(
                f"--max-spend cannot hold: the price of {unpriced[0]} is not known",
                why="A cap on money counts the price of each request before it is sent.",
                fix="--max-requests 1000",
            )
        units = sorted({operation.unit for operation in under})
        if len(units) > 1:
            raise UsageError(
                "--max-spend needs a provider",
                why=f"Its requests are charged in {' and '.join(units)}.",
                fix=spend_flags(dict.fromkeys(providers, 10)),
            )


def check_daily(
    caps: Mapping[str, Amount], operations: list[Operation], dearer: Mapping[tuple[str, str], Amount] = _NOTHING
) -> None:
    """UsageError unless the price of every operation under a cap is known, and a day has room for one request of it, at
    what one was charged at the most."""
    for operation in operations:
        cap = caps.get(operation.provider)
        if cap is None:
            continue
        if operation.price is None and operation.price_max is None:
            raise UsageError(
                f"max_spend_per_day cannot hold: the price of {operation.key} is not known",
                why="A cap on money counts the price of each request before it is sent.",
                fix=f"put this into its profile, with what one request costs:\n"
                f"[operations.{operation.name}]\nprice = 1",
            )
        charged = dearer.get((operation.key, operation.unit), Amount(0))
        if max(operation.hold, charged) > cap:
            needed = _shown(max(operation.hold, charged))
            most = f"{needed} {plural(operation.unit, needed)}"
            costs = f"One was charged {most}" if charged > operation.hold else f"One may cost {most}"
            raise UsageError(
                f"max_spend_per_day has no room for a single request of {operation.key}",
                why=f"{costs}; {operation.provider} may spend {_shown(cap)} in a day.",
                fix=f"put this into runner.toml:\n[providers.{operation.provider}]\nmax_spend_per_day = {needed}",
            )


def _shown(amount: Amount) -> str:
    return f"{Decimal(amount) / MILLION:f}"
