"""The page of providers against the profile format: every key is explained, and no other."""

import re
from enum import StrEnum

import pytest

from runner.domain.model import UNSENT, Action, Debited, Fault
from runner.domain.provider import InputKind, Pace
from runner.providers import rule_schema, schema
from runner.providers.fields import Table
from tests.docs.commands import sections
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
SECTIONS = sections(PAGE)

TABLES: dict[str, type[Table]] = {
    "Top": schema.ProfileTable,
    "[http]": schema.HttpTable,
    "auth": schema.AuthTable,
    "secret": schema.SecretTable,
    "Places": schema.PlaceTable,
    "Wait headers": schema.WaitHeaderTable,
    "[[limits]]": schema.LimitTable,
    "learn": schema.LearnTable,
    "[concurrency]": schema.ConcurrencyTable,
    "[retry]": schema.RetryTable,
    "[operations.NAME]": schema.OperationTable,
    "input": schema.InputTable,
    "[[rules]]": rule_schema.RuleTable,
    "when": rule_schema.ConditionTable,
    "[[examples]]": rule_schema.ExampleTable,
    "answer": rule_schema.AnswerTable,
}

WORDS: dict[tuple[str, str], type[StrEnum]] = {
    ("Top", "pace"): Pace,
    ("input", "kind"): InputKind,
    ("[[rules]]", "then"): Action,
    ("[[rules]]", "debited"): Debited,
    ("when", "fault"): Fault,
}


def explained(heading: str) -> dict[str, str]:
    """What a section's table says of each key, by key."""
    found: dict[str, str] = {}
    for line in SECTIONS[heading].text.splitlines():
        if line.startswith("| `"):
            keys, _, meaning = line.strip("| ").partition(" | ")
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", keys), meaning)
    return found


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_the_format_is_explained_and_nothing_else(heading):
    """A table on the page has exactly the keys that the loader takes."""
    keys = {field.alias or name for name, field in TABLES[heading].model_fields.items()}
    assert set(explained(heading)) == keys
    assert all(explained(heading).values())


def test_every_table_of_the_format_is_on_the_page():
    """A new model has a section: none can be forgotten here."""
    models = {
        value
        for module in (schema, rule_schema)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Table) and value is not Table
    }
    assert models == set(TABLES.values())


@pytest.mark.parametrize(("heading", "key"), WORDS)
def test_the_words_that_a_key_takes_are_all_there(heading, key):
    """Kinds, actions, faults: each word is named where its key is explained."""
    never_judged = {Fault.WITHDRAWN} & UNSENT
    named = re.findall(r"`\"?([a-z0-9-]+)\"?`", explained(heading)[key])
    assert {word.value for word in WORDS[heading, key] if word not in never_judged} <= set(named)
