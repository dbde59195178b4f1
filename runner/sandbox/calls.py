"""What arrived: which operation a request is, and with which values. The templates of a profile, read backwards."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from runner.domain.provider import PLACEHOLDER, InputKind, Operation, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request as it arrived. Header names are lower-case."""

    method: str
    target: str  # path and query, as on the request line
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The operation a call was recognised as, and its parameters by name, whole."""

    operation: Operation
    params: Mapping[str, str]

    @property
    def value(self) -> str:
        """What was asked about: the operation's first input, as the books keep it."""
        return self.shown(self.operation.inputs[0].name) if self.operation.inputs else ""

    @property
    def files(self) -> frozenset[str]:
        """The parameters whose value is the content of a file."""
        return frozenset(one.name for one in self.operation.inputs if one.kind is InputKind.FILE)

    def shown(self, name: str) -> str:
        """A parameter as the books keep it: of a file its digest and size, `sha256:9f86... (1,024 bytes)`."""
        value = self.params.get(name, "")
        if not value or name not in self.files:
            return value
        content = value.encode("utf-8", "surrogatepass")
        return f"sha256:{hashlib.sha256(content).hexdigest()} ({len(content):,} bytes)"

    def missing(self) -> list[str]:
        """Required inputs that did not come."""
        return [one.name for one in self.operation.inputs if one.required and not self.params.get(one.name)]


def recognise(provider: Provider, call: Call) -> Sighting | None:
    """The provider's operation with this method and path, and what its placeholders were filled with."""
    path, _, query = call.target.partition("?")
    base = urlsplit(provider.http.base_url).path.rstrip("/")
    for operation in provider.operations.values():
        if operation.method != call.method:
            continue
        found = _read(base + "/" + operation.path.lstrip("/"), path, segment=True)
        if found is None:
            continue
        params = {name: unquote(value) for name, value in found.items()}
        params |= _fields(operation.query, query)
        if operation.form is not None:
            params |= _fields(operation.form, call.body.decode("latin-1"))
        if operation.json is not None:
            params |= _tree(operation.json, _json(call.body))
        return Sighting(operation=operation, params=params)
    return None


def query_value(call: Call, name: str) -> str | None:
    """A parameter of the query, for keys that travel there."""
    values = parse_qs(call.target.partition("?")[2]).get(name)
    return values[0] if values else None


def _read(template: str, text: str, *, segment: bool = False) -> dict[str, str] | None:
    """The values of a template's placeholders in a text that was made from it, or None if it was not."""
    pattern, at = "", 0
    for match in PLACEHOLDER.finditer(template):
        pattern += re.escape(template[at : match.start()]) + ("([^/]+)" if segment else "(.*)")
        at = match.end()
    found = re.fullmatch(pattern + re.escape(template[at:]), text, re.DOTALL)
    names = [match.group(1) for match in PLACEHOLDER.finditer(template)]
    return dict(zip(names, found.groups(), strict=True)) if found else None


def _fields(template: Mapping[str, Any], encoded: str) -> dict[str, str]:
    given = parse_qs(encoded, keep_blank_values=True)
    params: dict[str, str] = {}
    for key, node in template.items():
        leaves = node if isinstance(node, list | tuple) else (node,)
        # Unset optional elements of a list were left out, so only a full list can be matched one by one.
        for leaf, value in zip(leaves, given.get(key, ()), strict=False):
            params |= (_read(leaf, value) or {}) if isinstance(leaf, str) else {}
    return params


def _tree(template: Any, value: Any) -> dict[str, str]:
    params: dict[str, str] = {}
    if isinstance(template, str) and isinstance(value, str):
        return _read(template, value) or {}
    if isinstance(template, Mapping) and isinstance(value, dict):
        for key, node in template.items():
            params |= _tree(node, value.get(key))
    elif isinstance(template, list | tuple) and isinstance(value, list):
        for node, element in zip(template, value, strict=False):
            params |= _tree(node, element)
    return params


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
