"""What the exports of a batch are known by, so that a later one may replace them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId
from runner.store.codec import to_json

Marks = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By kind, "files" or "tables", then by path or name."""

_MARKS: Final = "SELECT delivered FROM batches WHERE id = ?"
_MARK: Final = "UPDATE batches SET delivered = ? WHERE id = ?"


def keep_marks(connection: sa.Connection, batch: BatchId, marks: Marks, *, coming: bool = False) -> None:
    """Merge marks into those that are kept: another terminal may have exported meanwhile.

    `coming`: they are not in place yet, so what was known by the same name stays with each, as its `before`.
    """
    kept = json.loads(connection.exec_driver_sql(_MARKS, (batch,)).scalar_one() or "{}")
    for kind, named in marks.items():
        known = kept.setdefault(kind, {})
        for name, mark in named.items():
            earlier = known.get(name, mark)
            known[name] = {**mark, "before": earlier} if coming and earlier != mark else mark
    connection.exec_driver_sql(_MARK, (to_json(kept), batch))
