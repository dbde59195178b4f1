"""`report`: a batch on one page, for who was not there. What it says is made here, of figures of one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from runner.exports.page import draw
from runner.settings import at_home
from runner.store.values import BatchInfo
from runner.work.deliver import binary, put
from runner.work.report.composing import compose
from runner.work.tools import Tools

__all__ = ["Reported", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A written report."""

    batch: str
    path: Path | None  # None: written to a stream of the caller's
    size_bytes: int
    diverted: bool  # the target could not be replaced: `path` is `<name>.new.html`


def report(info: BatchInfo, target: str | Path | TextIO, *, overwrite: bool, tools: Tools) -> Reported:
    """Write the page to a path relative to the directory, or an open text stream. BatchError: the target is not this
    batch's to replace."""
    page = draw(compose(info, tools))
    if not isinstance(target, str | Path):
        stream = binary(target)
        stream.write(page)
        stream.flush()
        return Reported(batch=info.name, path=None, size_bytes=len(page), diverted=False)
    place = tools.settings.directory / at_home(target)
    written = put(info, place, lambda stream: stream.write(page), overwrite=overwrite, suffix=".html", tools=tools)
    return Reported(batch=info.name, path=written.path, size_bytes=len(page), diverted=not written.replaced)
