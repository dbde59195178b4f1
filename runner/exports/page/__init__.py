"""One page of HTML, made of values: a file of its own that loads nothing and runs nothing."""

from __future__ import annotations

from runner.exports.page.drawing import draw
from runner.exports.page.model import (
    Advice,
    Band,
    Bands,
    Block,
    Chart,
    Column,
    Command,
    Facts,
    Inline,
    Kind,
    Page,
    Part,
    Section,
    Series,
    Shares,
    Table,
    Text,
    Tone,
)

__all__ = [
    "Advice",
    "Band",
    "Bands",
    "Block",
    "Chart",
    "Column",
    "Command",
    "Facts",
    "Inline",
    "Kind",
    "Page",
    "Part",
    "Section",
    "Series",
    "Shares",
    "Table",
    "Text",
    "Tone",
    "draw",
]
