"""The lines of the live view: how far, how much money, when done; and a line for each provider. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from runner.cli.ahead import when
from runner.cli.lane_view import LaneView
from runner.cli.progress import Tally
from runner.cli.text import clean, count, duration, number
from runner.domain.model import MILLION, Debited
from runner.work.money import Cost, costs_text

MOST_LINES = 6
_NAME_CELLS = 36
_LEAST_NAME = 10
_BAR_CELLS = 24
_LEAST_BAR = 8
_STYLES = {"waiting": "yellow", "halted": "red", "done": "dim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What lines are drawn with."""

    bar: str
    rest: str
    between: str
    cut: str
    ascii_only: bool


FINE = Marks(bar="━", rest="╌", between=" · ", cut="…", ascii_only=False)
SAFE = Marks(bar="#", rest="-", between=" | ", cut="...", ascii_only=True)
"""For terminals that show no more than ASCII."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a picture has room for."""

    width: int
    lines: int
    marks: Marks


def draw(
    tallies: Sequence[Tally], lanes: Sequence[LaneView], notes: Sequence[str], *, now_us: int, frame: Frame
) -> list[Text]:
    """At most six lines, none wider than the frame. What has no room is counted in the last line of its kind."""
    frame = replace(frame, lines=max(1, min(MOST_LINES, frame.lines)))
    warnings = [Text(frame.marks.between.join(notes), style="yellow")] if notes else []
    room = frame.lines - 1 - len(warnings)
    for_lanes = min(len(lanes), max(room - len(tallies), min(2, room - 1)))
    shown = [*_batches(tallies, max(1, room - for_lanes), frame), _money(tallies, lanes, now_us, frame)]
    shown += [*_lanes(lanes, max(0, for_lanes), now_us, frame), *warnings]
    return [_fitted(line, frame) for line in shown[: frame.lines]]


def last(tallies: Sequence[Tally], frame: Frame) -> list[Text]:
    """What is left when all is over: how far each batch came."""
    return [_fitted(line, frame) for line in _batches(tallies, MOST_LINES, frame)]


# --- batches ----------------------------------------------------------------------------------------------------------


def _batches(tallies: Sequence[Tally], room: int, frame: Frame) -> list[Text]:
    """Those at work first, if not all have room."""
    shown = list(tallies)
    if len(tallies) > room:
        shown = sorted(tallies, key=lambda tally: bool(tally.over))[: room - 1]
    cells = max((len(clean(tally.batch)) for tally in shown), default=0)
    lines = [_batch(tally, min(cells, _NAME_CELLS), frame) for tally in shown]
    hidden = [tally for tally in tallies if tally not in shown]
    if hidden:
        ended, total = sum(tally.ended for tally in hidden), sum(tally.total for tally in hidden)
        more = "more " if shown else ""
        lines.append(Text(f"{number(len(hidden))} {more}batches: {number(ended)} of {number(total)}"))
    return lines


def _batch(tally: Tally, cells: int, frame: Frame) -> Text:
    share = min(1.0, tally.ended / tally.total)
    far, percent = f"{number(tally.ended)} of {number(tally.total)}", f"{int(100 * share)} %"
    more = [f"{number(tally.failed)} failed"] if tally.failed else []
    more += [f"{number(tally.in_doubt)} in doubt"] if tally.in_doubt else []
    more += [tally.over] if tally.over else []
    counts = frame.marks.between.join([far, percent, *more])
    if len(counts) + 1 + _LEAST_NAME > frame.width:
        counts = frame.marks.between.join([far, *more])
    left = frame.width - len(counts) - 1
    cells = min(cells, max(_LEAST_NAME, left))
    line = _fitted(Text(clean(tally.batch)), replace(frame, width=cells))
    line.stylize("bold")
    line.append(" " * (cells - line.cell_len + 1))
    bar = min(_BAR_CELLS, left - cells - 1)
    if bar >= _LEAST_BAR:
        filled = int(bar * share)
        line.append(frame.marks.bar * filled, style="red" if tally.over.startswith("halted") else "green")
        line.append(f"{frame.marks.rest * (bar - filled)} ", style="dim")
    return line.append(counts, style="")


