"""The profile format as JSON Schema, from the very models that read it. What depends on several tables is not in it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from runner.providers.accounts import EXTENDS
from runner.providers.rule_schema import ConditionTable, ExampleTable, RuleTable
from runner.providers.schema import HttpTable, OperationTable, ProfileTable

Schema = dict[str, Any]

REF: Final = "#/$defs/"
_MERGED: Final = ("HttpTable", "AuthTable", "ConcurrencyTable", "RetryTable", "OperationTable", "InputTable")
"""Tables that `[providers.NAME]` merges key by key: there none of their keys is owed."""


def profile_definitions() -> Schema:
    """The tables of a profile by name; `ProfileTable` is the whole."""
    models = (ProfileTable, HttpTable, OperationTable, RuleTable, ConditionTable, ExampleTable)
    _, schema = models_json_schema([(model, "validation") for model in models], ref_template=f"{REF}{{model}}")
    tables: Schema = schema["$defs"]
    # These are read one by one, so that one mistake hides no other; here they take their places.
    whole = tables["ProfileTable"]["properties"]
    whole["http"] = _ref("HttpTable")
    whole["operations"]["additionalProperties"] = _ref("OperationTable")
    whole["rules"]["items"] = _ref("RuleTable")
    whole["examples"]["items"] = _ref("ExampleTable")
    condition = _ref("ConditionTable")
    tables["RuleTable"]["properties"]["when"] = {
        "anyOf": [condition, {"type": "array", "items": condition, "minItems": 1}]
    }
    return tables


def override_definitions() -> Schema:
    """The tables of `[providers.NAME]` by name; `Overrides` is the whole. Arrays in it replace and so are complete."""
    tables = profile_definitions()
    partial: Schema = {}
    for name in (*_MERGED, "ProfileTable"):
        partial[f"{name}Overrides"] = table = deepcopy(tables[name])
        table.pop("required", None)
        table["properties"] = {key: _redirected(value) for key, value in table["properties"].items()}
    whole = partial.pop("ProfileTableOverrides")
    for key in ("schema", "name"):
        del whole["properties"][key]
    whole["properties"][EXTENDS] = {"type": "string", "description": "The provider that this is a second account of."}
    whole["description"] = "What differs from a provider's profile here, or (extends) a second account of it."
    return tables | partial | {"Overrides": whole}


def _ref(name: str) -> Schema:
    return {"$ref": f"{REF}{name}"}


def _redirected(node: Any) -> Any:
    """The same with every reference to a merged table led to its lenient twin; arrays keep the strict one."""
    if isinstance(node, list):
        return [_redirected(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("$ref", "").removeprefix(REF) in _MERGED:
        return {**node, "$ref": f"{node['$ref']}Overrides"}
    return {
        key: value if key == "items" else _redirected(value) for key, value in node.items() if key != "minProperties"
    }
