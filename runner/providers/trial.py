"""A profile on trial: each rule with the examples that lead to it, and each example that leads elsewhere, with why.

Works on a profile that does not load, too: that is when somebody needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from runner.domain.model import Answer
from runner.domain.provider import Provider, Rule
from runner.errors import ProfileError
from runner.providers.builtin import BUILT_IN_NAMES
from runner.providers.checks import judge
from runner.providers.draft import Draft, list_at
from runner.providers.examples import ExampleResult, check_examples
from runner.providers.loader import Source, examine
from runner.providers.notes import notes_on
from runner.providers.reach import shadowed
from runner.providers.reasons import Reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrial:
    """One rule, own or built in, in the order in which they are asked."""

    rule: Rule
    whole: bool  # False: `when` was read, the rest is a mistake
    named: bool  # by an example, wherever that leads
    examples: int  # that lead to it
    answers: tuple[str, ...]  # the statuses ("402") and faults of those, sorted
    unreachable_for: str | None  # the rule above that takes all it matches

    @property
    def owes_example(self) -> bool:
        """Whether an example is missing: every rule of one's own has one, but for new versions of built-in ones."""
        return not self.named and self.rule.name not in BUILT_IN_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """An example that leads to another rule than the one it names."""

    number: int  # its place in the profile, from 1
    operations: tuple[str, ...]  # "email"
    answer: Answer
    wanted: str
    led_to: str
    matched: str  # what of `led_to`'s `when` took the answer
    unmet: tuple[str, ...]  # for each table of `wanted`'s `when` what did not hold; empty: `led_to` stands above it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What `runner providers test` shows. `passed` is what `load` goes by: no mistake at all."""

    name: str
    source: str
    rules: tuple[RuleTrial, ...]
    examples: int
    misses: tuple[Miss, ...]
    error: ProfileError | None  # all mistakes, misses among them
    notes: tuple[str, ...] = ()  # what may be meant otherwise, spelt as mistakes are; it can be used all the same

    @property
    def passed(self) -> bool:
        """Whether the profile can be used."""
        return self.error is None


def try_profile(source: Source, *, name: str | None = None) -> Trial:
    """Put a profile to its own examples, as far as it can be read. `name`: of an account; else the profile's own."""
    draft, mistakes = examine(source)
    provider = judge(draft, mistakes.tables)
    results = _results(draft, provider)
    return Trial(
        name=name or str(mistakes.tables.get("name", source.target)),
        source=source.source,
        rules=_rules(draft, provider, results),
        examples=len(draft.examples),
        misses=_misses(provider, results, _broken_names(mistakes.tables, draft)),
        error=mistakes.error(fix=source.fix()),
        notes=notes_on(source, draft, mistakes, results),
    )


def unreadable(name: str, error: ProfileError) -> Trial:
    """The trial of a profile that cannot be read at all."""
    return Trial(name=name, source=name, rules=(), examples=0, misses=(), error=error)


def _results(draft: Draft, provider: Provider) -> list[ExampleResult]:
    """Each example by its place in the file: those that could not be read leave gaps in the numbers."""
    return check_examples(provider, [(one.index + 1, one.example) for one in draft.examples])


def _rules(draft: Draft, provider: Provider, results: Sequence[ExampleResult]) -> tuple[RuleTrial, ...]:
    broken = {one.rule.name for one in draft.rules if not one.whole}
    own = [one.rule for one in draft.rules]
    named = {one.example.rule for one in draft.examples}
    above = {own[position].name: taker.name for position, taker in shadowed(own, provider.http)}
    trials = []
    for rule in provider.rules:
        mine = [result for result in results if result.verdict.rule == rule.name]
        answers = {str(result.example.answer.status or result.example.answer.fault) for result in mine}
        trials.append(
            RuleTrial(
                rule=rule,
                whole=rule.name not in broken,
                named=rule.name in named,
                examples=len({result.number for result in mine}),
                answers=tuple(sorted(answers)),
                unreachable_for=above.get(rule.name),
            )
        )
    return tuple(trials)


def _broken_names(tables: Any, draft: Draft) -> frozenset[str]:
    """Rules that are there, and whose `when` cannot be read."""
    read = {one.index for one in draft.rules}
    raw = [rule for index, rule in enumerate(list_at(tables, "rules")) if index not in read]
    return frozenset(str(rule.get("name")) for rule in raw if isinstance(rule, dict))


def _misses(provider: Provider, results: Sequence[ExampleResult], broken: frozenset[str]) -> tuple[Miss, ...]:
    """One for each example and rule it leads to, whatever the number of operations."""
    wrong = [result for result in results if not result.passed]
    wrong.sort(key=lambda result: (result.number, result.verdict.rule))
    same_miss = groupby(wrong, lambda one: (one.number, one.verdict.rule))
    return tuple(_miss(provider, list(same), broken) for _, same in same_miss)


def _miss(provider: Provider, results: Sequence[ExampleResult], broken: frozenset[str]) -> Miss:
    first = results[0]
    rules = {rule.name: rule for rule in reversed(provider.rules)}
    wanted = rules.get(first.example.rule)
    reasons = Reasons(provider, first.tried, first.example.answer)
    absent = "its own mistake comes first" if first.example.rule in broken else "no rule has that name"
    return Miss(
        number=first.number,
        operations=tuple(result.tried.name for result in results),
        answer=first.example.answer,
        wanted=first.example.rule,
        led_to=first.verdict.rule,
        matched=reasons.for_taking(rules[first.verdict.rule]) if first.verdict.rule in rules else "no rule",
        unmet=reasons.for_leaving(wanted) if wanted else (absent,),
    )
