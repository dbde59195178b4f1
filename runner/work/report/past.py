"""The runs of a batch, and what happened, in the words of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from runner.domain.model import MILLION
from runner.domain.personal import clean
from runner.exports.page import Block, Column, Kind, Table, Text
from runner.store.reporting import RunView
from runner.work.money import number
from runner.work.report.scene import Scene
from runner.work.words import duration, local_time

_UNTOLD: Final = ("batch", "batches")
_USUAL: Final[Mapping[str, Any]] = {"in_doubt": "hold", "max_wait_seconds": 900.0}
"""What every run has: told where it is another."""


def runs(scene: Scene) -> Iterator[Block]:
    """When each began, how it ended, and under which limits it worked."""
    found = scene.figures.runs
    if not found:
        yield Text(parts=("No run was at work on it yet: ", scene.command("run")))
        return
    columns = ("Requests", "Charged", "Exit")
    yield Table(
        caption=f"The newest first; times are {scene.zone}",
        columns=(
            Column(name="Run", kind=Kind.FIGURE),
            Column(name="Began", kind=Kind.SHORT),
            Column(name="Took", kind=Kind.SHORT),
            *(Column(name=name, kind=Kind.FIGURE) for name in columns),
            Column(name="How it left the batch"),
            Column(name="Options"),
        ),
        lines=tuple(
            (
                str(one.run),
                scene.at(one.started_us),
                _took(one),
                number(one.requests),
                number(one.charged),
                "" if one.exit_code is None else str(one.exit_code),
                _how(scene, one),
                options_text(_own(one.options, scene.info.name)),
            )
            for one in found
        ),
        note="Older runs are left out." if scene.figures.earlier_runs else "",
    )


def _took(run: RunView) -> str:
    return "" if run.ended_us is None else duration(max(0, run.ended_us - run.started_us) / MILLION)


def _how(scene: Scene, run: RunView) -> str:
    if run.died:
        return "cut off: its process died, or could write no more"
    if run.left is None:
        return "at work" if run.ended_us is None else ""
    return scene.tell(run.left)


def _own(options: Mapping[str, Any], batch: str) -> Mapping[str, Any]:
    """Those of one batch, of a run of several."""
    several: list[Mapping[str, Any]] = options.get("batches") or []
    mine = next((one for one in several if one.get("batch") == batch), {})
    return {**options, **mine}


def options_text(options: Mapping[str, Any]) -> str:
    """As they are typed: `--max-requests 500, --rate 30/min`. What every run has is left out where it is as usual."""
    told = []
    for name, value in options.items():
        if value in (None, False) or name in _UNTOLD or _USUAL.get(name) == value:
            continue
        flag = f"--{name.removesuffix('_seconds').replace('_', '-')}"
        told.append(flag if value is True else f"{flag} {_value(name, value)}")
    return clean(", ".join(told))


def _value(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{f'{key}=' if key else ''}{_value(name, one)}" for key, one in value.items())
    if name == "until":
        return local_time(str(value))
    return _compact(float(value)) if name.endswith("_seconds") else str(value)


def _compact(seconds: float) -> str:
    """As it is typed: `90s`, `20m`, `2h`."""
    size, unit = next(((size, unit) for size, unit in ((3600, "h"), (60, "m")) if seconds % size == 0), (1, "s"))
    return f"{seconds / size:g}{unit}"


def happened(scene: Scene) -> Iterator[Block]:
    """The newest events, the newest last; one that comes again and again is told once."""
    lines: list[tuple[str, str, str, int]] = []
    for event in scene.figures.events:
        told = scene.tell(event)
        when, who = scene.at(event.at_us), scene.title(event.lane) if event.lane else ""
        if lines and lines[-1][1:3] == (who, told):
            when, times = lines[-1][0], lines[-1][3] + 1
            lines[-1] = (when, who, told, times)
        else:
            lines.append((when, who, told, 1))
    if not lines:
        return
    yield Table(
        caption=f"The newest last; times are {scene.zone}. What comes often is summed above",
        columns=(Column(name="When", kind=Kind.SHORT), Column(name="Provider", kind=Kind.SHORT), Column(name="What")),
        lines=tuple((when, who, told if times == 1 else f"{told} ({times} times)") for when, who, told, times in lines),
    )
    if scene.figures.earlier_events:
        yield Text(parts=("Earlier ones: ", scene.command("log", "--limit 1000")))
