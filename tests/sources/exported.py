"""A list as its export writes it, without any answer."""

from __future__ import annotations

import io

from runner.exports import Layout, Line, write
from runner.sources import Source


def exported(source: Source) -> bytes:
    """The bytes of the export in the list's own dialect."""
    target = io.BytesIO()
    layout = Layout(header=source.header, operations=[])
    write(target, lambda: (Line(row.cells, ()) for row in source.rows()), layout=layout, dialect=source.dialect)
    return target.getvalue()
