"""From a source's rows to what the store takes: jobs and refusals, counted on the way; all or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.domain.provider import InputKind, Operation
from runner.domain.quick import quick
from runner.errors import InputError
from runner.inputs import ColumnMap, PhoneSummary, Prepared, Refused, check_national, looks_national, preparer
from runner.sources import Row
from runner.store.loading import Notes
from runner.store.values import NewJob, NewRow, Refusal

CELLS_TO_JUDGE = 20
"""Fewer cells say nothing about a column."""


@dataclass(slots=True)
class Tally:
    """What one operation made of the rows."""

    operation: Operation
    name: str  # the operation's: `defastra.email`
    column: str  # the first input's
    prepare: Callable[[Sequence[str]], Prepared | Refused]
    first: int  # index of that column
    given: Mapping[str, str]  # `--set`, checked
    phones: PhoneSummary | None
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by why

    def entry(self, cells: Sequence[str]) -> NewJob | Refusal:
        """The job or the refusal that one row asks of this operation."""
        result = self.prepare(cells)
        if isinstance(result, Refused):
            self.refused[result.why] += 1
            return Refusal(self.name, result.why, cells[self.first])
        self.accepted += 1
        key, params, value = result
        return quick(NewJob, (self.name, key, value, {**self.given, **params} if self.given else params))

    def judge(self, *, max_invalid: float) -> None:
        """InputError when the column cannot be meant: too many filled cells are refused, or they look national."""
        if self.phones is not None:
            check_national(self.phones, column=self.column)
        wrong = self.refused.total() - self.refused["empty"]
        filled = wrong + self.accepted
        if filled >= CELLS_TO_JUDGE and wrong > max_invalid * filled:
            raise InputError(
                f"{self.column}: {wrong} of {filled} cells are not fit for {self.operation.key}",
                why=f"More than {max_invalid:.0%} are refused as {self._refused_as()}: "
                "this looks like the wrong column.",
                fix=f"--map {self.operation.inputs[0].name}=COLUMN"
                "; or, to keep them as invalid: runner run ... --max-invalid 100%",
            )

    def _refused_as(self) -> str:
        """What the cells are not: a kind; of files how they are not, for they may just not be where the list is."""
        kind = self.operation.inputs[0].kind
        if kind is not InputKind.FILE:
            return kind.value
        whys = ", ".join(f"{why} {count}" for why, count in self.refused.most_common() if why != "empty")
        return f"{kind.value} ({whys}; a path starts at the list's folder)"


def tallies(
    operations: Iterable[Operation],
    columns: ColumnMap,
    header: Sequence[str],
    *,
    region: str | None,
    given: Mapping[str, Mapping[str, str]],
    folder: Path,
    national: Collection[str] = (),
) -> list[Tally]:
    """One for each operation, in their order.

    `given`: parameters for the whole batch, by operation; `folder`: where the files that the list names are;
    `national`: operations whose phones of digits alone are of a country that nobody named.
    """
    made = []
    for operation in operations:
        of = columns.of(operation.key)
        first = of.get(operation.inputs[0].name, next(iter(of.values()), 0))
        phones = PhoneSummary() if any(each.kind is InputKind.PHONE for each in operation.inputs) else None
        own_region = columns.regions.get(operation.key)
        prepare = preparer(
            operation,
            of,
            region=region,
            region_column=own_region,
            phones=phones,
            folder=folder,
            national=operation.key in national,
        )
        made.append(
            Tally(
                operation=operation,
                name=operation.key,
                column=header[first],
                prepare=prepare,
                first=first,
                given=given.get(operation.key, {}),
                phones=phones,
            )
        )
    return made


def countries(judges: Iterable[Tally]) -> Counter[str]:
    """The phones that were read, by the country of their calling code; `unknown` where a code is of no one country."""
    of_columns = {tally.column: tally.phones.countries for tally in judges if tally.phones is not None}
    total: Counter[str] = Counter()
    for counted in of_columns.values():  # two operations that read the same column read the same phones
        for region, count in counted.items():
            total[region if region.isalpha() else "unknown"] += count
    return total


def notes_of(judges: Sequence[Tally]) -> Notes:
    """Keep with the batch what only its cells tell: the refusals by reason and by operation, the countries of its
    phones. In one transaction with the rows: a load that says it failed has added nothing."""

    def notes(kept: Mapping[str, Any]) -> Mapping[str, Any]:
        invalid: Counter[str] = Counter(kept.get("invalid", {}))
        refused: Counter[str] = Counter(kept.get("refused", {}))
        for tally in judges:
            invalid.update({f"invalid:{why}": count for why, count in tally.refused.items()})
            refused[tally.operation.key] += tally.refused.total()
        phones = Counter(kept.get("countries", {})) + countries(judges)
        return {
            **{key: value for key, value in kept.items() if key != "countries"},
            "invalid": dict(invalid),
            "refused": dict(refused),
            **({"countries": dict(phones)} if phones else {}),
        }

    return notes


def new_rows(rows: Iterable[Row], judges: Sequence[Tally], *, max_invalid: float) -> Iterator[NewRow]:
    """The rows for the store, in order. InputError at the end when a column is wrong: whoever writes drops them all."""
    yield from _prepared(rows, judges)
    for tally in judges:
        tally.judge(max_invalid=max_invalid)


def later_rows(
    rows: Sequence[Row], judges: Callable[[Collection[str]], Sequence[Tally]]
) -> tuple[list[NewRow], Sequence[Tally]]:
    """Some more rows of a list that is at work already, and what was counted of them: nobody is there to be refused.

    Where its phones of digits alone look national, these are refused one by one. `judges` makes counters, for the
    operations of which that holds.
    """
    counted = judges(())
    prepared = list(_prepared(rows, counted))
    national = {tally.name for tally in counted if tally.phones is not None and looks_national(tally.phones)}
    if national:
        counted = judges(national)
        prepared = list(_prepared(rows, counted))
    return prepared, counted


def _prepared(rows: Iterable[Row], judges: Sequence[Tally]) -> Iterator[NewRow]:
    entries = [tally.entry for tally in judges]
    for row in rows:
        cells = row.cells
        yield quick(NewRow, (row.line, cells, row.key, tuple([entry(cells) for entry in entries])))