# --- money and time ---------------------------------------------------------------------------------------------------


def _money(tallies: Sequence[Tally], lanes: Sequence[LaneView], now_us: int, frame: Frame) -> Text:
    """What does not fit in full is said briefly; what a cap says comes last."""
    charged, doubtful = (
        [cost for tally in tallies for cost in tally.costs(which)] for which in (Debited.YES, Debited.UNKNOWN)
    )
    money = [f"charged {costs_text(charged)}"]
    money += [f"up to {costs_text(doubtful)} in doubt"] if any(cost.amount for cost in doubtful) else []
    long, short = _time_left(tallies, lanes, now_us)
    stops = dict.fromkeys(stop for tally in tallies if not tally.over for stop in tally.stops)
    caps = [f"stops at {', '.join(stops)}"] if stops else []
    candidates = [
        [*money, *long, *caps],
        [*money, *long],
        [*money, *short],
        [f"charged {_brief(charged)}", *short],
    ]
    lines = (frame.marks.between.join(pieces) for pieces in candidates)
    return Text(next((line for line in lines if len(line) <= frame.width), frame.marks.between.join(candidates[-1])))


def _brief(costs: Sequence[Cost]) -> str:
    return costs_text([replace(cost, told=False) for cost in costs])


def _time_left(tallies: Sequence[Tally], lanes: Sequence[LaneView], now_us: int) -> tuple[list[str], list[str]]:
    """When all is asked, in full and briefly."""
    at_work = [tally for tally in tallies if not tally.over]
    waiting = [lane for lane in lanes if lane.waiting and lane.word not in ("halted", "done")]
    if not at_work or not waiting:
        return [], []
    most = sum(tally.left for tally in at_work)
    known = [lane.seconds_left(now_us, most) for lane in waiting]
    seconds = [one for one in known if one is not None]
    if len(seconds) < len(known):
        return ["not known yet for how long"], ["time not known yet"]
    done_us = max([now_us + round(max(seconds) * MILLION), *(tally.not_before_us for tally in at_work)])
    left = duration((done_us - now_us) / MILLION)
    word = "cap reached" if most < sum(tally.waiting for tally in at_work) else "ready"
    return [f"{word} {when(done_us, now_us)} ({left})"], [f"{left} left"]


# --- providers --------------------------------------------------------------------------------------------------------


def _lanes(lanes: Sequence[LaneView], room: int, now_us: int, frame: Frame) -> list[Text]:
    shown = list(lanes)
    if len(lanes) > room:  # those that are sending are no news
        shown = sorted(lanes, key=lambda lane: lane.word in ("sending", "done"))[: max(0, room - 1)]
    cells = max((len(clean(lane.provider)) for lane in shown), default=0)
    lines = [_lane(lane, cells, now_us, frame) for lane in shown]
    hidden = [lane for lane in lanes if lane not in shown]
    if hidden and room:
        lines.append(Text(f"{'and ' if shown else ''}{count(len(hidden), 'provider')}{' more' if shown else ''}"))
    return lines


def _lane(lane: LaneView, cells: int, now_us: int, frame: Frame) -> Text:
    speed = lane.speed_text(now_us)
    line = Text(f"{clean(lane.provider).ljust(cells)} ")
    if speed:
        line.append(f"{speed}{frame.marks.between}")
    return line.append(lane.why(now_us), style=_STYLES.get(lane.word, ""))


def _fitted(line: Text, frame: Frame) -> Text:
    """In one line of the frame, in characters that the terminal has."""
    if frame.marks.ascii_only:
        line.plain = line.plain.encode("ascii", "replace").decode()
    if line.cell_len > frame.width:
        line.truncate(max(0, frame.width - len(frame.marks.cut)))
        line.append(frame.marks.cut)
    line.no_wrap = True
    return line
