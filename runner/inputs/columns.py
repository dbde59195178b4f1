"""Which column feeds which parameter: by name, by alias, by its values, or as the user says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from runner.domain.provider import Operation


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
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """Every matched parameter, and the region columns. Part of a batch's identity (`to_json`)."""

    matches: tuple[Match, ...]
    regions: Mapping[str, int]  # operation -> column that holds the row's own region

    def of(self, operation: str) -> dict[str, int]:
        """Parameter -> column index, for one operation."""
        raise NotImplementedError

    def to_json(self) -> dict[str, dict[str, str]]:
        """Operation -> parameter (or `region`) -> column name, sorted: equal for equal mappings."""
        raise NotImplementedError


def parse_map(items: Iterable[str]) -> dict[str, str]:
    """`--map [PROVIDER.OP:]PARAM=COLUMN`, one string each, as a mapping. Raises InputError."""
    raise NotImplementedError


def match_columns(
    header: Sequence[str],
    sample: Sequence[Sequence[str]],
    operations: Sequence[Operation],
    explicit: Mapping[str, str],
    *,
    region: str | None = None,
    given: Collection[str] = (),
) -> ColumnMap:
    """The column of every required parameter, and of the optional ones in `explicit`.

    `sample` are the cells of the first rows (a thousand are plenty). `explicit` is what `parse_map` returns: `PARAM` or
    `PROVIDER.OP:PARAM` -> column name; the parameter `region` names the column with each row's own region. `region` is
    the list's (`--region`). Parameters in `given` (`--set`) need no column. Raises InputError with ready `--map` lines.
    """
    raise NotImplementedError
