"""How a list is written down: what a source found out and an export repeats. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The spelling of a CSV file. `to_json` and `from_json` are inverse; the store keeps it with the batch."""

    delimiter: str = ","
    line_end: str = "\n"  # "\n", "\r\n" or "\r"
    quote_all: bool = False  # every field is quoted, not only those that need it
    bom: bool = False  # an export starts with a UTF-8 byte order mark: the input had one, or was not UTF-8
    sep_line: bool = False  # the file starts with Excel's `sep=;` line

    def to_json(self) -> dict[str, Any]:
        """As JSON values, by field name."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Dialect:
        """Back from `to_json`."""
        return cls(**data)
