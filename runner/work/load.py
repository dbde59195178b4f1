"""`load`: find the batch that a list already is, or import it; nothing is sent.

In three steps that `check` takes too, with a draft database in place of the user's: plan, choose, write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, assert_never

from runner.domain.addresses import has_password
from runner.domain.states import BatchState
from runner.errors import BatchError, InputError
from runner.store.store import Store
from runner.store.values import BatchInfo, NewBatch
from runner.work.additions import CellIndex, unknown_by_key
from runner.work.money import number, plural
from runner.work.naming import MAPPED, READING, Change, Identity, changes, generation, is_over, successor
from runner.work.plan import LoadRequest, Plan, make_plan
from runner.work.results import Loaded
from runner.work.rows import new_rows, notes_of
from runner.work.session import Session
from runner.work.standing import short_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """The list is a new batch."""

    name: str
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """The batch is there, with this very list."""

    info: BatchInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend:
    """The batch is there, and gets the rows that it does not have."""

    info: BatchInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An unfinished batch has another list: a person must say what is meant."""

    info: BatchInfo
    what: str  # for people: "the list and the columns"
    successor: str  # the name that `--new` would give

    def error(self, store: Store, plan: Plan) -> BatchError:
        """The refusal, with what changed in the list, row by row against that of the batch in `store`."""
        difference = _difference(store, plan, self.info) if Change.CONTENT in self.what else ""
        going_on = "--add (send only what is new in the list)"
        if self.what != Change.CONTENT:  # a batch asks the same of all its rows
            going_on = f"runner run {short_name(self.info, store)}   (goes on with it as it was read),"
        return BatchError(
            f"{self.info.name} is not finished, and {self.what} changed",
            why=" ".join(filter(None, [f"It is {self.info.state}; going on would mix two lists.", difference])),
            fix=f"{going_on} or --new (begin {self.successor})",
        )


Choice = Create | Continue | Extend | Changed


def load(request: LoadRequest, session: Session) -> Loaded:
    """Continue, extend or create a batch. InputError, BatchError or UsageError leave the database as it was; where
    there is none, it is made only for a list that can be read.
    """
    plan = make_plan(request, session)
    store = session.store(create=True)
    choice = choose(plan, store.reports.batches(), add=request.add, new=request.new)
    match choice:
        case Create():
            return create(store, plan, choice)
        case Continue(info=info):
            return _loaded(store, info, plan, added=0, created=False, notices=())
        case Extend(info=info):
            return extend(store, plan, info, beside=store)
        case Changed():
            raise choice.error(store, plan)
        case _:
            assert_never(choice)


def choose(plan: Plan, batches: Iterable[BatchInfo], *, add: bool, new: bool) -> Choice:
    """What becomes of a list beside the batches that are there."""
    family = _family(batches, plan.base)
    following = successor(plan.base, [info.name for info in family])
    if new or not family:
        return Create(name=following)
    interrupted = next((info for info in family if info.state is BatchState.LOADING), None)
    if interrupted is not None:  # its rows were never complete, so nothing of it was sent: start over
        return Create(name=interrupted.name)
    same = next((info for info in family if not changes(_identity(info), plan.identity)), None)
    if same is not None and not plan.source.keyed:
        return Continue(info=same)
    latest = family[0]
    if add or same is not None:
        return Extend(info=same or latest)
    what = " and ".join(change.value for change in changes(_identity(latest), plan.identity))
    if is_over(latest.state):
        notice = f"{latest.name} is over and {what} changed: this is the new batch {following}"
        return Create(name=following, notices=(notice,))
    return Changed(info=latest, what=what, successor=following)


def _family(batches: Iterable[BatchInfo], base: str) -> list[BatchInfo]:
    """The batches `base`, `base-2`, ..., the latest first."""
    known = ((generation(base, info.name), info) for info in batches)
    found = [(number, info) for number, info in known if number is not None]
    return [info for _, info in sorted(found, key=lambda pair: -pair[0])]


def _identity(info: BatchInfo) -> Identity:
    return Identity(
        content_hash=info.content_hash, operations=info.operations, mapping=info.mapping, params=info.params
    )


