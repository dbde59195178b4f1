"""JSON Schemas for editors: of runner.toml and of profiles, from the models that read them."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def settings_schema() -> Schema:
    """Of runner.toml, the tables of `[providers]` included."""
    from runner.providers.json_schema import REF, override_definitions
    from runner.settings import DAILY, json_schema

    schema = json_schema(ref_template=f"{REF}{{model}}")
    definitions = schema.pop("$defs") | override_definitions()
    definitions["Overrides"]["properties"][DAILY] = definitions["RunDefaults"]["properties"][DAILY]
    schema["properties"]["providers"] = {"type": "object", "additionalProperties": {"$ref": f"{REF}Overrides"}}
    schema["description"] = "Settings of runner, in the folder of the lists or above it. All of it is optional."
    return _whole("runner.toml", schema, definitions)


def profile_schema() -> Schema:
    """Of a provider's profile."""
    from runner.providers.json_schema import profile_definitions

    definitions = profile_definitions()
    whole = definitions.pop("ProfileTable")
    whole |= {"description": "A provider: its address, limits, operations, and what each of its answers means."}
    return _whole("Provider profile", whole, definitions)


def _whole(title: str, root: Schema, definitions: Schema) -> Schema:
    tidy: Schema = _tidy({"$schema": DIALECT, **root, "$defs": _reachable(root, definitions)})
    return {"$schema": DIALECT, "title": title, **tidy}


def _reachable(root: Schema, definitions: Schema) -> Schema:
    """The definitions that the root needs, itself or through others."""
    found: Schema = {}
    waiting = list(_references(root))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting += _references(definitions[name])
    return dict(sorted(found.items()))


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for one in node for name in _references(one)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
    return own + [name for value in node.values() for name in _references(value)]


def _tidy(node: Any, *, names: bool = False) -> Any:
    """Without what TOML cannot say (null) and what says nothing (generated titles). `names`: the keys are a user's."""
    if isinstance(node, list):
        return [_tidy(one) for one in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _tidy(value) for key, value in node.items()}
    kept = {key: value for key, value in node.items() if key != "title" and not (key == "default" and not value)}
    if isinstance(kept.get("default"), dict):  # the defaults of its own keys say it all
        del kept["default"]
    choices = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1 and isinstance(choices[0], dict):
        del kept["anyOf"]
        kept = {**choices[0], **kept}
    elif choices:
        kept["anyOf"] = choices
    return {key: _tidy(value, names=key in ("properties", "$defs")) for key, value in kept.items()}
