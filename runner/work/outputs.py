"""Where the rows of a run go. Apart from how they are written: whoever looks at a batch asks this alone."""

from __future__ import annotations

from pathlib import Path

from runner.settings import at_home
from runner.store.values import BatchInfo

AUTO = "auto"
NONE = "none"
STDOUT = "-"


def default_target(info: BatchInfo) -> str:
    """`<batch>.csv` beside a file input; nowhere for other lists."""
    path = info.source.get("path")
    return str(Path(path).parent / f"{info.name}.csv") if path else NONE


def settle_target(info: BatchInfo, output: str | Path | None, directory: Path) -> str | None:
    """Where a run's rows go: an absolute path, "-", "none", or None when the caller wants nothing written.

    "auto" is what `-o` last said for this batch, else the default.
    """
    if output is None:
        return None
    text = str(output)
    if text == AUTO:
        return str(info.settings.get("output") or default_target(info))
    return text if text in (NONE, STDOUT) else str(directory / at_home(text))


def settle_given(output: str | Path | None, directory: Path) -> Path | None:
    """The file that an output names, before there is a batch; None: it names none."""
    return None if output is None or str(output) in (AUTO, NONE, STDOUT) else directory / at_home(output)
