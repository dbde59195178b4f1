"""Which column feeds which parameter: by name, by alias, by its values, or as the user says."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from runner.domain.personal import shown_name
from runner.domain.provider import Input, InputKind, Operation
from runner.errors import InputError
from runner.inputs.cell import Accepted, trim
from runner.inputs.check import HERE, sample_checker

REGION: Final = "region"
_SHARE: Final = 0.8
_ALIASES: Final[Mapping[InputKind, frozenset[str]]] = {
    InputKind.EMAIL: frozenset({"email", "mail", "emailaddress", "mailaddress"}),
    InputKind.PHONE: frozenset({"phone", "tel", "telephone", "mobile", "cell", "phonenumber", "mobilephone"}),
    InputKind.DOMAIN: frozenset({"domain", "domainname"}),
    InputKind.TEXT: frozenset(),
    InputKind.CHOICE: frozenset(),
    InputKind.FILE: frozenset({"file", "path", "message", "eml", "filename", "filepath"}),
}
# Values that no column is named.
_TELLING: Final = frozenset({InputKind.EMAIL, InputKind.PHONE, InputKind.DOMAIN, InputKind.FILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One parameter and its column."""

    operation: str  # "defastra.email"
    param: str
    column: int  # 0-based index into the cells
    name: str  # the column's name in the header
    valid: float | None  # share of the sample's non-blank cells that are accepted; None without any

    @property
    def text(self) -> str:
        """For people: `email <- E-Mail, 98 % valid`."""
        # Rounded down, so that 100 % means all of them.
        share = "no values yet" if self.valid is None else f"{int(self.valid * 100)} % valid"
        return f"{self.param} <- {self.name}, {share}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """Every matched parameter, and the region columns. Part of a batch's identity (`to_json`)."""

    header: tuple[str, ...]
    matches: tuple[Match, ...]
    regions: Mapping[str, int]  # operation -> column that holds the row's own region

    def of(self, operation: str) -> dict[str, int]:
        """Parameter -> column index, for one operation."""
        return {match.param: match.column for match in self.matches if match.operation == operation}

    def to_json(self) -> dict[str, dict[str, str]]:
        """Operation -> parameter (or `region`) -> column name, sorted: equal for equal mappings."""
        plain: dict[str, dict[str, str]] = {}
        for match in self.matches:
            plain.setdefault(match.operation, {})[match.param] = match.name
        for operation, column in self.regions.items():
            plain.setdefault(operation, {})[REGION] = self.header[column]
        return {operation: dict(sorted(columns.items())) for operation, columns in sorted(plain.items())}


def column_map(
    header: Sequence[str], plain: Mapping[str, Mapping[str, str]], operations: Iterable[Operation]
) -> ColumnMap:
    """What `ColumnMap.to_json` gave, of a list with this header."""
    places = {name: place for place, name in enumerate(header)}
    matches: list[Match] = []
    regions: dict[str, int] = {}
    for operation in operations:
        params = {one.name for one in operation.inputs}
        for param, name in plain.get(operation.key, {}).items():
            if param in params:
                match = Match(operation=operation.key, param=param, column=places[name], name=name, valid=None)
                matches.append(match)
            else:
                regions[operation.key] = places[name]
    return ColumnMap(header=tuple(header), matches=tuple(matches), regions=regions)


def parse_map(items: Iterable[str]) -> dict[str, str]:
    """`--map [PROVIDER.OP:]PARAM=COLUMN`, one string each, as a mapping. Raises InputError."""
    explicit: dict[str, str] = {}
    for item in items:
        param, equals, column = item.partition("=")
        if not (param and equals and column):
            raise InputError(f"--map {item!r} has no column", why="it is PARAM=COLUMN", fix="--map email=E-Mail")
        if explicit.get(param, column) != column:
            raise InputError(
                f"--map gives {param} two columns: {explicit[param]!r} and {column!r}",
                why="A request has one value of it.",
                fix=f"--map {shlex.quote(f'{param}={column}')}",
            )
        explicit[param] = column
    return explicit


def match_columns(
    header: Sequence[str],
    sample: Sequence[Sequence[str]],
    operations: Sequence[Operation],
    explicit: Mapping[str, str],
    *,
    region: str | None = None,
    given: Collection[str] = (),
    folder: Path = HERE,
) -> ColumnMap:
    """The column of every required parameter, and of the optional ones in `explicit`.

    `sample` are the cells of the first rows (a thousand are plenty). `explicit` is what `parse_map` returns: `PARAM` or
    `PROVIDER.OP:PARAM` -> column name; the parameter `region` names the column with each row's own region. `region` is
    the list's (`--region`). Parameters in `given` (`--set`) need no column. `folder` is where the list's files
    are: a cell fits if there is one.

    Raises InputError with ready `--map` lines: for all parameters at once that no column, or more than one, fits.
    """
    search = _Search(
        header=tuple(header), sample=sample, operations=operations, explicit=explicit, region=region, folder=folder
    )
    search.check_explicit()
    regions = {
        each.key: column
        for each in operations
        if any(one.kind is InputKind.PHONE for one in each.inputs)
        and all(one.name != REGION for one in each.inputs)
        and (column := search.told(each.key, REGION)) is not None
    }
    matches = []
    for operation in operations:
        for each in operation.inputs:
            told = search.told(operation.key, each.name)
            if told is not None or (each.required and each.default is None and each.name not in given):
                matches.append(search.match(operation, each, told, regions.get(operation.key)))
    if search.problems:
        raise search.failure()
    return ColumnMap(
        header=search.header, matches=tuple(match for match in matches if match is not None), regions=regions
    )


@dataclass(slots=True, kw_only=True)
class _Problem:
    what: str
    why: str
    fixes: list[str]


