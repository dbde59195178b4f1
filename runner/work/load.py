"""`load`: find the batch that a list already is, or import it; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from runner.domain.provider import Operation
from runner.domain.states import BatchState
from runner.errors import BatchError, InputError, UsageError
from runner.inputs import ColumnMap, check_given, match_columns, parse_map
from runner.sources import Row, Source
from runner.store.store import Store
from runner.store.values import BatchInfo, NewBatch
from runner.work.additions import CellIndex, unknown_by_key
from runner.work.lists import Origin
from runner.work.naming import Change, Identity, changes, default_name, generation, is_over, successor
from runner.work.profiles import Profiles
from runner.work.results import Loaded
from runner.work.rows import Tally, new_rows, tallies
from runner.work.session import Session

SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What the user said about a list. `params` is `--set`, `mapping` is `--map` as `parse_map` gives it."""

    origin: Origin
    operations: Sequence[str] = ()
    name: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    max_invalid: float = 0.5
    add: bool = False
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A list that was looked at: what it would be as a batch."""

    source: Source
    base: str  # the name without its generation
    operations: Mapping[str, Operation]
    files: Mapping[str, str]  # profile files by provider
    columns: ColumnMap
    region: str | None
    given: Mapping[str, Mapping[str, str]]  # parameters for all rows, by operation
    identity: Identity
    max_invalid: float

    def judges(self) -> list[Tally]:
        """Fresh counters, one for each operation."""
        return tallies(self.operations.values(), self.columns, self.source.header, region=self.region, given=self.given)

    def shown(self) -> tuple[str, ...]:
        """For people: which column feeds what."""
        return tuple(match.text for match in self.columns.matches)


def load(request: LoadRequest, session: Session) -> Loaded:
    """Continue, extend or create a batch. InputError, BatchError or UsageError leave the database as it was; where
    there is none, it is made only for a list that can be read.
    """
    if request.add and request.new:
        raise UsageError(
            "--add and --new are both given", why="One extends a batch, the other begins one.", fix="leave one out"
        )
    plan = _plan(request, session)
    store = session.store(create=True)
    family = _family(store, plan.base)
    if request.new:
        return _create(store, plan, successor(plan.base, [info.name for info in family]), ())
    interrupted = next((info for info in family if info.state is BatchState.LOADING), None)
    if interrupted is not None:  # its rows were never complete, so nothing of it was sent: start over
        return _create(store, plan, interrupted.name, ())
    same = next((info for info in family if not changes(_identity(info), plan.identity)), None)
    if same is not None and not plan.source.keyed:
        return _continued(store, plan, same)
    latest = family[0] if family else None
    if latest is None:
        return _create(store, plan, plan.base, ())
    if request.add or same is not None:
        return _extend(store, plan, same or latest)
    if is_over(latest.state):
        name = successor(plan.base, [info.name for info in family])
        notice = f"{latest.name} is over and {_differs(latest, plan)} changed: this is the new batch {name}"
        return _create(store, plan, name, (notice,))
    raise BatchError(
        f"{latest.name} is not finished, and {_differs(latest, plan)} changed",
        why=f"It is {latest.state}; going on would mix two lists.",
        fix=f"--add (send only what is new in the list) or --new (begin {successor(plan.base, [latest.name])})",
    )


def _plan(request: LoadRequest, session: Session) -> Plan:
    profiles, settings = session.profiles, session.settings
    wanted = tuple(request.operations) or settings.run.operations or _asked_before(request, session)
    if not wanted:
        raise UsageError(
            "no operation is named", why=f"Known are {_offer(profiles)}.", fix="-p defastra.email, or [run] operations"
        )
    operations, files = profiles.operations(wanted)
    source = request.origin.open(settings)
    region = request.region or settings.run.region
    given = _given(operations, request.params, region)
    sample = [row.cells for row in islice(source.rows(), SAMPLE_ROWS)]
    columns = match_columns(
        source.header, sample, list(operations.values()), request.mapping, region=region, given=request.params
    )
    identity = Identity(
        content_hash=source.content_hash(),
        operations=tuple(operations),
        mapping={"columns": columns.to_json(), "region": region},
        params={key: dict(values) for key, values in given.items()},
    )
    return Plan(
        source=source,
        base=request.name or _name(source, request, operations),
        operations=operations,
        files=files,
        columns=columns,
        region=region,
        given=given,
        identity=identity,
        max_invalid=request.max_invalid,
    )


def _name(source: Source, request: LoadRequest, operations: Iterable[str]) -> str:
    if request.origin.path is None:
        kind = "rows given in memory" if request.origin.rows is not None else "a table or query"
        raise UsageError("the batch has no name", why=f"It is read from {kind}.", fix="--batch NAME")
    return default_name(source.name, operations)


def _asked_before(request: LoadRequest, session: Session) -> tuple[str, ...]:
    """The operations of the batch that this file already is: `runner run leads.csv` goes on without -p."""
    path = request.origin.path
    if path is None or not session.path.exists():
        return ()
    known = [info for info in session.store().reports.batches() if info.source.get("path") == str(path)]
    wanted: list[str] = []
    for key in known[0].operations if known else ():
        provider, _, operation = key.partition(".")
        file = known[0].source.get("profiles", {}).get(provider)
        wanted.append(f"{file}:{operation}" if file else key)
    return tuple(wanted)


def _offer(profiles: Profiles) -> str:
    keys = [operation.key for name in profiles.names() for operation in profiles.provider(name).operations.values()]
    return ", ".join(keys)


def _given(
    operations: Mapping[str, Operation], params: Mapping[str, str], region: str | None
) -> dict[str, Mapping[str, str]]:
    known = {each.name for operation in operations.values() for each in operation.inputs}
    for name in params:
        if name not in known:
            raise UsageError(
                f"no parameter {name!r}", why=f"There are {', '.join(sorted(known))}.", fix="--set NAME=VALUE"
            )
    checked = {key: check_given(operation, params, region=region) for key, operation in operations.items()}
    return {key: values for key, values in checked.items() if values}


def _family(store: Store, base: str) -> list[BatchInfo]:
    """The batches `base`, `base-2`, ..., the latest first."""
    known = ((generation(base, info.name), info) for info in store.reports.batches())
    found = [(number, info) for number, info in known if number is not None]
    return [info for _, info in sorted(found, key=lambda pair: -pair[0])]


def _identity(info: BatchInfo) -> Identity:
    return Identity(
        content_hash=info.content_hash, operations=info.operations, mapping=info.mapping, params=info.params
    )


def _differs(info: BatchInfo, plan: Plan) -> str:
    return " and ".join(change.value for change in changes(_identity(info), plan.identity))


def _create(store: Store, plan: Plan, name: str, notices: tuple[str, ...]) -> Loaded:
    judges = plan.judges()
    new = NewBatch(
        name=name,
        source={**plan.source.description, "profiles": dict(plan.files), "columns": list(plan.shown())},
        header=plan.source.header,
        operations=plan.identity.operations,
        mapping=plan.identity.mapping,
        params=plan.identity.params,
        content_hash=plan.identity.content_hash,
        settings={},
    )
    rows = new_rows(plan.source.rows(), judges, max_invalid=plan.max_invalid)
    written = store.loading.load(new, rows)
    info = store.reports.batch(written.batch)
    return _told(store, info, plan, written.rows, judges, created=True, notices=notices)


def _extend(store: Store, plan: Plan, info: BatchInfo) -> Loaded:
    """Append the rows that the batch does not have."""
    different = [change for change in changes(_identity(info), plan.identity) if change is not Change.CONTENT]
    if different:
        raise BatchError(
            f"{info.name} cannot be extended: {' and '.join(different)} differ",
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
    rows = new_rows(_unknown(store, plan, info), judges, max_invalid=plan.max_invalid)
    written = store.loading.add(info.id, rows, content_hash=plan.identity.content_hash)
    return _told(store, store.reports.batch(info.id), plan, written.rows, judges, created=False, notices=())


def _unknown(store: Store, plan: Plan, info: BatchInfo) -> Iterable[Row]:
    if plan.source.keyed:
        return unknown_by_key(plan.source.rows(), lambda keys: store.reports.known_keys(info.id, keys))
    with store.reports.outcomes(info.id) as outcomes:
        index = CellIndex(row.cells for row in outcomes.rows)
    return index.unknown(plan.source.rows())


def _told(
    store: Store,
    info: BatchInfo,
    plan: Plan,
    added: int,
    judges: Sequence[Tally],
    *,
    created: bool,
    notices: tuple[str, ...],
) -> Loaded:
    """Keep the refusals by reason with the batch, and say what it is now."""
    invalid = dict(info.settings.get("invalid", {}))
    for tally in judges:
        for why, count in tally.refused.items():
            invalid[f"invalid:{why}"] = invalid.get(f"invalid:{why}", 0) + count
    if added:
        store.steering.keep(info.id, {"invalid": invalid})
    return _loaded(store, info, plan, added=added, created=created, invalid=invalid, notices=notices)


def _continued(store: Store, plan: Plan, info: BatchInfo) -> Loaded:
    return _loaded(store, info, plan, added=0, created=False, invalid=info.settings.get("invalid", {}), notices=())


def _loaded(
    store: Store,
    info: BatchInfo,
    plan: Plan,
    *,
    added: int,
    created: bool,
    invalid: Mapping[str, int],
    notices: tuple[str, ...],
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
        invalid=dict(invalid),
        columns=plan.shown(),
        notices=(*plan.source.notes, *notices),
    )


def parse_params(items: Iterable[str]) -> dict[str, str]:
    """`--set PARAM=VALUE`, one string each, as a mapping. UsageError."""
    params: dict[str, str] = {}
    for item in items:
        name, found, value = item.partition("=")
        if not found or not name.strip():
            raise UsageError(f"not a parameter: {item!r}", why="It is written PARAM=VALUE.", fix="--set timeout=normal")
        params[name.strip()] = value
    return params


def parse_mapping(given: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """`--map` as texts or as a mapping already."""
    return dict(given) if isinstance(given, Mapping) else parse_map(given)
