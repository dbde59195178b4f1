"""`check`: what a list would be sent as, told by the code that loads it. Sends nothing and changes no database.

A list that is not a batch yet is loaded into a draft, which is thrown away; a batch that is there is only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, assert_never

from runner.domain.states import BatchState
from runner.errors import BatchError, InputError, RunnerError, SchemaError
from runner.settings import parse_time_of_day
from runner.store.forecast import open_draft
from runner.store.store import Store
from runner.store.values import BatchInfo
from runner.work import database as database_file
from runner.work.aim import aimed
from runner.work.caps import Wanted
from runner.work.days import courses_of
from runner.work.load import Changed, Continue, Create, Extend, choose, create, extend
from runner.work.money import Cost, costs_text, in_money, number, plural
from runner.work.nights import nights
from runner.work.outlook import Asked, Checked, Day, Known, Nights, Preflight
from runner.work.plan import LoadRequest, Plan, make_plan
from runner.work.preflight import preflight
from runner.work.session import Session
from runner.work.standing import is_paused_by_person, parked_until, short_name
from runner.work.status import iso, plain
from runner.work.words import moment

NO_DATABASE = "there is no database yet: nothing paid earlier is known here"


class Check:
    """One look ahead."""

    def __init__(self, session: Session, wanted: Wanted, *, until: str | None) -> None:
        """`until`: "07:00", local time. SchemaError: the database is there and is not this version's."""
        self._session = session
        self._wanted = wanted
        self._until = None if until is None else parse_time_of_day(until, name="--until")
        self._store = _unchanged(session)

    def batch(self, info: BatchInfo) -> Checked:
        """A batch that is there."""
        store = self._session.store()
        return self._checked(self._plan(store, info), info, self._resting(info, store))

    def list(self, request: LoadRequest) -> Checked:
        """A list, whatever it would become. Errors are those of `load`, but that a list that changed is a problem."""
        plan = make_plan(request, self._session)
        known = [] if self._store is None else self._store.reports.batches()
        choice = choose(plan, known, add=request.add, new=request.new)
        match choice:
            case Continue(info=info):
                checked = self.batch(info)
            case Create():
                checked = self._created(plan, choice)
            case Extend(info=info):
                checked = self._extended(plan, info)
            case Changed():
                checked = self._changed(plan, choice)
            case _:
                assert_never(choice)
        notices = (*plan.source.notes, *checked.plan.notices)
        return replace(checked, plan=replace(checked.plan, notices=notices))

    def _created(self, plan: Plan, choice: Create) -> Checked:
        with open_draft(None if self._store is None else self._store.path, clock=self._session.clock) as draft:
            create(draft, plan, choice)
            info = draft.reports.batches()[0]
            notices = choice.notices if self._store is not None else (*choice.notices, NO_DATABASE)
            found = replace(self._plan(draft, info, plan.files), notices=notices)
            return self._checked(found, info)

    def _extended(self, plan: Plan, info: BatchInfo) -> Checked:
        store = self._session.store()
        with open_draft(store.path, clock=self._session.clock, batch=info.id) as draft:
            loaded = extend(draft, plan, info, beside=store)
            extended = draft.reports.batch(info.id)
            added = f"{number(loaded.added_rows)} {plural('row', loaded.added_rows)} would be added to {info.name}"
            found = replace(self._plan(draft, extended), notices=(added, *loaded.notices[len(plan.source.notes) :]))
            return self._checked(found, extended, self._resting(info, store))

    def _changed(self, plan: Plan, choice: Changed) -> Checked:
        """Both answers to the question that `load` would ask."""
        checked = self._created(plan, Create(name=choice.successor))
        offers = [f"--new would send {_amount(checked.plan)}{_paid(checked.plan)}."]
        with suppress(BatchError, InputError):  # it asks something else: only a new batch can be made of it
            offers.insert(0, f"--add would send {_amount(self._extended(plan, choice.info).plan)}.")
        error = choice.error(self._session.store(), plan)
        fix = aimed(error.fix, self._session.settings.flags)
        problem = BatchError(error.what, why=" ".join([error.why, *offers]), fix=fix)
        return replace(checked, problems=(problem, *checked.problems))

    def _resting(self, info: BatchInfo, store: Store) -> tuple[RunnerError, ...]:
        """Why a run of this batch would send nothing."""
        name = short_name(info, store)
        if info.state is BatchState.CANCELLED:
            return (BatchError(f"{info.name} was cancelled", why="Nothing of it is sent again.", fix="--new"),)
        if is_paused_by_person(info):
            return (
                BatchError(
                    f"{info.name} was paused by a person",
                    why="Until that is lifted nothing of it is sent.",
                    fix=f"runner resume {name}",
                ),
            )
        until_us = parked_until(info, self._session.clock.now_us())
        if until_us is not None:
            return (
                BatchError(
                    f"{info.name} waits until {moment(until_us)}",
                    why="The provider resets then; before that nothing of it is sent.",
                    fix=f"runner run {name}   (from then on)",
                ),
            )
        return ()

    def _plan(self, store: Store, info: BatchInfo, files: Mapping[str, str] = MappingProxyType({})) -> Preflight:
        session = self._session
        return preflight(
            info,
            self._wanted,
            store=store,
            profiles=session.profiles,
            settings=session.settings,
            prices=session.prices(files),
            now_us=session.clock.now_us(),
            with_rows=True,
        )

    def _checked(self, plan: Preflight, info: BatchInfo, problems: tuple[RunnerError, ...] = ()) -> Checked:
        profiles, keys = self._session.profiles, self._session.settings.keys
        providers = profiles.by_provider(profiles.of_batch(info.operations, info.source), info.source)
        missing = [keys.present(providers[lane.provider]) for lane in plan.lanes if lane.requests]
        until = self._until
        found = (*problems, *(problem for problem in missing if problem is not None))
        for problem in found:
            problem.fix = aimed(problem.fix, self._session.settings.flags)
        return Checked(plan=plan, nights=None if until is None else _nights(plan, until), problems=found)


