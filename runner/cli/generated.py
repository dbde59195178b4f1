"""Parts of the pages that a program writes, between markers, so that they cannot differ from what they tell of."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def fill(text: str, parts: Mapping[str, str]) -> str:
    """`text` with each part, by name, between `<!-- NAME -->` and `<!-- /NAME -->`.

    ValueError when a marker is missing.
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the markers {begin} and {end} must both be there, once")
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{part}\n{end}{rest.partition(end)[2]}"
    return text


def rewrite(arguments: list[str], redraw: Callable[[str], str], *, what: str, command: str) -> int:
    """Redraw the files named; 1 when `--check` was given and one is old, 0 otherwise."""
    check = "--check" in arguments
    old = []
    for path in (Path(argument) for argument in arguments if argument != "--check"):
        text = path.read_text(encoding="utf-8")
        drawn = redraw(text)
        if drawn != text:
            old.append(path)
            if not check:
                path.write_text(drawn, encoding="utf-8")
    for path in old:
        print(f"{path}: {f'{what} are old: {command}' if check else 'redrawn'}", file=sys.stderr)
    return 1 if check and old else 0


def cell(text: str) -> str:
    """Text that cannot break a table of Markdown."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
