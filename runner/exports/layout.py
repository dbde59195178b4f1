"""Which columns an export has, in which order, and what stands in them for one row."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from runner.domain.provider import Operation
from runner.errors import UsageError
from runner.exports.cells import Line, OutcomeCells, guarded_cells, own_names, plain_text, text_of_bytes

RAW: Final = "raw"
"""The column of the stored answer, where it is asked for."""


class Origin(StrEnum):
    """Whose column it is, and so what can stand in it."""

    OWN = "own"  # the user's: texts
    RESULT = "result"  # the profile's: whatever JSON the provider sent
    FLAG = "flag"  # ours, and of these types
    COUNT = "count"
    TEXT = "text"


_OURS: Final = {"found": Origin.FLAG, "attempts": Origin.COUNT}

Record = Callable[[Line], list[Any]]
"""From a row to its cells, in the order of the layout's names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of an export: the user's, then each operation's; or those that were chosen, in their order."""

    header: Sequence[str]  # the user's names
    operations: Sequence[Operation]
    raw: bool = False  # each operation's last answer too, as it was stored
    chosen: Sequence[str] = ()  # names of the whole header, or a column's short name: of every operation; none: all

    def names(self) -> tuple[str, ...]:
        """Every name, in order. UsageError: one that was chosen is not there."""
        every = self._every()
        places = self._places()
        return every if places is None else tuple(every[place] for place in places)

    def texts(self, *, guard: bool) -> Record:
        """Cells as `csv.writer` takes them: None is empty. `guard`: `'` before provider-made text that a spreadsheet
        would run."""
        return self._record([_text_writer(one, guard=guard, raw=self.raw) for one in self.operations])

    def values(self) -> Record:
        """The user's cells as text, the rest as JSON values; what is not known is None."""
        return self._record([_value_writer(one, raw=self.raw) for one in self.operations])

    def origins(self) -> tuple[Origin, ...]:
        """For each name whose column it is."""
        every = [Origin.OWN] * len(self.header)
        for operation in self.operations:
            every += [Origin.RESULT] * len(operation.columns)
            ours = _names(operation, raw=self.raw)[len(operation.columns) :]
            every += [_OURS.get(name, Origin.TEXT) for name in ours]
        places = self._places()
        return tuple(every) if places is None else tuple(every[place] for place in places)

    def shows_results(self) -> bool:
        """Whether any of the columns is made of what a provider said."""
        return Origin.RESULT in self.origins()

    def _record(self, writers: Sequence[Callable[[OutcomeCells], list[Any]]]) -> Record:
        places = self._places()
        if places is not None and all(place < len(self.header) for place in places):
            return lambda line: [line.cells[place] for place in places]

        def whole(line: Line) -> list[Any]:
            record: list[Any] = list(line.cells)
            for write, outcome in zip(writers, line.outcomes, strict=True):
                record += write(outcome)
            return record

        if places is None:
            return whole

        def picked(line: Line) -> list[Any]:
            record = whole(line)
            return [record[place] for place in places]

        return picked

    def _every(self) -> tuple[str, ...]:
        return export_header(self.header, self.operations, raw=self.raw)

    def _places(self) -> list[int] | None:
        if not self.chosen:
            return None
        every = self._every()
        short: dict[str, list[int]] = {}
        place = len(self.header)
        for operation in self.operations:
            for name in _names(operation, raw=self.raw):
                short.setdefault(name, []).append(place)
                place += 1
        found: dict[int, None] = {}  # once each, in the order they were named
        for wanted in self.chosen:
            places = [every.index(wanted)] if wanted in every else short.get(wanted, [])
            if not places:
                raise _no_column(wanted, every, short)
            found |= dict.fromkeys(places)
        return list(found)


def export_header(header: Sequence[str], operations: Sequence[Operation], *, raw: bool = False) -> tuple[str, ...]:
    """The user's names, then each operation's; a name that is taken gets `_2`, `_3`, ..."""
    names = list(header)
    taken = set(header)
    for operation in operations:
        for name in _names(operation, raw=raw):
            names.append(free_name(operation.column_prefix + name, taken))
            taken.add(names[-1])
    return tuple(names)


def free_name(wanted: str, taken: Container[str], *, same: Callable[[str], str] = str) -> str:
    """The name, or with the first of `_2`, `_3`, ... that nobody has. `same`: what names in `taken` are compared by."""
    free, number = wanted, 1
    while same(free) in taken:
        number += 1
        free = f"{wanted}_{number}"
    return free


def _names(operation: Operation, *, raw: bool) -> list[str]:
    return [*own_names(operation), *([RAW] if raw else [])]


def _no_column(wanted: str, every: Sequence[str], short: dict[str, list[int]]) -> UsageError:
    known = [*every, *short]
    near = difflib.get_close_matches(wanted, known, 1) or known[:1]
    listed = ", ".join(dict.fromkeys([*every[: len(every) - sum(map(len, short.values()))], *short]))
    return UsageError(f"no column {wanted!r}", why=f"There are {listed}.", fix=f"--columns {near[0]}")


def _text_writer(operation: Operation, *, guard: bool, raw: bool) -> Callable[[OutcomeCells], list[Any]]:
    names = tuple(operation.columns)
    has_found = operation.found is not None
    texts = guarded_cells if guard else _plain_cells

    def write(outcome: OutcomeCells) -> list[Any]:
        cells = texts(map(outcome.columns.get, names))
        if has_found:
            cells.append(plain_text(outcome.found))
        cells += (
            outcome.state,
            outcome.reason,
            outcome.debited,
            outcome.attempts,
            outcome.checked_at,
        )
        if raw:
            cells += texts([text_of_bytes(outcome.raw)])
        return cells

    return write


def _plain_cells(values: Iterable[Any]) -> list[Any]:
    return list(map(plain_text, values))


def _value_writer(operation: Operation, *, raw: bool) -> Callable[[OutcomeCells], list[Any]]:
    names = tuple(operation.columns)
    has_found = operation.found is not None

    def write(outcome: OutcomeCells) -> list[Any]:
        columns = outcome.columns
        values = [columns.get(name) for name in names]
        if has_found:
            values.append(outcome.found)
        values += (outcome.state, outcome.reason, outcome.debited, outcome.attempts, outcome.checked_at)
        if raw:
            values.append(text_of_bytes(outcome.raw))
        return values

    return write
