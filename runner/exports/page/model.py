"""A page as values: what it says, not how it looks. Texts are plain; only the drawing makes markup of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """What a figure means: a colour and, in pictures, a pattern; words always say the same."""

    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"
    WAIT = "wait"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to be copied, as it works when it is pasted."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do, in the words of a profile or of ours: never cut, as the remedy would be with its end."""

    text: str


Inline = str | Command | Advice
"""A piece of a sentence or a cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A paragraph."""

    parts: tuple[Inline, ...]
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and what they are; of the figures that matter most, large."""

    pairs: tuple[tuple[str, tuple[Inline, ...]], ...]
    large: bool = False


class Kind(StrEnum):
    """What the cells of a column are, which says how they are set."""

    WORDS = "words"  # may break anywhere: an address, a provider's sentence
    SHORT = "short"  # names and times: on one line, where there is room
    FIGURE = "figure"  # flush right


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Of a table."""

    name: str
    kind: Kind = Kind.WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first cell of a line names it."""

    caption: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Inline, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A share of a whole."""

    name: str
    figure: int
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """A whole, cut into its parts."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One value for each step of the time axis; None: there is none."""

    name: str
    values: Sequence[float | None] = field(repr=False)
    tone: Tone = Tone.PLAIN
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Values over time. `stacked`: areas on top of each other; else lines."""

    title: str
    told: str  # the same in a sentence, for who does not see it
    ticks: tuple[str, ...]  # at equal distances, the first and the last at the ends
    top: float  # of the scale, which begins at 0
    top_text: str
    series: tuple[Series, ...]
    stacked: bool = False
    mark: float | None = None  # a level to compare with
    mark_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What one party did: of each step, the shares of time (0 to 1) by what it did."""

    name: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Several parties, one below the other, over one time axis."""

    title: str
    told: str
    ticks: tuple[str, ...]
    bands: tuple[Band, ...]
    legend: tuple[tuple[str, Tone], ...]


Block = Text | Facts | Table | Shares | Chart | Bands


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part with a heading; `key` is its anchor."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page."""

    title: str
    state: str
    tone: Tone
    lead: tuple[Block, ...]
    sections: tuple[Section, ...]
    foot: str
