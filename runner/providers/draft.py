"""A profile as far as it can be read: each table on its own, so that one mistake hides no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runner.domain.model import Action, Debited
from runner.domain.provider import Auth, Condition, Example, Http, Operation, Provider, Rule
from runner.providers.compile import compile_condition, compile_example, compile_rule, is_safe
from runner.providers.mistakes import KeyPath, Mistakes
from runner.providers.rule_schema import ConditionTable, ExampleTable, RuleTable
from runner.providers.schema import HttpTable, OperationTable, ProfileTable


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRule:
    """One own rule. Where only `when` could be read, `rule` stands in with a harmless action, to check the others."""

    index: int
    rule: Rule
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftExample:
    """One example that could be read."""

    index: int
    example: Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What could be read; None and missing entries are noted as mistakes already."""

    top: ProfileTable | None
    http: HttpTable | None
    operations: dict[str, OperationTable]
    rules: tuple[DraftRule, ...]
    examples: tuple[DraftExample, ...]


def read_draft(mistakes: Mistakes) -> Draft:
    """Every table of the profile that can be read; what is wrong with the others is noted."""
    tables = mistakes.tables
    http = table_at(tables, "http")
    operations = {
        name: mistakes.read(OperationTable, raw, ("operations", name))
        for name, raw in (table_at(tables, "operations") or {}).items()
    }
    rules = [_read_rule(raw, index, mistakes) for index, raw in enumerate(list_at(tables, "rules"))]
    examples = [
        mistakes.read(ExampleTable, raw, ("examples", index)) for index, raw in enumerate(list_at(tables, "examples"))
    ]
    return Draft(
        top=mistakes.read(ProfileTable, dict(tables), ()),
        http=mistakes.read(HttpTable, http, ("http",)) if http is not None else None,
        operations={name: table for name, table in operations.items() if table is not None},
        rules=tuple(rule for rule in rules if rule is not None),
        examples=tuple(
            DraftExample(index=index, example=compile_example(table))
            for index, table in enumerate(examples)
            if table is not None
        ),
    )


def stand_in(draft: Draft, tables: Any) -> Provider:
    """A provider good enough to classify examples with, whatever else is wrong in the profile."""
    http = table_at(tables, "http") or {}
    paths = {key: http[key] for key in ("error_code", "error_message", "error_type") if isinstance(http.get(key), str)}
    operations = {
        name: Operation(
            provider="",
            name=name,
            column_prefix="",
            method="",
            path="",
            inputs=(),
            safe=is_safe(raw.get("method"), raw.get("safe")),
            columns={"any": lambda value: value} if raw.get("columns") or raw.get("found") else {},
        )
        for name, raw in (table_at(tables, "operations") or {}).items()
        if isinstance(raw, dict)
    }
    return Provider(
        name="",
        title="",
        http=Http(base_url="", auth=Auth(kind="none"), **paths),
        operations=operations,
        rules=tuple(one.rule for one in draft.rules),
    )


def table_at(tables: Any, key: str) -> dict[str, Any] | None:
    """A table, or None where there is something else or nothing."""
    value = tables.get(key)
    return value if isinstance(value, dict) else None


def list_at(tables: Any, key: str) -> list[Any]:
    """An array, or an empty one where there is something else or nothing."""
    value = tables.get(key)
    return value if isinstance(value, list) else []


def _read_rule(raw: Any, index: int, mistakes: Mistakes) -> DraftRule | None:
    path: KeyPath = ("rules", index)
    table = mistakes.read(RuleTable, raw, path)
    if not isinstance(raw, dict) or "when" not in raw:
        return None
    when = _read_when(raw["when"], (*path, "when"), mistakes)
    if when is None:
        return None
    if table is not None:
        return DraftRule(index=index, rule=compile_rule(table, when))
    name = raw.get("name")
    then = Action.SUCCEED if raw.get("then") == "succeed" else Action.FAIL
    rule = Rule(name=name if isinstance(name, str) else "", when=when, then=then, debited=Debited.UNKNOWN)
    return DraftRule(index=index, rule=rule, whole=False)


def _read_when(raw: Any, path: KeyPath, mistakes: Mistakes) -> tuple[Condition, ...] | None:
    if not isinstance(raw, list):
        table = mistakes.read(ConditionTable, raw, path)
        return None if table is None else (compile_condition(table),)
    if not raw:
        mistakes.add(path, "an empty list matches nothing")
        return None
    tables = [mistakes.read(ConditionTable, one, (*path, index)) for index, one in enumerate(raw)]
    read = tuple(compile_condition(table) for table in tables if table is not None)
    return read if len(read) == len(tables) else None
