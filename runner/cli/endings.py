"""Writes into the page of halts what each answer of the shipped providers leads to, from their own rules and examples.

`python -m runner.cli.endings docs/when-it-stops.md` writes it; with `--check` it only says (exit 1) whether it is old.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple, assert_never

from runner.cli.evidence import FAULTS
from runner.cli.generated import cell, fill, markdown_table, rewrite
from runner.cli.text import duration
from runner.domain.body import lookup, parse_body
from runner.domain.decide import is_in_doubt
from runner.domain.model import CRASHES_TO_POISON, POISON, Action, Answer, Debited, Verdict
from runner.domain.provider import Http, Provider, Rule
from runner.engine.halts import OWN_ADVICE
from runner.providers.builtin import BUILT_IN
from runner.providers.examples import run_example
from runner.providers.loader import load_shipped, shipped_names

HEAD = ("it says", "reason", "what happens", "charged", "what to do", "next command")
ORDER = (Action.HALT, Action.PAUSE, Action.FAIL, Action.RETRY)
CHARGED = {Debited.YES: "yes", Debited.NO: "no", Debited.UNKNOWN: "perhaps"}
RUN = "`runner run BATCH`"
LOOK = "`runner doubt list BATCH`"


class Case(NamedTuple):
    """One example at one operation."""

    answer: Answer
    verdict: Verdict
    in_doubt: bool


def provider_table(provider: Provider) -> str:
    """Every rule of a profile's own but its successes: halts first, then pauses, failures, repeats."""
    rows = []
    for rule in _in_order(rule for rule in provider.rules if not rule.built_in):
        cases = _cases(provider, rule)
        doubtful = [case.in_doubt for case in cases]
        rows.append(
            (
                _said(provider, rule, cases),
                f"`{rule.name}`",
                _happens(rule, provider.retry.attempts, doubtful),
                ", ".join(dict.fromkeys(CHARGED[case.verdict.debited] for case in cases)),
                cell(rule.advice),
                _command(rule, doubtful),
            )
        )
    return markdown_table(HEAD, rows)


def common_table() -> str:
    """What holds for every provider: trouble on the line, a plain 429, and the halts of the runner's own."""
    rows = []
    for rule in _in_order(BUILT_IN):
        faults = [fault for condition in rule.when for fault in condition.faults]
        said = ", ".join(FAULTS[fault] for fault in faults) or "HTTP 429"
        doubtful = [rule.debited is Debited.UNKNOWN, False]  # a safe operation is sent again
        happens = _happens(rule, None, doubtful)
        rows.append(
            (said, f"`{rule.name}`", happens, CHARGED[rule.debited], cell(rule.advice), _command(rule, doubtful))
        )
    own = [("(no single answer)", f"`{name}`", "halt", "no", cell(advice), RUN) for name, advice in OWN_ADVICE.items()]
    return markdown_table(HEAD, [*own, *rows, _poison()])


def _poison() -> tuple[str, ...]:
    """The one failure that recovery decides."""
    said = f"(the runner was cut off {CRASHES_TO_POISON} times while it was on the way)"
    advice = (
        "Its request was on the wire at three crashes, and may be what caused them, or may have been there by chance. "
        "It may have been charged each time: look at it with runner explain BATCH ROW before it is sent again."
    )
    retry = f"`runner retry BATCH --only failed:{POISON}`"
    return said, f"`{POISON}`", "the row fails", CHARGED[Debited.UNKNOWN], advice, retry


def tables() -> dict[str, str]:
    """All tables by the name of their marker."""
    shipped = {f"answers:{name}": provider_table(load_shipped(name)) for name in shipped_names()}
    return shipped | {"answers:every-provider": common_table()}


def redraw(text: str) -> str:
    """`text` with the tables between their markers drawn anew. ValueError when a marker is missing."""
    return fill(text, tables())


def _in_order(rules: Iterable[Rule]) -> list[Rule]:
    return sorted((rule for rule in rules if rule.then is not Action.SUCCEED), key=lambda rule: ORDER.index(rule.then))


def _cases(provider: Provider, rule: Rule) -> list[Case]:
    cases = []
    for example in provider.examples:
        for result in run_example(provider, example, 0) if example.rule == rule.name else ():
            operation = provider.operations[result.operation.partition(".")[2]]
            safe = operation.safe if example.safe is None else example.safe
            doubt = is_in_doubt(example.answer, result.verdict, safe=safe)
            cases.append(Case(answer=example.answer, verdict=result.verdict, in_doubt=doubt))
    return cases


def _said(provider: Provider, rule: Rule, cases: Iterable[Case]) -> str:
    """The provider's words: code and message where it has any, else the status that the rule is about."""
    if rule.is_catch_all():
        return "anything else"
    return "<br>".join(dict.fromkeys(_words(provider.http, rule, case.answer) for case in cases))


def _words(http: Http, rule: Rule, answer: Answer) -> str:
    if answer.fault is not None:
        return FAULTS[answer.fault]
    parsed = parse_body(answer)
    found = [lookup(parsed.value, path) if path else None for path in (http.error_code, http.error_message)]
    code, message = (text if isinstance(text, str) else "" for text in found)
    if not code and not message:
        return f"HTTP {_statuses(rule) or answer.status} without its own message"
    status = "" if answer.status == 200 else f"HTTP {answer.status}"
    return " ".join(filter(None, [status, f"`{code}`" if code else "", cell(message) if message != code else ""]))


def _statuses(rule: Rule) -> str:
    exact = {str(status) for condition in rule.when for status in condition.statuses}
    classes = {f"{first}xx" for condition in rule.when for first in condition.status_classes}
    return ", ".join(sorted(exact | classes))


def _happens(rule: Rule, attempts: int | None, doubtful: list[bool]) -> str:
    match rule.then:
        case Action.HALT:
            return "halt"
        case Action.PAUSE:
            return f"pause, {_wait(rule)}"
        case Action.FAIL:
            return f"the row fails{_unless(rule)}"
        case Action.RETRY:
            if doubtful and all(doubtful):
                return "in doubt: it is not sent again by itself"
            most = rule.attempts or attempts
            again = f"tried again, {most} times in all" if most else "tried again"
            if any(doubtful):
                return f"{again}; in doubt where repeating may cost"
            return f"{again}{', and marked' if rule.resend else ''}{_unless(rule)}"
        case Action.SUCCEED:
            return "answered"
        case _:
            assert_never(rule.then)


def _unless(rule: Rule) -> str:
    unproven = "before the first row was answered" if rule.unproven_halt else ""
    streak = f"{rule.halt_after} in a row" if rule.halt_after else ""
    when = " ".join(filter(None, [streak, unproven]))
    return f"; {when}: halt" if when else ""


def _wait(rule: Rule) -> str:
    if rule.until is not None:
        return "until midnight UTC, then tried each hour"
    shortest = duration(rule.wait_seconds or 1)
    return f"{shortest}, growing to {duration(rule.wait_cap_seconds)}" if rule.wait_cap_seconds else shortest


def _command(rule: Rule, doubtful: list[bool]) -> str:
    match rule.then:
        case Action.FAIL:
            return f"`runner retry BATCH --only failed:{rule.name}`"
        case Action.RETRY:
            return LOOK if any(doubtful) else RUN
        case Action.HALT | Action.PAUSE | Action.SUCCEED:
            return RUN
        case _:
            assert_never(rule.then)


def main(arguments: list[str]) -> int:
    """Redraw the files named; 1 when `--check` was given and one is old, 0 otherwise."""
    return rewrite(arguments, redraw, what="the tables of answers", command="make rules")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
