"""What every provider has in common: faults, and a 429 that no rule of the profile knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from runner.domain.model import Action, Debited, Fault
from runner.domain.provider import Condition, Rule

BUILT_IN: Final = (
    Rule(
        name="not-sent",
        when=(Condition(faults=frozenset({Fault.NOT_SENT})),),
        then=Action.RETRY,
        debited=Debited.NO,
        advice="The provider could not be reached. Check the network and base_url, then run the same command again.",
        built_in=True,
    ),
    Rule(
        name="no-answer",
        when=(Condition(faults=frozenset({Fault.NO_ANSWER})),),
        then=Action.RETRY,
        debited=Debited.UNKNOWN,
        advice="Sent, but the line broke before the answer; it may have been carried out and charged.",
        built_in=True,
    ),
    Rule(
        name="invalid",
        when=(Condition(faults=frozenset({Fault.INVALID})),),
        then=Action.HALT,
        debited=Debited.NO,
        advice="The request could not be built. Check the profile's base_url, headers and templates.",
        built_in=True,
    ),
    Rule(
        name="tls",
        when=(Condition(faults=frozenset({Fault.TLS})),),
        then=Action.HALT,
        debited=Debited.NO,
        advice="The provider's certificate was refused: check base_url, this machine's clock, and proxies that "
        "re-sign traffic. Nothing was sent.",
        built_in=True,
    ),
    Rule(
        name="429",
        when=(Condition(statuses=frozenset({429})),),
        then=Action.PAUSE,
        debited=Debited.NO,
        wait_seconds=1.0,
        wait_cap_seconds=60.0,
        advice="The provider asks to slow down. If it happens often, lower the profile's limits to what it allows.",
        built_in=True,
    ),
)

BUILT_IN_NAMES: Final = frozenset(rule.name for rule in BUILT_IN)


def with_built_in(own: Sequence[Rule]) -> tuple[Rule, ...]:
    """Own rules with the built-in ones before the catch-all, the last; an own rule replaces the one of its name."""
    names = {rule.name for rule in own}
    return (*own[:-1], *(rule for rule in BUILT_IN if rule.name not in names), *own[-1:])