def create(store: Store, plan: Plan, choice: Create) -> Loaded:
    """Import the list as a new batch."""
    judges = plan.judges()
    new = NewBatch(
        name=choice.name,
        source=_described(plan),
        header=plan.source.header,
        operations=plan.identity.operations,
        mapping=plan.identity.mapping,
        params=plan.identity.params,
        content_hash=plan.identity.content_hash,
        settings={},
    )
    rows = new_rows(plan.source.rows(), judges, max_invalid=plan.max_invalid)
    written = store.loading.load(new, rows, notes=notes_of(judges))
    info = store.reports.batch(written.batch)
    return _loaded(store, info, plan, added=written.rows, created=True, notices=choice.notices)


def _described(plan: Plan) -> dict[str, Any]:
    """What is kept of where the list is from, and of how it is asked: enough to read it again, but for a password."""
    described = {
        **plan.source.description,
        "profiles": dict(plan.files),
        "columns": list(plan.shown()),
        MAPPED: dict(plan.mapped),
    }
    if plan.database is not None and not has_password(plan.database):
        described["database"] = plan.database
    if plan.reading:
        described[READING] = dict(plan.reading)
    return described


def extend(store: Store, plan: Plan, info: BatchInfo, *, beside: Store) -> Loaded:
    """Append to a batch in `store` the rows that it does not have in `beside`, where its rows are.

    BatchError, InputError: the batch asks something else, or its list has other columns.
    """
    different = [change for change in changes(_identity(info), plan.identity) if change is not Change.CONTENT]
    if different:
        raise BatchError(
            f"{info.name} cannot be extended: {' and '.join(different)} changed",
            why="A batch asks the same of all its rows.",
            fix="--new",
        )
    if plan.source.header != info.header:
        raise InputError(
            f"{info.name} cannot be extended: the list has other columns",
            why=f"The batch has {', '.join(info.header)}.",
            fix="--new",
        )
    judges = plan.judges()
    index = None if plan.source.keyed else _cells(beside, info)
    if index is None:
        unknown = unknown_by_key(plan.source.rows(), lambda keys: beside.reports.known_keys(info.id, keys))
    else:
        unknown = index.unknown(plan.source.rows())
    rows = new_rows(unknown, judges, max_invalid=plan.max_invalid)
    written = store.loading.add(info.id, rows, content_hash=plan.identity.content_hash, notes=notes_of(judges))
    info = store.reports.batch(info.id)
    notices = () if index is None or not index.unmatched else (_staying(index.unmatched, info),)
    return _loaded(store, info, plan, added=written.rows, created=False, notices=notices)


def _cells(store: Store, info: BatchInfo) -> CellIndex:
    with store.reports.outcomes(info.id) as outcomes:
        return CellIndex(row.cells for row in outcomes.rows)


def _staying(rows: int, info: BatchInfo) -> str:
    return f"{_are(rows)} gone from the list: what {info.name} has of them is kept, and sent where it waits"


def _difference(store: Store, plan: Plan, info: BatchInfo) -> str:
    """`The list has 958 of its 1,000 rows: 42 are gone, 54 are new.`"""
    if plan.source.header != info.header:
        return "The list has other columns."
    index = _cells(store, info)
    new = sum(1 for _ in index.unknown(plan.source.rows()))
    gone = index.unmatched
    if not new and not gone:
        return "The rows are the same, in another order or written otherwise."
    rows = f"{number(info.rows)} {plural('row', info.rows)}"
    return f"The list has {number(info.rows - gone)} of its {rows}: {_are(gone)} gone, {_are(new)} new."


def _are(rows: int) -> str:
    return f"{number(rows)} {'is' if rows == 1 else 'are'}"


def _loaded(
    store: Store, info: BatchInfo, plan: Plan, *, added: int, created: bool, notices: tuple[str, ...]
) -> Loaded:
    jobs = sum(store.reports.status(info.id).by_state.values())
    return Loaded(
        batch=info.name,
        created=created,
        added_rows=added,
        rows=info.rows,
        jobs=jobs,
        shared=info.rows * len(info.operations) - info.refused - jobs,
        not_sent=info.refused,
        invalid=dict(info.settings.get("invalid", {})),
        countries=dict(info.settings.get("countries", {})),
        columns=plan.shown(),
        notices=(*plan.source.notes, *notices),
    )
