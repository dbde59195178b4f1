"""Requests a minute, how long answers took, and what the providers were doing: over one time axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import floor, log10
from typing import Final

from runner.domain.model import MILLION
from runner.domain.provider import Provider
from runner.exports.page import Band, Bands, Block, Chart, Column, Kind, Series, Table, Text, Tone
from runner.store.pace import Axis, Step
from runner.store.spans import Doing, Spell
from runner.work.money import number
from runner.work.report.scene import Scene
from runner.work.words import count, duration

_DOING: Final = {
    Doing.SENDING: ("sending", Tone.GOOD),
    Doing.WAITING: ("waiting, as the provider asked", Tone.WAIT),
    Doing.FAILING: ("failing, one request at a time", Tone.DOUBT),
    Doing.PARKED: ("until it resets", Tone.PLAIN),
    Doing.HALTED: ("halted", Tone.BAD),
}
_NICE: Final = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def pace(scene: Scene) -> Iterator[Block]:
    """For each provider, what was sent and how fast it answered."""
    axis = scene.figures.axis
    if axis is None or not scene.figures.steps:
        yield Text(parts=("Nothing was sent yet.",))
        return
    for provider, steps in scene.figures.steps.items():
        yield _requests(scene, axis, provider, steps)
        if any(step.median_seconds is not None for step in steps):
            yield _latency(scene, axis, provider, steps)


def _requests(scene: Scene, axis: Axis, provider: str, steps: Sequence[Step]) -> Chart:
    a_minute = 60 * MILLION / axis.step_us
    rates = [step.requests * a_minute for step in steps]
    limit = _limit(scene.profile(provider))
    top = _nice(max([*rates, limit or 0.0]) if limit is not None and limit < 3 * max(rates) else max(rates))
    refused = [step.requests - step.answered - step.silent for step in steps]
    series = [
        Series(name="answered", values=_over(axis, steps, lambda step: step.answered * a_minute), tone=Tone.GOOD),
    ]
    if any(refused):
        told = _over(axis, steps, lambda step: (step.requests - step.answered - step.silent) * a_minute)
        series.append(Series(name="refused, failed or on the way", values=told, tone=Tone.BAD))
    if any(step.silent for step in steps):
        silent = _over(axis, steps, lambda step: step.silent * a_minute)
        series.append(Series(name="without an answer", values=silent, tone=Tone.DOUBT))
    most = f"at most {number(round(max(rates), 1))} a minute over {duration(axis.step_us / MILLION)}"
    return Chart(
        title=f"{scene.title(provider)}: requests a minute",
        told=f"{count(sum(step.requests for step in steps), 'request')} from {scene.at(axis.start_us)} to "
        f"{scene.at(axis.last_us)}, {most}.",
        ticks=scene.ticks(),
        top=top,
        top_text=f"{number(top)} a minute",
        series=tuple(series),
        stacked=True,
        mark=limit if limit is not None and limit <= top else None,
        mark_text=f"its limit in the long run: {number(round(limit, 1))} a minute" if limit is not None else "",
    )


def _latency(scene: Scene, axis: Axis, provider: str, steps: Sequence[Step]) -> Chart:
    median = [step.median_seconds for step in steps if step.median_seconds is not None]
    slow = [step.slow_seconds for step in steps if step.slow_seconds is not None]
    top = _nice(max([*slow, 0.001]))
    return Chart(
        title=f"{scene.title(provider)}: how long an answer took",
        told=f"Half of the answers came within {_span(median)} seconds, 95 in 100 within {_span(slow)} seconds.",
        ticks=scene.ticks(),
        top=top,
        top_text=f"{number(top)} s",
        series=(
            Series(
                name="half came within", values=_over(axis, steps, lambda step: step.median_seconds), tone=Tone.GOOD
            ),
            Series(
                name="95 in 100 came within",
                values=_over(axis, steps, lambda step: step.slow_seconds),
                tone=Tone.WAIT,
                dashed=True,
            ),
        ),
    )


def _span(seconds: Sequence[float]) -> str:
    low, high = (number(round(one, 3)) for one in (min(seconds), max(seconds)))
    return low if low == high else f"{low} to {high}"


def _over(axis: Axis, steps: Sequence[Step], value: Callable[[Step], float | None]) -> tuple[float | None, ...]:
    by_place = {step.place: value(step) for step in steps}
    return tuple(by_place.get(place) for place in range(axis.steps))


def _limit(provider: Provider | None) -> float | None:
    """What the profile's windows allow in the long run, a minute."""
    if provider is None or not provider.limits:
        return None
    return min(60 * one.at_most / one.per_seconds for one in provider.limits)


def _nice(value: float) -> float:
    """The next round figure from there on."""
    power = 10.0 ** floor(log10(value)) if value > 0 else 1.0
    nice = next(one * power for one in _NICE if one * power >= value * 0.999999)
    return float(f"{nice:.3g}")  # 0.15, not 0.15000000000000002


def timeline(scene: Scene) -> Iterator[Block]:
    """When runs were at work, and what each provider did meanwhile."""
    spans = scene.figures.spans
    if spans is None or scene.figures.axis is None:
        return
    bands = [Band(name="A run at work", series=(Series(name="at work", values=spans.at_work, tone=Tone.PLAIN),))]
    for provider, shares in spans.shares.items():
        series = (
            Series(name=_DOING[doing][0], values=shares[doing], tone=_DOING[doing][1])
            for doing in Doing
            if doing in shares
        )
        bands.append(Band(name=scene.title(provider), series=tuple(series)))
    seen = [doing for doing in Doing if any(doing in shares for shares in spans.shares.values())]
    yield Bands(
        title="What was going on",
        told=_told(spans.spells),
        ticks=scene.ticks(),
        bands=tuple(bands),
        legend=tuple(_DOING[doing] for doing in seen),
    )
    if spans.spells:
        yield _spells(scene, spans.spells)


def _told(spells: Sequence[Spell]) -> str:
    if not spells:
        return "Nothing kept the requests back but the limits."
    told = (
        f"{one.provider} {_DOING[one.doing][0]}: {one.times} times, {duration(one.seconds)} in all" for one in spells
    )
    return "; ".join(told) + "."


def _spells(scene: Scene, spells: Sequence[Spell]) -> Table:
    return Table(
        caption="What kept the requests back",
        columns=(
            Column(name="Provider", kind=Kind.SHORT),
            Column(name="What it did", kind=Kind.SHORT),
            Column(name="Why", kind=Kind.SHORT),
            *(Column(name=name, kind=Kind.FIGURE) for name in ("Times", "In all", "Longest")),
            Column(name="Last began", kind=Kind.SHORT),
        ),
        lines=tuple(
            (
                scene.title(one.provider),
                _DOING[one.doing][0],
                one.reason.replace("-", " "),
                number(one.times),
                duration(one.seconds),
                duration(one.longest_seconds),
                scene.at(one.last_us),
            )
            for one in spells
        ),
    )
