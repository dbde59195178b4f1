"""What a run would do, as a person reads it: `check`, and the question before the first request. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from runner.cli.render import countries_text, facts
from runner.cli.text import clean, count, duration, listed, number, row_name
from runner.domain.backoff import next_utc_midnight
from runner.domain.model import MILLION
from runner.work.money import Cost, costs_text, range_text
from runner.work.outlook import PLACES, Asked, Known, Lane, Nights, Preflight, RowPlace

Pairs = Iterator[tuple[str, str]]

_NAMED = 3
"""So many batches are named that have an answer."""


def preflight_text(plan: Preflight, nights: Nights | None = None) -> str:
    """The list, what would be sent of it, at what price, until when; what was paid for already."""
    share = f"at most {number(plan.at_most)} of " if plan.at_most < plan.requests else ""
    head = f"{plan.batch}: {share}{count(plan.requests, 'request')} to send"
    taken = f", {count(plan.reused, 'answer')} taken from other batches" if plan.reused else ""
    return f"{head}{taken}\n{facts([*_list(plan), *_sending(plan), *_notes(plan, nights)])}"


def _list(plan: Preflight) -> Pairs:
    yield "list", count(plan.rows, "row")
    for column in dict.fromkeys(plan.columns):  # several operations may read the same one
        yield "column", clean(column)
    yield "countries", countries_text(plan.countries)
    yield "shared", f"{count(plan.shared, 'row')} with an earlier one" if plan.shared else ""
    for reason, figure in plan.invalid.items():
        yield "refused", f"{number(figure)} {reason.removeprefix('invalid:')}{_places(plan, reason, figure)}"


def _places(plan: Preflight, reason: str, figure: int) -> str:
    """`: row 17 (line 18), row 20 (line 21), ...`."""
    places: tuple[RowPlace, ...] = plan.invalid_rows.get(reason, ())
    named = ", ".join(row_name(place.row, place.line) for place in places)
    # A row that two operations refuse is named once: fewer than all cells, and still all of them.
    return f": {named}{', ...' if figure > len(places) == PLACES else ''}" if named else ""


def _sending(plan: Preflight) -> Pairs:
    asked = [one for lane in plan.lanes for one in lane.asked]
    if len(asked) > 1:
        yield "requests", ", ".join(f"{number(one.requests)} {one.operation}" for one in asked)
    for lane in plan.lanes:
        yield "provider", lane_text(lane)
    if plan.requests:
        capped = any(lane.days for lane in plan.lanes)
        yield "done", f"{when(plan.done_us, plan.now_us)}, at the limits{' of each day' if capped else ''}"


def _notes(plan: Preflight, nights: Nights | None) -> Pairs:
    if nights is not None and plan.requests:
        yield "nights", nights_text(nights, plan.now_us)
    yield "stops at", listed(plan.caps)
    earlier = [*known_text(plan.known), *changed_text(plan.changed)]
    for sentence in [*used_up_text(plan), *earlier, *map(clean, plan.notices)]:
        yield "note", sentence


def lane_text(lane: Lane) -> str:
    """What one provider would be asked, at what price, and in what time."""
    key = "" if lane.key_present else "; no usable key"
    if not lane.requests:
        return f"{lane.title}: nothing to send"
    price = price_text(lane.asked)
    return f"{lane.title}: {count(lane.requests, 'request')}, {price}, {duration(lane.seconds)} at its limits{key}"


def price_text(asked: tuple[Asked, ...]) -> str:
    """`17 checks (0.34 EUR)`, `51 to 85 credits, likely 60 credits`, `no charge per request` or `price unknown`."""
    low, likely, high = (_known([getattr(one, name) for one in asked]) for name in ("low", "likely", "high"))
    if high is None:
        return "price unknown"
    most = costs_text(high, nothing="no charge per request")
    if low is None:
        return f"up to {most}"
    if low == high:
        return most
    usual = f", likely {costs_text(likely)}" if likely is not None and likely not in (low, high) else ""
    return f"{range_text(low, high)}{usual}"


def _known(costs: list[Cost | None]) -> list[Cost] | None:
    """All of them; None if one is not known."""
    known = [cost for cost in costs if cost is not None]
    return known if len(known) == len(costs) else None


def known_text(known: Iterable[Known]) -> list[str]:
    """Values that were paid for before, and what takes their answers or has taken them, one sentence each."""
    return [_known_text(one) for one in known]


def _known_text(known: Known) -> str:
    days = dict.fromkeys(map(_day, (known.first_us, known.last_us)))
    names = [clean(name) for name in known.batches]
    more = len(names) - _NAMED
    others = [f"{number(more)} more"] if more > 0 else []
    answered = (
        f"{number(known.values)} of {number(known.of)} values of {known.operation} were answered "
        f"{'between' if len(days) > 1 else 'on'} {' and '.join(days)} "
        f"({'batch' if len(names) == 1 else 'batches'} {listed([*names[:_NAMED], *others])})"
    )
    saved = costs_text([] if known.saves is None else [known.saves], nothing="")
    saves = f"saves {saved or count(known.values if known.taken is None else known.taken, 'request')}"
    if known.taken is None:
        return f"{answered}: they are sent again; --reuse {known.reuse} {saves}"
    if not known.taken:
        return f"{answered}, none of them as late as --reuse says; --reuse {known.reuse} takes them all"
    taken = "they are" if known.taken == known.values else f"{number(known.taken)} of them are"
    all_ = "" if known.taken == known.values else f"; --reuse {known.reuse} takes them all"
    return f"{answered}: {taken} taken from there and not sent, which {saves}{all_}"


def changed_text(changed: Mapping[str, int]) -> list[str]:
    """Results that are perhaps not of whom they seem, one sentence for each operation."""
    return [
        f"{operation}: its address or its profile was changed since its first result; "
        f"what is there stays ({count(results, 'result')}), and --new asks all rows again"
        for operation, results in changed.items()
    ]


def _day(at_us: int) -> str:
    """`14 Nov 2026`, local."""
    at = datetime.fromtimestamp(at_us / MILLION, tz=UTC).astimezone()
    return f"{at.day} {at:%b %Y}"


def used_up_text(plan: Preflight) -> list[str]:
    """Accounts that may spend nothing more today, one sentence each."""
    midnight = when(next_utc_midnight(plan.now_us), plan.now_us)
    return [
        f"today's max_spend_per_day of {lane.title} is used up: it goes on {midnight}"
        for lane in plan.lanes
        if lane.requests and any(day.requests_left == 0 for day in lane.days)
    ]


def nights_text(nights: Nights, now_us: int) -> str:
    """`7, each from 22:10 (the time now) until 07:00; the last one is done about ...`."""
    length = duration(nights.seconds)
    done = when(nights.done_us, now_us)
    if nights.count == 1:
        return f"1, from now until {nights.until} ({length}): done {done}"
    return (
        f"{nights.count}, if a run begins at {nights.begins} like this one each time and ends at {nights.until} "
        f"({length}): done {done}"
    )


def when(at_us: int, now_us: int) -> str:
    """`about 04:10 tomorrow`, local time; further off with the day: `about 04:10 on Tue 24 Nov 2026`."""
    at, now = (datetime.fromtimestamp(us / MILLION, tz=UTC).astimezone() for us in (at_us, now_us))
    days = (at.date() - now.date()).days
    day = {0: "today", 1: "tomorrow"}.get(days, f"on {at:%a} {at.day} {at:%b %Y}")
    return f"about {at:%H:%M} {day}"
