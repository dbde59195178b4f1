"""Markup that is safe by its type: a plain text becomes a part of it only by being escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable

from runner.domain.personal import clean


class Markup(str):
    """A text that is markup already; made in this module alone."""

    __slots__ = ()


Attribute = str | int | None
"""None: left out."""


def escaped(text: str) -> Markup:
    """A plain text as markup: nothing in it is a tag, moves what stands around it, or is not allowed in HTML."""
    return text if isinstance(text, Markup) else Markup(html.escape(clean(text)))


def element(name: str, /, *children: str, class_: str | None = None, **attributes: Attribute) -> Markup:
    """`<name ...>children</name>`; plain texts among them are escaped. `aria_label=` is written `aria-label`."""
    return Markup(f"<{name}{_written(class_, attributes)}>{''.join(map(escaped, children))}</{name}>")


def void(name: str, /, *, class_: str | None = None, **attributes: Attribute) -> Markup:
    """An element without content: `<meta ...>` of HTML, or `<path .../>` of SVG."""
    return Markup(f"<{name}{_written(class_, attributes)}{'' if name in _HTML_VOID else '/'}>")


_HTML_VOID = frozenset({"meta", "br"})


def joined(parts: Iterable[str]) -> Markup:
    """One after the other."""
    return Markup("".join(map(escaped, parts)))


def trusted(text: str) -> Markup:
    """The project's own style sheet, which is no HTML: nothing from outside ever comes here."""
    return Markup(text)


def _written(class_: str | None, attributes: dict[str, Attribute]) -> str:
    named = {"class": class_, **{_name(name): value for name, value in attributes.items()}}
    return "".join(f' {name}="{escaped(str(value))}"' for name, value in named.items() if value is not None)


def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")
