"""What rules and examples must be to one another. (Operations and their templates: `operation_checks`.)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from runner.domain.model import Action
from runner.domain.provider import Provider, Rule
from runner.providers.builtin import BUILT_IN, BUILT_IN_NAMES, with_built_in
from runner.providers.draft import Draft, list_at, stand_in
from runner.providers.examples import run_example
from runner.providers.mistakes import Mistakes, near, quoted
from runner.providers.reach import shadowed

# The actions that read each option; with any other it would be a promise nobody keeps.
_ACTIONS_OF: Final[Mapping[str, tuple[Action, ...]]] = {
    "wait": (Action.PAUSE,),
    "until": (Action.PAUSE,),
    "outage": (Action.PAUSE,),
    "attempts": (Action.RETRY,),
    "resend": (Action.RETRY,),
    "unproven": (Action.FAIL,),
    "halt_after": (Action.FAIL, Action.RETRY),
}


def check_rules(draft: Draft, mistakes: Mistakes) -> None:
    """Names, options, the catch-all, and rules that never get their turn."""
    tables = [rule if isinstance(rule, dict) else {} for rule in list_at(mistakes.tables, "rules")]
    for index, table in enumerate(tables):
        name = table.get("name")
        if name is not None and any(name == other.get("name") for other in tables[:index]):
            mistakes.add(("rules", index, "name"), f"a rule above is called {quoted(name)} too")
        _check_options(table, index, mistakes)
    _check_catch_all(draft, tables, mistakes)
    provider = stand_in(draft, mistakes.tables)
    for index, rule in _numbered(draft):
        _check_conditions(rule, index, provider, mistakes)
    for position, taker in shadowed(provider.rules, provider.http):
        dead = draft.rules[position]
        if dead.rule.name != taker.name:  # a second rule of one name is told already
            text = f"never reached: rule {quoted(taker.name)} above takes all it matches"
            mistakes.add(("rules", dead.index), text)


def check_examples_lead(draft: Draft, mistakes: Mistakes) -> None:
    """Each example leads to the rule it names, and each own rule has one."""
    tables = mistakes.tables
    named = {str(example.get("rule")) for example in list_at(tables, "examples") if isinstance(example, dict)}
    for index, rule in _numbered(draft):
        # An own version of a built-in rule owes none, no more than the rule it replaces.
        if rule.name and rule.name not in named | BUILT_IN_NAMES:
            mistakes.add(("rules", index), "has no example: add one under [[examples]]")
    known = {str(rule.get("name")) for rule in list_at(tables, "rules") if isinstance(rule, dict)} | BUILT_IN_NAMES
    readable = {rule.name for _, rule in _numbered(draft)} | BUILT_IN_NAMES
    provider = judge(draft, tables)
    for one in draft.examples:
        example, path = one.example, ("examples", one.index)
        if example.rule not in known:
            text = f"no rule is called {quoted(example.rule)}{near(example.rule, known)}"
            mistakes.add((*path, "rule"), text)
        elif example.operation is not None and example.operation not in provider.operations:
            text = f"no operation is called {quoted(example.operation)}{near(example.operation, provider.operations)}"
            mistakes.add((*path, "operation"), text)
        elif example.rule in readable:
            for result in run_example(provider, example, one.index + 1):
                if not result.passed:
                    text = f"leads to rule {quoted(result.verdict.rule)}, not to {quoted(example.rule)}"
                    mistakes.add(path, text)


def _numbered(draft: Draft) -> list[tuple[int, Rule]]:
    return [(one.index, one.rule) for one in draft.rules]


def judge(draft: Draft, tables: Mapping[str, Any]) -> Provider:
    """A provider with all rules that could be read, the built-in ones among them, to classify the examples with."""
    provider = stand_in(draft, tables)
    own = provider.rules
    whole = bool(own) and own[-1].is_catch_all()
    return replace(provider, rules=with_built_in(own) if whole else (*own, *BUILT_IN))


def _check_options(rule: Mapping[str, Any], index: int, mistakes: Mistakes) -> None:
    then = rule.get("then")
    if not isinstance(then, str) or then not in set(Action):
        return
    for option, actions in _ACTIONS_OF.items():
        # A streak counts retries too, so `unproven` beside `halt_after` says when either counts.
        fitting = _ACTIONS_OF["halt_after"] if option == "unproven" and "halt_after" in rule else actions
        if option in rule and then not in fitting:
            mistakes.add(("rules", index, option), f"belongs to then = {' or '.join(map(quoted, fitting))}")
    if "wait" in rule and "until" in rule:
        mistakes.add(("rules", index, "until"), "a pause has a wait or an until, not both")
    if "outage" in rule and "until" in rule:
        mistakes.add(("rules", index, "outage"), "an outage has no hour at which it ends: say wait, not until")


def _check_catch_all(draft: Draft, tables: list[dict[str, Any]], mistakes: Mistakes) -> None:
    """The last rule matches everything, and does not call it a success."""
    if not tables:
        return  # that there are no rules is told already
    last = len(tables) - 1
    rule = next((rule for index, rule in _numbered(draft) if index == last), None)
    if rule is None:
        return  # it could not be read, which is told already
    if not rule.is_catch_all():
        text = "the last rule must catch all the others leave: when = {}"
        mistakes.add(("rules",), text)
    elif rule.then is Action.SUCCEED:
        mistakes.add(("rules", last, "then"), "what no rule knows is no success")


def _check_conditions(rule: Rule, index: int, provider: Provider, mistakes: Mistakes) -> None:
    path = ("rules", index, "when")
    for condition in rule.when:
        if condition.code and provider.http.error_code is None:
            mistakes.add((*path, "code"), "needs [http] error_code: the path where the provider's code is")
        if condition.type_ and provider.http.error_type is None:
            mistakes.add((*path, "type"), "needs [http] error_type: the path where the provider's type is")
        if condition.faults and rule.then is Action.SUCCEED:
            mistakes.add((*path, "fault"), "nothing came back: that is no success")
