"""What happened, in sentences: one for each event that the store and the engine write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from runner.domain.personal import clean, redact
from runner.work.flag_words import flag_of, value_of
from runner.work.money import number
from runner.work.money_words import balance_sentence, units_of
from runner.work.words import count, duration, local_time

if TYPE_CHECKING:
    from runner.work.records import Record


def sentence(record: Record) -> str:
    """One event in plain words; one that has none yet by its name and detail."""
    words = _SENTENCES.get(record.event)
    text = words(record) if words is not None else _plainly(record)
    return clean(text)


def _plainly(record: Record) -> str:
    detail = ", ".join(f"{name} {value}" for name, value in record.detail.items())
    return f"{record.event.replace('.', ' ').replace('_', ' ')}{f': {detail}' if detail else ''}"


def _until(record: Record, name: str = "until") -> str:
    """`until 21:45:00`, with the date if it is another day, and in UTC too where that is not the local time."""
    text = record.detail.get(name)
    if not isinstance(text, str):
        return "for now"
    local = local_time(text)
    shown = local[11:] if local[:10] == local_time(record.at_us)[:10] else local
    utc = datetime.fromisoformat(text)
    return f"until {shown}" + (f" ({utc:%H:%M} UTC)" if utc.astimezone().utcoffset() else "")


def _says(record: Record) -> str:
    """`Defastra says INSUFFICIENT_FUNDS "..."`; the reason where it said nothing."""
    who, detail = record.title or record.provider or "the provider", record.detail
    words = " ".join(
        filter(None, [detail.get("code") or "", f'"{detail["message"]}"' if detail.get("message") else ""])
    )
    return f"{who} says {redact(words)}" if words else _reason(record)


def _waiting(record: Record) -> str:
    why = _says(record)
    return f"waiting {_until(record)}{f': {why}' if why else ', as it asked before'}"


def _circuit(record: Record) -> str:
    if record.detail.get("reason") == "unreachable":
        return f"nobody is there ({redact(str(record.detail.get('message')))}): waiting {_until(record)}, then a look"
    return f"waiting {_until(record)}, then one request: it fails again and again ({_reason(record)})"


def _reason(record: Record) -> str:
    return str(record.detail.get("reason", "")).replace("-", " ")


def _requests(record: Record, figure: str = "jobs") -> str:
    return count(int(record.detail.get(figure, 0)), "request")


def _loaded(record: Record) -> str:
    detail = record.detail
    in_all = detail.get("rows_in_all")
    rows = f"{count(detail['rows'], 'row')} {f'added ({number(in_all)} in all)' if in_all else 'loaded'}"
    return (
        f"{rows}: {_requests(record)}, {number(detail['shared'])} shared with an earlier row, "
        f"{number(detail['refused'])} refused"
    )


_STOPPED: Final[Mapping[str, str]] = {
    "person": "you: pause",
    "interrupted": "interrupted; what was answered is stored",
    "added": "paused: rows came for a provider that was not at work",
}


def _paused(record: Record) -> str:
    reason = str(record.detail.get("reason", ""))
    if reason in CAPS:
        again = f", waiting {_until(record, 'resume_at')}" if record.detail.get("resume_at") else ""
        return f"stopped: {CAPS[reason]} is reached{again}"
    if record.detail.get("cut_off"):
        return "paused: its run was cut off; what was answered is stored"
    if record.detail.get("resume_at"):
        return f"waiting {_until(record, 'resume_at')}: the provider resets"
    return _STOPPED.get(reason, f"paused: {_reason(record)}" if reason else "paused")


CAPS: Final[Mapping[str, str]] = {
    **{flag: f"--{flag}" for flag in ("max-spend", "max-requests", "limit", "until", "for")},
    "max-spend-per-day": "today's max_spend_per_day",
}


def _done(record: Record) -> str:
    reason = str(record.detail.get("reason", ""))
    if reason in CAPS:
        return f"sends nothing more: {CAPS[reason]} is reached"
    return f"sends nothing more: {_reason(record)}" if reason else "nothing is left to send"


def _limited(record: Record) -> str:
    rate = _rate(record)
    return f"sending as fast as its limits allow: {rate}" if rate else "sending"


def _rate(record: Record) -> str:
    """`60 in 60 s, 2 in 1 s`."""
    return str(record.detail.get("rate") or "").replace("/", " in ")


def _table(record: Record) -> str:
    table = record.detail.get("table")
    return f"the table {table}" if table else "stdout"


def _recovered(record: Record) -> str:
    doubts, released = int(record.detail.get("doubts", 0)), int(record.detail.get("released", 0))
    if doubts:
        doubtful = f"{number(doubts)} of its requests {'is' if doubts == 1 else 'are'} in doubt"
    else:
        doubtful = "nothing on the way is in doubt" if record.detail.get("on_the_way") else "nothing was on the way"
    waiting = f", {number(released)} it had taken up {'waits' if released == 1 else 'wait'} again" if released else ""
    return f"a run was cut off; {doubtful}{waiting}"


_RESOLVED: Final[Mapping[str, str]] = {
    "charged": "counted as charged",
    "not-charged": "not charged, queued again",
    "resend": "queued again, marked: they may be charged twice",
}


def _resolved(record: Record) -> str:
    return f"you: {_requests(record)} in doubt {_RESOLVED.get(str(record.detail.get('resolution')), 'resolved')}"


def _retried(record: Record) -> str:
    rule = record.detail.get("rule")
    return f"you: retry failed{f':{rule}' if rule else ''}, {_requests(record)} queued again"


def _streak(record: Record) -> str:
    rule = record.detail.get("rule")
    return f"{_requests(record)} queued again: {rule or 'the same answer'} came for one after the other"


def _since(record: Record) -> str:
    return local_time(str(record.detail.get("since")))


def _clock_set(record: Record) -> str:
    seconds = float(record.detail["seconds"])
    return f"the clock of this machine was set {'ahead' if seconds > 0 else 'back'} by {duration(abs(seconds))}"


_OCCASIONS: Final[Mapping[str, str]] = {
    "finish": "that it ended",
    "halt": "of the halt",
    "parked": "that it waits",
    "cap": "of the cap",
    "low-balance": "that little is left",
}


def _occasion(record: Record) -> str:
    return _OCCASIONS.get(str(record.detail.get("occasion")), "that a run is at work")


def _words(text: str) -> Callable[[Record], str]:
    return lambda _: text


def _settings(record: Record) -> str:
    """Options that a run was given, to be kept."""
    flags = [_kept(name, value) for name, value in record.detail.items()]
    return f"you: {' '.join(flags)}" if flags else "you: an option taken back"


def _tuned(record: Record) -> str:
    """What was changed, with what held before."""
    detail = record.detail
    changed = []
    for name, value in detail.items():
        if not name.endswith("_before"):
            before = detail.get(f"{name}_before")
            was = "off" if before is None else value_of(name, before)
            changed.append(f"{_kept(name, value)} (was {was})")
    return f"you: tune {', '.join(changed)}"


def _limits(rate: str, detail: Mapping[str, Any]) -> str:
    """`at most 30 in 60 s, 2 on the way at once`, of an event's detail; `rate` in words."""
    in_flight = detail.get("in_flight")
    parts = [f"at most {rate}" if rate else "no rate", f"{in_flight} on the way at once" if in_flight else ""]
    return ", ".join(filter(None, parts))


