"""What a list would be as a batch: its operations, columns, parameters and identity. Reads; writes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from runner.domain.personal import clean
from runner.domain.provider import Operation
from runner.domain.states import BatchState
from runner.domain.typed import typed_name
from runner.errors import InputError, UsageError
from runner.inputs import ColumnMap, check_given, match_columns, parse_map
from runner.sources import Source
from runner.store.values import BatchInfo
from runner.work.lists import Origin
from runner.work.naming import Identity, default_name, is_over, near_fit, unfit
from runner.work.rows import Tally, tallies
from runner.work.session import Session
from runner.work.standing import short_name

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
    folder: Path  # where the files that the list names are
    max_invalid: float
    mapped: Mapping[str, str]  # the `--map` that were told
    reading: Mapping[str, str] = field(default_factory=dict)  # the `encoding` and `delimiter` that were told
    database: str | None = None  # of a keyed source: the URL, or the name of a `[sources.NAME]`

    def judges(self) -> list[Tally]:
        """Fresh counters, one for each operation."""
        return tallies(
            self.operations.values(),
            self.columns,
            self.source.header,
            region=self.region,
            given=self.given,
            folder=self.folder,
        )

    def shown(self) -> tuple[str, ...]:
        """For people: which column feeds what."""
        return tuple(match.text for match in self.columns.matches)


def make_plan(request: LoadRequest, session: Session) -> Plan:
    """Look at the list and find its columns. InputError, UsageError; reads a sample of the rows, writes nothing."""
    _check(request, session)
    profiles, settings = session.profiles, session.settings
    wanted = tuple(request.operations) or settings.run.operations or _asked_before(request, session)
    if not wanted:
        raise _unnamed(request, session)
    operations, files = profiles.operations(wanted)
    source = request.origin.open(settings)
    region = request.region or settings.run.region
    given = _given(operations, request.params, region, settings.directory)
    folder = request.origin.folder(settings)
    columns = _columns(request, source, list(operations.values()), session, folder=folder)
    identity = Identity(
        content_hash=source.content_hash(),
        operations=tuple(operations),
        mapping={"columns": columns.to_json(), "region": region},
        params={key: dict(values) for key, values in given.items()},
    )
    return Plan(
        source=source,
        base=request.name or default_name(source.name, operations, known=_names(session)),
        operations=operations,
        files=files,
        columns=columns,
        region=region,
        given=given,
        folder=folder,
        identity=identity,
        max_invalid=request.max_invalid,
        mapped=request.mapping,
        reading=request.origin.reading,
        database=request.origin.database,
    )


def _check(request: LoadRequest, session: Session) -> None:
    """UsageError: it contradicts itself, or the batch has no name, or one that is none."""
    if request.add and request.new:
        raise UsageError(
            "--add and --new are both given",
            why="One extends a batch, the other begins one.",
            fix="FILE with --add alone, or with --new alone",
        )
    if request.origin.path is None and request.name is None:
        why = f"It is read from {request.origin.kind}."
        raise UsageError("the batch has no name", why=why, fix="--batch NAME")
    if request.name is not None:
        _check_name(request.name, session)


def _check_name(name: object, session: Session) -> None:
    """UsageError: no batch can be called so. One that is called so goes on: what was paid for it would be paid again
    under another name, and a file of that name may be its own output."""
    if not isinstance(name, str):
        raise UsageError(f"no name for a batch: {name!r}", why="A name is a text.", fix='batch="leads"')
    if name in _names(session):
        return
    if (why := unfit(name)) is not None:
        shown = clean(name) if name.strip() else repr(name)
        raise UsageError(f"no name for a batch: {shown}", why=why, fix=f"--batch {near_fit(name)}")
    if (session.settings.directory / name).is_file():
        raise UsageError(
            f"no name for a batch: {name}",
            why=f"A file here is called so, and runner run {typed_name(name)} reads that file.",
            fix=f"--batch {near_fit(Path(name).stem)}-list",
        )


def _names(session: Session) -> set[str]:
    return {info.name for info in session.store().reports.batches()} if session.is_there else set()


def _columns(
    request: LoadRequest, source: Source, operations: Sequence[Operation], session: Session, *, folder: Path
) -> ColumnMap:
    sample = [row.cells for row in islice(source.rows(), SAMPLE_ROWS)]
    try:
        return _matched(request, source.header, sample, operations, session, folder=folder)
    except InputError as error:
        asked = {operation.key for operation in operations}
        raise _or_its_batch(error, request, source, session, asked=asked) from error


def _matched(
    request: LoadRequest,
    header: Sequence[str],
    sample: Sequence[Sequence[str]],
    operations: Sequence[Operation],
    session: Session,
    *,
    folder: Path,
) -> ColumnMap:
    region = request.region or session.settings.run.region
    return match_columns(
        header, sample, operations, request.mapping, region=region, given=request.params, folder=folder
    )


def _asked_before(request: LoadRequest, session: Session) -> tuple[str, ...]:
    """The operations of the batch that this list already is: `runner run leads.csv` goes on without -p."""
    known = _batches_of(request, session)
    wanted: list[str] = []
    for key in known[0].operations if known else ():
        provider, _, operation = key.partition(".")
        file = known[0].source.get("profiles", {}).get(provider)
        wanted.append(f"{file}:{operation}" if file else key)
    return tuple(wanted)


def _batches_of(request: LoadRequest, session: Session) -> list[BatchInfo]:
    """The batches of this file, else of this name, the latest first."""
    path = request.origin.path
    if not session.is_there:
        return []
    batches = session.store().reports.batches()
    if path is None:
        return [info for info in batches if info.name == request.name]
    return [info for info in batches if info.source.get("path") == str(path)]


def _or_its_batch(
    error: InputError, request: LoadRequest, source: Source, session: Session, *, asked: Collection[str]
) -> InputError:
    """The columns of a list were told when it was loaded, and are not told now: the batch that asks the same knows
    them."""
    same = (info for info in _batches_of(request, session) if set(info.operations) == asked)
    latest = next(same, None)
    if request.mapping or request.origin.path is None or latest is None or not _can_go_on(latest):
        return error
    if latest.content_hash != source.content_hash():
        return error
    named = f"runner run {short_name(latest, session.store())}   (goes on with the batch of this list, as it was read)"
    return InputError(error.what, why=error.why, fix=f"{named}\n{error.fix}")


def _can_go_on(info: BatchInfo) -> bool:
    """Whether a run would send what is left of it. One whose list was not read to its end is loaded again first."""
    return info.state is not BatchState.LOADING and not is_over(info.state)


def _unnamed(request: LoadRequest, session: Session) -> UsageError:
    """Nobody said what to ask: what the list has columns for; where that is nothing, all that can be asked."""
    profiles = session.profiles
    known = [one for name in profiles.names() for one in profiles.provider(name).operations.values()]
    source, folder = request.origin.open(session.settings), request.origin.folder(session.settings)
    sample = [row.cells for row in islice(source.rows(), SAMPLE_ROWS)]
    fitting = []
    for operation in known:
        with suppress(InputError):
            if _matched(request, source.header, sample, [operation], session, folder=folder).matches:
                fitting.append(operation.key)
    if fitting:
        why = f"Its columns fit {', '.join(fitting)}."
        return UsageError("no operation is named", why=why, fix=f"-p {fitting[0]}")
    why = f"Known are {', '.join(one.key for one in known)}."
    return UsageError("no operation is named", why=why, fix="-p defastra.email")


def _given(
    operations: Mapping[str, Operation], params: Mapping[str, str], region: str | None, directory: Path
) -> dict[str, Mapping[str, str]]:
    known = {each.name for operation in operations.values() for each in operation.inputs}
    for name in params:
        if name not in known:
            near = (difflib.get_close_matches(name, known, 1) or sorted(known))[0]
            raise UsageError(
                f"no parameter {name!r}", why=f"There are {', '.join(sorted(known))}.", fix=f"--set {near}=VALUE"
            )
    checked = {
        key: check_given(operation, params, region=region, folder=directory) for key, operation in operations.items()
    }
    return {key: values for key, values in checked.items() if values}


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
