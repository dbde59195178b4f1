"""Draws both state tables into the README, between markers, so that the diagrams cannot lie.

`python -m runner.cli.states README.md` writes them; with `--check` it only says (exit 1) whether they are old.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from runner.cli.generated import fill, rewrite
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
    return fill(text, {f"states:{name}": drawn for name, drawn in diagrams().items()})


def main(arguments: list[str]) -> int:
    """Redraw the files named; 1 when `--check` was given and one is old, 0 otherwise."""
    return rewrite(arguments, redraw, what="the state diagrams", command="make states")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
