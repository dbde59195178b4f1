"""`doctor`: one line for each thing a run needs, and the fix of what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.options import Common, Switch
from runner.cli.terminal import Screen
from runner.cli.text import clean, count
from runner.errors import RunnerError

if TYPE_CHECKING:
    from runner.work.findings import Finding


def doctor(
    *,
    offline: Annotated[Switch, Parameter(help="Ask no provider whether it is there.")] = False,
    notify: Annotated[Switch, Parameter(help="Send a test message by each means of [notify].")] = False,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """Look at everything a run needs: this machine, settings, database, keys, providers. Charges nothing.

    A provider with a free call is asked whether it is there, without your key; nobody is told anything without
    --notify. Exit 0: no problem; 2: one or more.
    """
    from runner.work.findings import as_json, exit_code, look_at_machine, refuse_both, refused

    refuse_both(offline=offline, notify=notify)
    screen = Screen()
    try:
        with (common or Common()).open() as library:
            findings = library.doctor(offline=offline, notify=notify)
    except RunnerError as error:  # without settings the rest cannot be looked at
        error.fix = (common or Common()).aim(error.fix)
        findings = [*look_at_machine(Path.cwd()), refused("settings", error)]
    if json:
        screen.json(as_json(findings))
    else:
        screen.data("\n".join(map(finding_text, findings)))
        screen.say(ending_text(findings))
    return exit_code(findings)


def finding_text(finding: Finding) -> str:
    """One line, more where there is more to say, and the fix below it."""
    indent = f"\n{'':<21}"
    text = indent.join(map(clean, _near(finding.text).splitlines()))
    line = f"{finding.level.value:<9}{finding.about:<11} {text}"
    fix = indent.join(map(clean, _near(finding.fix).splitlines()))
    return f"{line}\n{'':<9}{'fix':<11} {fix}" if fix else line


def _near(text: str) -> str:
    """Paths in it as one would type them here."""
    return text.replace(f"{Path.cwd()}{os.sep}", "")


def ending_text(findings: list[Finding]) -> str:
    """How many of each there are."""
    from runner.work.findings import Level

    problems = sum(one.level is Level.PROBLEM for one in findings)
    warnings = sum(one.level is Level.WARNING for one in findings)
    found = [count(problems, "problem") if problems else "no problem", count(warnings, "warning") if warnings else ""]
    return ", ".join(filter(None, found))
