"""A profile's trial as a person reads it, and as JSON. Returns text and values; prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from runner.cli.render import facts, table
from runner.cli.terminal import error_object
from runner.cli.text import clean, count, duration, listed
from runner.domain.model import Answer, Debited
from runner.domain.provider import Condition, Rule

if TYPE_CHECKING:
    from runner.providers.trial import Miss, RuleTrial, Trial

BODY_CHARACTERS: Final = 120
"""Of a failing example's answer: enough to know it again in the file."""

MOST_TAKEN: Final = 4
"""Words in the column that says what a rule takes."""

_CHARGED = {Debited.UNKNOWN: "in doubt"}


def trial_text(trial: Trial) -> str:
    """One provider in full: every rule in its order, each example that leads elsewhere, and what to look at again."""
    header = ("rule", "does", "charged", "takes", "examples", "")
    rows = [
        (
            one.rule.name,
            does_text(one.rule) if one.whole else "?",
            charged_text(one.rule) if one.whole else "?",
            takes_text(one.rule),
            _examples_text(one),
            _note(one),
        )
        for one in trial.rules
    ]
    notes = "\n".join(f"note: {clean(note)}" for note in trial.notes)
    misses = map(miss_text, trial.misses)
    return "\n\n".join(filter(None, [table([header, *rows]) if rows else "", *misses, notes, verdict_text(trial)]))


def verdict_text(trial: Trial) -> str:
    """One line: whether the profile can be used."""
    if trial.passed:
        notes = f"; {count(len(trial.notes), 'note')}" if trial.notes else ""
        return f"{trial.name}: {count(trial.examples, 'example')}, each leads to the rule it names{notes}"
    mistakes = len(trial.error.why.splitlines()) if trial.error else 0
    many = len(trial.misses)
    leads = "leads" if many == 1 else "lead"
    wrong = f", {count(many, 'example')} of {trial.examples} {leads} elsewhere" if trial.misses else ""
    return f"{clean(trial.name)}: cannot be used, {count(mistakes, 'mistake')}{wrong}"


def miss_text(miss: Miss) -> str:
    """An example that leads elsewhere: its answer, the rule that took it and by what, and why the other did not."""
    where = f" ({listed(miss.operations)})"
    unmet = miss.unmet or (
        f"it fits too, but {miss.led_to} stands above it: move {miss.wanted} up, or narrow the other",
    )
    return f"example {miss.number}{where} leads to {miss.led_to}, not to {miss.wanted}\n" + facts(
        [
            ("answer", clean(answer_text(miss.answer))),
            ("led to", clean(f"{miss.led_to}, which takes {miss.matched}")),
            *(
                ("not to", clean(f"{miss.wanted}{_of_several(number, unmet)}: {text}"))
                for number, text in enumerate(unmet, start=1)
            ),
        ]
    )


def answer_text(answer: Answer) -> str:
    """`402 {"error": ...`, the body cut; or `fault no-answer`."""
    if answer.fault is not None:
        return f"fault {answer.fault}"
    body = answer.body.decode("utf-8", "replace")
    cut = f"{body[:BODY_CHARACTERS]}…" if len(body) > BODY_CHARACTERS else body
    return f"{answer.status} {cut or '(no body)'}"


def does_text(rule: Rule) -> str:
    """The action with its options: `pause 1 s to 1 min`, `fail, halt after 5 in a row while none succeeded`."""
    wait = ""
    if rule.wait_seconds is not None:
        longest = f" to {duration(rule.wait_cap_seconds)}" if rule.wait_cap_seconds is not None else ""
        wait = f" {duration(rule.wait_seconds)}{longest}"
    none = " while none succeeded" if rule.unproven_halt else ""
    if rule.halt_after is not None:
        halts = f"halt after {rule.halt_after} in a row{none}"
    else:
        halts = f"halt{none}" if none else ""
    options = [
        f"{rule.then}{wait}{' until midnight UTC' if rule.until else ''}",
        "their outage" if rule.outage else "",
        f"{rule.attempts} attempts" if rule.attempts is not None else "",
        "may be sent twice" if rule.resend else "",
        halts,
    ]
    return ", ".join(filter(None, options))


def charged_text(rule: Rule) -> str:
    """`yes`, `no` or `in doubt`."""
    return _CHARGED.get(rule.debited, str(rule.debited))


def takes_text(rule: Rule) -> str:
    """Which answers a rule can take, by status, fault or code: `402, 5xx`, `no-answer`, `code NO_FUNDS`, `any`."""
    words = list(dict.fromkeys(word for condition in rule.when for word in _taken(condition)))
    more = f" and {len(words) - MOST_TAKEN} more" if len(words) > MOST_TAKEN else ""
    return clean(", ".join(words[:MOST_TAKEN]) + more)


def _taken(condition: Condition) -> list[str]:
    if condition.faults:
        return sorted(condition.faults)
    statuses = [*map(str, sorted(condition.statuses)), *(f"{one}xx" for one in sorted(condition.status_classes))]
    codes = [f"code {code}" for code in condition.code] or [f"type {word}" for word in condition.type_]
    return statuses or codes or ["any"]


def _examples_text(one: RuleTrial) -> str:
    return f"{one.examples} ({', '.join(one.answers)})" if one.examples else "0"


def _note(one: RuleTrial) -> str:
    if one.unreachable_for is not None:
        return f"unreachable: {one.unreachable_for} takes all it matches"
    if one.rule.built_in:
        return "built in"
    if one.owes_example:
        return "has no example"
    if one.named and not one.examples:
        return "its example leads elsewhere"
    return "" if one.whole else "has mistakes"


def _of_several(number: int, unmet: Sequence[str]) -> str:
    return f", table {number} of its `when`" if len(unmet) > 1 else ""


def trials_object(trials: Sequence[Trial]) -> dict[str, Any]:
    """All trials as one JSON object; where a profile cannot be used also `error`, as every command that fails has."""
    failed = next((trial.error for trial in trials if trial.error is not None), None)
    error = {} if failed is None else {"error": error_object(failed)["error"]}
    return {"schema": 1, "providers": [_trial_object(trial) for trial in trials], **error}


def _trial_object(trial: Trial) -> dict[str, Any]:
    return {
        "provider": trial.name,
        "source": trial.source,
        "passed": trial.passed,
        "examples": trial.examples,
        "mistakes": trial.error.why.splitlines() if trial.error else [],
        "notes": list(trial.notes),
        "rules": [
            {
                "rule": one.rule.name,
                "then": one.rule.then if one.whole else None,
                "does": does_text(one.rule) if one.whole else None,
                "debited": one.rule.debited if one.whole else None,
                "takes": takes_text(one.rule),
                "examples": one.examples,
                "answers": list(one.answers),
                "built_in": one.rule.built_in,
                "unreachable_for": one.unreachable_for,
            }
            for one in trial.rules
        ],
        "misses": [
            {
                "example": miss.number,
                "operations": list(miss.operations),
                "answer": answer_text(miss.answer),
                "wanted": miss.wanted,
                "led_to": miss.led_to,
                "matched": miss.matched,
                "unmet": list(miss.unmet),
            }
            for miss in trial.misses
        ],
    }
