"""The enriched list as JSON lines: one object a row, own cells as texts, the provider's values typed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, BinaryIO, Final

from runner.exports.cells import Line
from runner.exports.layout import Layout

_PIECE: Final = 1000  # rows gathered before they are written
_READABLE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ESCAPED: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def write_jsonl(stream: BinaryIO, lines: Iterable[Line], layout: Layout) -> int:
    """Write one object a line, in constant memory, UTF-8, each ended by a line feed; returns the rows."""
    names = layout.names()
    record = layout.values()
    gathered: list[bytes] = []
    rows = 0
    for line in lines:
        gathered.append(_line(dict(zip(names, record(line), strict=True))))
        rows += 1
        if rows % _PIECE == 0:
            stream.write(b"".join(gathered))
            gathered.clear()
    stream.write(b"".join(gathered))
    stream.flush()
    return rows


def _line(row: dict[str, Any]) -> bytes:
    try:
        return _READABLE(row).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair of a provider's: as an escape it can be written down
        return _ESCAPED(row).encode() + b"\n"