@dataclass(slots=True, kw_only=True)
class _Search:
    header: tuple[str, ...]
    sample: Sequence[Sequence[str]]
    operations: Sequence[Operation]
    explicit: Mapping[str, str]
    region: str | None
    folder: Path
    problems: list[_Problem] = field(default_factory=list)

    def told(self, operation: str, param: str) -> int | None:
        """The column the user names for a parameter."""
        name = self.explicit.get(f"{operation}:{param}", self.explicit.get(param))
        return None if name is None else self._column(name, param)

    def check_explicit(self) -> None:
        """Refuse a `--map` that names no parameter of these operations, or no column."""
        known = set(self._map_names())
        for name, column in self.explicit.items():
            if name not in known:
                raise InputError(
                    f"--map {name}: no such parameter",
                    why=f"the parameters are {', '.join(sorted(known))}",
                    fix=f"--map {_closest(name, sorted(known))}={shlex.quote(column)}",
                )
            self._column(column, name)

    def match(self, operation: Operation, each: Input, told: int | None, region_column: int | None) -> Match | None:
        """The match of one parameter; None after noting the problem."""
        column = told
        if column is None:
            named = self._named(each)
            found = named or [
                index for index in range(len(self.header)) if (self._valid(each, index, region_column) or 0) >= _SHARE
            ]
            for index in () if named else found:
                self._check_is_name(each, index)
            if len(found) != 1:
                self._note(operation, each, found)
                return None
            column = found[0]
        return Match(
            operation=operation.key,
            param=each.name,
            column=column,
            name=self.header[column],
            valid=self._valid(each, column, region_column),
        )

    def failure(self) -> InputError:
        """All problems as one error."""
        return InputError(
            "; ".join(problem.what for problem in self.problems),
            why="; ".join(dict.fromkeys(problem.why for problem in self.problems)),
            fix="\n".join(dict.fromkeys(fix for problem in self.problems for fix in problem.fixes)),
        )

    def _map_names(self) -> Iterator[str]:
        for operation in self.operations:
            names = [each.name for each in operation.inputs]
            if any(each.kind is InputKind.PHONE for each in operation.inputs):
                names.append(REGION)
            for name in names:
                yield name
                yield f"{operation.key}:{name}"

    def _column(self, name: str, param: str) -> int:
        if name in self.header:
            return self.header.index(name)
        alike = [index for index, own in enumerate(self.header) if _plain(own) == _plain(name)]
        if len(alike) == 1:
            return alike[0]
        raise InputError(
            f"the list has no column {shown_name(name)!r}",
            why=f"its columns are {self._names()}",
            fix=f"--map {param}={shlex.quote(_closest(name, self.header))}",
        )

    def _names(self) -> str:
        return ", ".join(map(shown_name, self.header))

    def _named(self, each: Input) -> list[int]:
        """Columns called like the parameter; only without any, those called by an alias."""
        plain = [_plain(name) for name in self.header]
        own = [index for index, name in enumerate(plain) if name == _plain(each.name)]
        return own or [index for index, name in enumerate(plain) if name in _ALIASES[each.kind]]

    def _valid(self, each: Input, column: int, region_column: int | None) -> float | None:
        check = sample_checker(each, region=self.region, folder=self.folder)
        cells = accepted = 0
        for row in self.sample:
            if trim(row[column]):
                cells += 1
                own_region = None if region_column is None else row[region_column]
                accepted += isinstance(check(row[column], own_region), Accepted)
        return accepted / cells if cells else None

    def _national(self, each: Input) -> list[str]:
        """Columns of digits that would be phones if their country were known."""
        if each.kind is not InputKind.PHONE or self.region is not None:
            return []
        check = sample_checker(each)
        found = []
        for column, name in enumerate(self.header):
            results = [check(row[column], None) for row in self.sample if trim(row[column])]
            if results and sum(result.bare for result in results) >= _SHARE * len(results):
                found.append(name)
        return found

    def _check_is_name(self, each: Input, column: int) -> None:
        """A header that is itself a value is a first row: taking it for names would lose a row."""
        check = sample_checker(each, region=self.region, folder=self.folder)
        if each.kind in _TELLING and isinstance(check(self.header[column], None), Accepted):
            raise InputError(
                "the first line looks like data, not like names of columns",
                why=f"in column {column + 1} it has a valid {each.kind}",
                fix="--no-header",
            )

    def _note(self, operation: Operation, each: Input, found: list[int]) -> None:
        shared = sum(each.name == one.name for other in self.operations for one in other.inputs) > 1
        name = f"{operation.key}:{each.name}" if shared else each.name
        columns = [self.header[index] for index in found]
        if found:
            what = f"{len(found)} columns could be the {each.name} of {operation.key}: {', '.join(columns)}"
        else:
            what = f"no column for the {each.name} of {operation.key}"
        why = f"the columns are {self._names()}"
        if not found:
            why += f"; none is called {each.name}, and no single one has 80 % valid values"
        fixes = [f"--map {name}={shlex.quote(column)}" for column in columns or ["COLUMN"]]
        if not found and (national := self._national(each)):
            why += f"; {', '.join(map(shown_name, national))} could be phones without their country"
            fixes = [f"--map {name}={shlex.quote(one)} --region US   (the country they are from)" for one in national]
        self.problems.append(_Problem(what=what, why=why, fixes=fixes))


def _plain(name: str) -> str:
    return "".join(sign for sign in trim(name).casefold() if sign not in "-_" and not sign.isspace())


def _closest(name: str, known: Sequence[str]) -> str:
    """The one that may be meant; any of them where none is like it."""
    plain = {_plain(one): one for one in known}
    return next((plain[near] for near in difflib.get_close_matches(_plain(name), list(plain), n=1)), known[0])