def _kept(name: str, value: Any) -> str:
    if name == "output":
        return f"-o {PurePath(str(value)).name}"
    if name == "to_table":
        return f"--to-table {value['table']} --source {value['database']}"
    return flag_of(name, value)


_SENTENCES: Final[Mapping[str, Callable[[Record], str]]] = {
    "batch.loading": lambda r: "its list is read" + (" from the start again" if r.detail.get("again") else ""),
    "batch.loaded": _loaded,
    "batch.ready": _words("ready again: there is something to send"),
    "batch.running": _words("a run began"),
    "batch.paused": _paused,
    "batch.halted": lambda r: f"halted: {_reason(r)}; what waits is neither failed nor charged",
    "batch.completed": _words("completed"),
    "batch.cancelled": _words("you: cancel; what waited is never sent"),
    "batch.resumed": _words("you: resume"),
    "batch.recovered": _recovered,
    "batch.settings": _settings,
    "batch.tuned": _tuned,
    "batch.exported": lambda r: f"{count(r.detail['rows'], 'row')} written to {r.detail.get('file') or _table(r)}",
    "wish.paused": _words("you: pause, asked of the run at work"),
    "wish.cancelled": _words("you: cancel, asked of the run at work"),
    "jobs.retried": _retried,
    "jobs.requeued": lambda r: f"{_requests(r)} that had been tried too often queued again",
    "jobs.poisoned": lambda r: f"{_requests(r)} failed: on the way at three crashes, perhaps what caused them",
    "doubts.released": lambda r: f"{_requests(r)} in doubt queued again, marked: --in-doubt resend-once",
    "doubts.resolved": _resolved,
    "streak.requeued": _streak,
    "answers.reused": lambda r: f"{_requests(r)} spared: answers of other batches taken, none of before {_since(r)}",
    "answers.erased": lambda r: f"you: db erase, {count(r.detail['rows'], 'row')} of one person",
    "answers.purged": lambda r: (
        f"you: db purge, {count(r.detail['answers'], 'stored answer')} and {count(r.detail['events'], 'event')} removed"
    ),
    "balance.differs": balance_sentence,
    "balance.grew": lambda r: f"its wallet grew by at least {units_of(r, 'topped_up')}: it was topped up",
    "balance.low": lambda r: (
        f"its wallet holds {units_of(r, 'balance')}, what waits costs at least {units_of(r, 'cost')}: it will run dry"
    ),
    "pace.margin": lambda r: (
        f"it refused a request as too fast: each counts {r.detail['margin_seconds']:g} s after its arrival from now on"
    ),
    "pace.strict": _words("it refused requests as too fast again and again: strict pace for the rest of the run"),
    "answers.recovered": lambda r: f"{count(int(r.detail['answers']), 'answer')} put back that a run could not store",
    "answers.aside": lambda r: f"{count(int(r.detail['lines']), 'answer')} of no use: kept in {r.detail['file']}.aside",
    "source.trouble": lambda r: f"its list cannot be taken in, and is looked at again: {redact(str(r.detail['why']))}",
    "source.mended": _words("its list can be taken in again"),
    "table.trouble": lambda r: f"its table cannot be written, and is tried again: {redact(str(r.detail['why']))}",
    "table.mended": _words("its table can be written again"),
    "machine.slept": lambda r: f"the machine slept {duration(float(r.detail['seconds']))}; going on",
    "clock.set": _clock_set,
    "pace.retries": _words("so much fails that what is to be tried again waits: first come those not asked yet"),
    "clock.mended": lambda r: "a clock that was ahead is set right: what it had put off waits no longer than it should",
    "notify.told": lambda r: f"told {_occasion(r)} ({r.detail['means']})",
    "notify.failed": lambda r: f"nobody was told {_occasion(r)} ({r.detail['means']}): {r.detail['why']}",
    "notify.over": _words("enough is left again"),
    "run.died": _words("a run was cut off: its process died, or could write no more"),
    "lane.open": _words("sending"),
    "lane.limited": _limited,
    "lane.limits": lambda r: f"its limits changed: {_limits(_rate(r), r.detail)} now",
    "lane.slowed": lambda r: f"it was refused for its pace: {_rate(r)} now, slowly faster from here",
    "lane.restored": lambda r: f"as fast as its limits allow again: {_rate(r)}",
    "lane.gated": _waiting,
    "lane.circuit": _circuit,
    "lane.parked": _waiting,
    "lane.halted": lambda r: f"halted: {_says(r)}",
    "lane.done": _done,
}
"""By the name of an event in `v_events`; a test holds it to what the store and the engine write."""
