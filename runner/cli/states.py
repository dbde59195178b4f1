"""Draws both state tables into the README, between markers, so that the diagrams cannot lie.

`python -m runner.cli.states README.md` writes them; with `--check` it only says (exit 1) whether they are old.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from runner.domain.states import BATCH_TABLE, JOB_TABLE, BatchState, JobState

State = TypeVar("State", bound=StrEnum)
Happening = TypeVar("Happening", bound=StrEnum)


def diagram(table: Mapping[State, Mapping[Happening, State]], first: State) -> str:
    """One state table as a fenced Mermaid diagram; edges between the same two states share an arrow."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", f"    [*] --> {first}"]
    for state, edges in table.items():
        if not edges:
            lines.append(f"    {state} --> [*]")
        for target in dict.fromkeys(edges.values()):
            events = ", ".join(event for event, reached in edges.items() if reached == target)
            lines.append(f"    {state} --> {target}: {events}")
    return "\n".join([*lines, "```"])


def diagrams() -> dict[str, str]:
    """Both diagrams by the name of their marker."""
    return {"job": diagram(JOB_TABLE, JobState.QUEUED), "batch": diagram(BATCH_TABLE, BatchState.LOADING)}


def redraw(text: str) -> str:
    """`text` with what stands between `<!-- states:NAME -->` and `<!-- /states:NAME -->` drawn anew.

    ValueError when a marker is missing.
    """
    for name, drawn in diagrams().items():
        begin, end = f"<!-- states:{name} -->", f"<!-- /states:{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the markers {begin} and {end} must both be there, once")
        between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = between.sub(f"{begin}\n{drawn}\n{end}", text)
    return text


def main(arguments: list[str]) -> int:
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
        print(f"{path}: {'the state diagrams are old: make states' if check else 'redrawn'}", file=sys.stderr)
    return 1 if check and old else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