def _nights(plan: Preflight, until: tuple[int, int]) -> Nights:
    seconds = max((lane.seconds for lane in plan.lanes), default=0.0)
    return nights(seconds, now_us=plan.now_us, until=until, courses=courses_of(plan.lanes))


def _unchanged(session: Session) -> Store | None:
    """The open store, if there is one: opening it otherwise would bring an older file to this version's schema."""
    found = database_file.status(session)
    if not found.exists:
        return None
    if (found.revision or "") > found.newest:  # revisions are numbered 0001, 0002, ...
        return session.store()  # refuses it in its own words, and leaves it as it is
    if found.revision != found.newest:
        raise SchemaError(
            f"{found.path.name} has the schema of another version",
            why=f"It is {found.revision}, not {found.newest}; check changes no database.",
            fix="runner db upgrade",
        )
    return session.store()


def _amount(plan: Preflight) -> str:
    """`12 requests, 12 checks (0.24 EUR)`; `3 of 12 requests (--max-requests 5), 3 checks`."""
    costs = [one.likely for lane in plan.lanes for one in lane.asked if one.likely is not None]
    price = costs_text(costs, nothing="")
    share, cap = "", ""
    if plan.at_most < plan.requests:
        share, cap = f"{number(plan.at_most)} of ", f" ({', '.join(plan.caps)})"
    return f"{share}{number(plan.requests)} {plural('request', plan.requests)}{cap}{f', {price}' if price else ''}"


def _paid(plan: Preflight) -> str:
    """Values that were answered before."""
    paid = sum(one.values for one in plan.known) - plan.reused
    return f", {number(paid)} of them for values that were paid for before" if paid else ""


def as_json(checked: Checked) -> dict[str, Any]:
    """The object of `check --json`, schema 1. Amounts are by unit and by currency; null is unknown."""
    plan = checked.plan
    asked = [one for lane in plan.lanes for one in lane.asked]
    nights = checked.nights
    return {
        "schema": 1,
        "batch": plan.batch,
        "rows": plan.rows,
        "not_sent": dict(plan.invalid),
        "shared": plan.shared,
        "requests": {one.operation: one.requests for one in asked},
        "at_most": plan.at_most,
        "price": {
            unit: _price([one for one in asked if one.unit == unit])
            for unit in dict.fromkeys(one.unit for one in asked)
        },
        "money": _money(asked),
        "seconds": round(plan.seconds, 3),
        "done_at": iso(plan.done_us if nights is None else nights.done_us),
        "nights": None if nights is None else nights.count,
        "max_spend_per_day": [_day(day) for lane in plan.lanes for day in lane.days],
        "reused": plan.reused,
        "known": [_known(one) for one in plan.known],
        "changed": dict(plan.changed),
        "problems": [{"code": one.code, "what": one.what, "why": one.why, "fix": one.fix} for one in checked.problems],
    }


def _known(known: Known) -> dict[str, Any]:
    """What has an answer already, and the `--reuse` that takes all of it."""
    return {
        "operation": known.operation,
        "values": known.values,
        "of": known.of,
        "batches": dict(known.batches),
        "answered_from": iso(known.first_us),
        "answered_at": iso(known.last_us),
        "reuse": known.reuse,
        "taken": known.taken or 0,
        "saves": None if known.saves is None else {known.saves.unit: plain(known.saves.amount)},
    }


def _day(day: Day) -> dict[str, str | int | float]:
    """An account's cap, and what is left of it today (UTC)."""
    return {"provider": day.provider, "unit": day.unit, "cap": plain(day.cap), "left_today": plain(day.left)}


def _price(asked: Sequence[Asked]) -> dict[str, int | float | None]:
    """Of operations with the same unit."""
    return {name: _sum(costs) for name, costs in _figures(asked).items()}


def _sum(costs: Sequence[Cost | None]) -> int | float | None:
    known = [cost.amount for cost in costs if cost is not None]
    return plain(sum(known, Decimal(0))) if len(known) == len(costs) else None


def _money(asked: Sequence[Asked]) -> dict[str, dict[str, int | float | None]] | None:
    """By currency; None where no price is known at all."""
    figures = _figures(asked)
    sums = {
        name: None if None in costs else in_money(cost for cost in costs if cost is not None)
        for name, costs in figures.items()
    }
    currencies = {cost.currency for costs in figures.values() for cost in costs if cost is not None and cost.currency}
    return {
        currency: {name: None if sum_ is None else plain(sum_.get(currency, Decimal(0))) for name, sum_ in sums.items()}
        for currency in sorted(currencies)
    } or None


def _figures(asked: Sequence[Asked]) -> dict[str, list[Cost | None]]:
    return {
        "low": [one.low for one in asked],
        "likely": [one.likely for one in asked],
        "high": [one.high for one in asked],
    }
