"""Pictures of figures over time, as SVG without a word in it: words stand beside it in HTML, and keep their size.

The drawing is stretched to its place, so lines keep their width by `vector-effect`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from runner.exports.page.markup import Markup, element, joined, void
from runner.exports.page.model import Band, Bands, Chart, Series, Shares, Tone

WIDTH: Final = 720
HEIGHT: Final = 160
BAND: Final = 24

PATTERNS: Final = (Tone.BAD, Tone.DOUBT, Tone.WAIT)
"""Tones that are told apart by a pattern too."""


def patterns() -> Markup:
    """What the areas are filled with; once in a page."""
    strokes = {Tone.BAD: "M0 8L8 0", Tone.DOUBT: "M0 0L8 8", Tone.WAIT: "M0 4H8"}
    drawn = (
        element(
            "pattern",
            void("rect", width=8, height=8, class_=f"plain-{tone}"),
            void("path", d=strokes[tone], class_="over"),
            id=f"p-{tone}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        )
        for tone in PATTERNS
    )
    return element("svg", element("defs", *drawn), class_="hidden", aria_hidden="true", width=0, height=0)


def picture(key: str, title: str, told: str, height: int, *shapes: Markup) -> Markup:
    """An image with its name and what it shows."""
    return element(
        "svg",
        element("title", title, id=f"{key}-t"),
        element("desc", told, id=f"{key}-d"),
        *shapes,
        role="img",
        aria_labelledby=f"{key}-t",
        aria_describedby=f"{key}-d",
        viewBox=f"0 0 {WIDTH} {height}",
        preserveAspectRatio="none",
    )


def swatch(tone: Tone, *, line: bool = False, dashed: bool = False) -> Markup:
    """The sign of a series, beside its name."""
    shape = _line("M0 6H16", tone, dashed=dashed) if line else void("rect", width=16, height=12, class_=f"area-{tone}")
    return _sign(shape)


def shares_picture(key: str, shares: Shares, told: str) -> Markup:
    """A bar, cut by the figures."""
    whole = sum(part.figure for part in shares.parts) or 1
    shapes, left = list[Markup](), 0.0
    for part in shares.parts:
        width = part.figure / whole * WIDTH
        shapes.append(void("rect", x=_short(left), width=_short(width), height=BAND, class_=f"area-{part.tone}"))
        left += width
    return picture(key, shares.title, told, BAND, *shapes)


def chart_picture(key: str, chart: Chart) -> Markup:
    """Areas on top of each other, or lines; and the level to compare with."""
    shapes = [_grid(HEIGHT * share) for share in (0.0, 0.5, 1.0)]
    if chart.stacked:
        shapes += _areas(chart.series, chart.top)
    else:
        shapes += [_line(_steps(one.values, chart.top), one.tone, dashed=one.dashed) for one in chart.series]
    if chart.mark is not None and 0 < chart.mark <= chart.top:
        shapes.append(_thin(f"M0 {_y(chart.mark, chart.top)}H{WIDTH}", "mark"))
    return picture(key, chart.title, chart.told, HEIGHT, *shapes)


def band_picture(key: str, bands: Bands, band: Band) -> Markup:
    """What one party did: where it did several things in one step, each has its share of the height."""
    return picture(
        key,
        f"{bands.title}: {band.name}",
        bands.told,
        BAND,
        void("rect", width=WIDTH, height=BAND, class_="ground"),
        *_areas(band.series, 1.0, height=BAND),
    )


def _areas(series: Iterable[Series], top: float, *, height: int = HEIGHT) -> list[Markup]:
    """Each as one path of rectangles: from the sum of those below it to its own."""
    below: list[float] = []
    drawn = []
    for one in series:
        below = below or [0.0] * len(one.values)
        above = [low + (value or 0.0) for low, value in zip(below, one.values, strict=True)]
        path = _boxes(below, above, top, height)
        if path:
            drawn.append(void("path", d=path, class_=f"area-{one.tone}"))
        below = above
    return drawn


def _boxes(below: Sequence[float], above: Sequence[float], top: float, height: int) -> str:
    """Neighbours of one height are one box."""
    width = WIDTH / max(1, len(above))
    path, place = list[str](), 0
    while place < len(above):
        low, high, first = below[place], above[place], place
        while place < len(above) and (below[place], above[place]) == (low, high):
            place += 1
        if high > low:
            box = (_short(first * width), _y(high, top, height), _short(place * width), _y(low, top, height))
            path.append(f"M{box[0]} {box[3]}V{box[1]}H{box[2]}V{box[3]}z")
    return "".join(path)


def _steps(values: Sequence[float | None], top: float) -> str:
    """A line that is level over each step; nothing where there is no value."""
    width = WIDTH / max(1, len(values))
    path, drawing = list[str](), False
    for place, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        y, right = _y(value, top), _short((place + 1) * width)
        path.append(f"V{y}H{right}" if drawing else f"M{_short(place * width)} {y}H{right}")
        drawing = True
    return "".join(path)


def _y(value: float, top: float, height: int = HEIGHT) -> str:
    return _short(height - min(max(value, 0.0), top) / top * height if top else height)


def _short(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _grid(y: float) -> Markup:
    return _thin(f"M0 {_short(y)}H{WIDTH}", "grid")


def mark_sign() -> Markup:
    """The sign of the level to compare with."""
    return _sign(_thin("M0 6H16", "mark"))


def _line(path: str, tone: Tone, *, dashed: bool) -> Markup:
    return _thin(path, f"line-{tone}{' dashed' if dashed else ''}")


def _thin(path: str, class_: str) -> Markup:
    """As wide as it is, however the drawing is stretched."""
    return void("path", d=path, class_=class_, vector_effect="non-scaling-stroke")


def _sign(shape: Markup) -> Markup:
    return element("svg", shape, class_="swatch", aria_hidden="true", viewBox="0 0 16 12", width=16, height=12)


def legend(items: Iterable[Markup]) -> Markup:
    """The signs with their names."""
    return element("ul", joined(element("li", item) for item in items), class_="legend")
