"""What `db verify` says: one line for each check, what was found wrong below it. Returns text; prints nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from runner.cli.render import facts
from runner.cli.text import clean, count, number
from runner.domain.states import JobState

if TYPE_CHECKING:
    from runner.work.verify import CheckLine, Problem, Verified

Figures = Mapping[str, int]

SHOWN: Final = 5
"""So many things that mean the same are told on screen; `--json` has a hundred of a check."""


def verified_text(line: CheckLine) -> str:
    """`rows: 4,640 read = 4,612 to send + 28 refused ... ok`; violations with what they mean and what to do."""
    looked_at = f"{_LOOKED_AT[line.name](line.figures)} ... " if line.figures else ""
    head = f"{line.name}: {looked_at}{count(line.violations, 'violation') if line.violations else 'ok'}"
    left_out = line.violations - len(line.problems)
    more = [f"  and {number(left_out)} more that are only counted"] if left_out else []
    return "\n".join([head, *_grouped(line.problems), *more])


def _grouped(problems: Sequence[Problem]) -> Iterator[str]:
    """What means the same is told once, with what to do about it at its end; of many, the first ones."""
    groups: dict[str, list[Problem]] = {}
    for one in problems:
        groups.setdefault(one.means, []).append(one)
    for means, alike in groups.items():
        counted = Counter(clean(one.what) for one in alike)
        yield from (
            f"  {what}{f' (x {number(many)})' if many > 1 else ''}" for what, many in [*counted.items()][:SHOWN]
        )
        if left := len(counted) - SHOWN if len(counted) > SHOWN else 0:
            yield f"  and {number(left)} more like these"
        fixes = dict.fromkeys(one.fix for one in alike)
        others = "   (and so on for each that is named: --json lists all)" if len(fixes) > 1 else ""
        yield facts([("  means", clean(means)), ("  fix", f"{clean(next(iter(fixes)))}{others}")])


def verified_end(found: Verified) -> str:
    """The sum of it, and what was left out on purpose."""
    checks = count(len(found.lines), "check")
    requests = f"{count(found.on_the_way, 'request')} on the way"
    notes = []
    if left := len(_LOOKED_AT) - len(found.lines):
        notes.append(
            f"{count(left, 'check')} {'was' if left == 1 else 'were'} not made: the file cannot be read that far"
        )
    if found.at_work:
        notes.append(f"a run is at work: {requests}, as should be")
    elif found.on_the_way:
        notes.append(f"a run was cut off: {requests}; the next run calls them in doubt, or sends what is free again")
    if found.not_judged:
        notes.append(f"second charges of {', '.join(found.not_judged)} were not judged: the profile is gone")
    return "\n".join(
        [
            f"{found.path}: {checks}, {count(found.violations, 'violation') if found.violations else 'all hold'}",
            *(facts([("note", note)]) for note in notes),
        ]
    )


def _file(figures: Figures) -> str:
    objects = ", ".join(f"{number(figures[name])} {name}" for name in ("tables", "indexes", "triggers", "views"))
    return f"{number(round(figures['bytes'] / 1_000_000, 1))} MB; {objects}"


def _rows(figures: Figures) -> str:
    cells = figures["to_send"] + figures["refused"]
    several = "" if cells == figures["rows"] else f"; {count(cells, 'cell')}"
    return (
        f"{number(figures['rows'])} read{several} = {number(figures['to_send'])} to send"
        f" + {number(figures['refused'])} refused"
    )


def _requests(figures: Figures) -> str:
    states = [f"{number(figures[state])} {state.replace('_', ' ')}" for state in JobState if figures[state]]
    return f"{number(figures['jobs'])} = {' + '.join(states) or '0'}"


_LOOKED_AT: Final[Mapping[str, Callable[[Figures], str]]] = {
    "file": _file,
    "integrity": lambda f: f"{count(f['pages'], 'page')} with their indexes and constraints",
    "references": lambda f: f"from each of {count(f['tables'], 'table')} to the others",
    "rows": _rows,
    "requests": _requests,
    "batches": lambda f: (
        f"{number(f['batches'])}, {number(f['completed'])} completed; {count(f['runs'], 'run')},"
        f" {number(f['runs_without_failure'])} with exit 0"
    ),
    "attempts": lambda f: (
        f"{number(f['attempts'])} on record = {number(f['answered'])} answered + {number(f['on_the_way'])} on the way"
        f" + {number(f['attempts'] - f['answered'] - f['on_the_way'])} without an answer"
    ),
    "charges": lambda f: (
        f"{number(f['charged'])} charged, {number(f['not_charged'])} not charged, {number(f['in_doubt'])} in doubt;"
        f" {number(f['marked'])} marked as sent again"
    ),
    "answers": lambda f: f"{number(f['succeeded'])} succeeded, {count(f['answers'], 'answer')} stored",
    "ledger": lambda f: (
        f"{count(f['attempts'], 'attempt')} in {count(f['sums'], 'sum')} over {count(f['days'], 'day')}"
    ),
}
"""What was looked at, by the name of the check."""
