"""Requests rendered from an operation's templates.

Values reach leaf strings only: a row chooses neither host, path prefix, method nor header names. A value that is a
file is read here, once for each attempt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from runner.domain.file_value import most_bytes
from runner.domain.model import Request
from runner.domain.provider import PLACEHOLDER, Http, InputKind, Operation
from runner.engine.ports import UnsendableError
from runner.transport.files import read_content

_ATTEMPT = "attempt"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH_SAFE = "/:@!$&'()*+,;=%~"  # what a profile may write in a path beside letters; `?` and `#` would end the path


class _Unset(Exception):
    """An optional placeholder has no value: its key is left out."""


def render(
    http: Http,
    operation: Operation,
    params: Mapping[str, str],
    *,
    attempt_id: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    """The request of one attempt, without credentials.

    `params` are the job's values by name; an empty string is unset. `headers` are sent with every request of the lane.
    Raises `UnsendableError`, whose text names parameters but never their values; with a reason if it is a matter of
    this job's file alone.
    """
    values = _values(operation, params, attempt_id)
    path = _path(operation.path, values)
    base = urlsplit(http.base_url)
    query = urlencode(list(_pairs(operation.query, values)), quote_via=quote)
    whole_path = base.path.rstrip("/") + path
    url = f"{base.scheme}://{base.netloc}{whole_path}" + (f"?{query}" if query else "")
    if _origin(url) != _origin(http.base_url):
        raise UnsendableError("the request would leave for another server than the provider's")
    body, content_type = _body(operation, values)
    own = list(headers)
    if content_type:
        own.append(("content-type", content_type))
    if http.client_request_id:
        own.append((http.client_request_id, attempt_id))
    for name, value in own:
        check_header(name, value)
    return Request(
        method=operation.method,
        url=url,
        path=whole_path,
        headers=tuple(own),
        body=body,
        client_request_id=attempt_id,
    )


def fields(operation: Operation, shown: Mapping[str, str], *, attempt_id: str) -> dict[str, Any]:
    """What a request carries beside its path, by the provider's own names: query, form and JSON fields together.

    `shown` are the job's values by name, fit to be seen; no file is read.
    """
    values = {name: value for name, value in shown.items() if value}
    for field in operation.inputs:
        if field.default is not None:
            values.setdefault(field.name, field.default.replace("{attempt}", attempt_id))
        if field.required:
            values.setdefault(field.name, "")
    values[_ATTEMPT] = attempt_id
    carried: dict[str, Any] = {}
    for template in (operation.query, operation.form or {}, operation.json or {}):
        carried |= _node(template, values)
    return carried


def check_header(name: str, value: str) -> None:
    """Refuse what would break out of its header: CR, LF, NUL, other controls, bytes beyond ASCII."""
    if not _HEADER_NAME.fullmatch(name):
        raise UnsendableError("a header has a name that HTTP does not allow")
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise UnsendableError(f"the header {name} has a value that HTTP does not allow")


def _values(operation: Operation, params: Mapping[str, str], attempt_id: str) -> dict[str, str]:
    values = {name: value for name, value in params.items() if value}
    for field in operation.inputs:
        if field.default is not None and field.name not in values:
            values[field.name] = field.default.replace("{attempt}", attempt_id)
        elif field.kind is InputKind.FILE and field.name in values:
            values[field.name] = read_content(field.name, values[field.name], most_bytes=most_bytes(field))
    values[_ATTEMPT] = attempt_id
    return values


def _fill(text: str, values: Mapping[str, str]) -> str:
    """A leaf string with its placeholders replaced. Raises `_Unset` where an optional one has no value."""

    def value(match: re.Match[str]) -> str:
        name, optional = match.groups()
        if name in values:
            return values[name]
        if optional:
            raise _Unset
        raise UnsendableError(f"the parameter {name} has no value")

    return PLACEHOLDER.sub(value, text) if "{" in text else text


def _path(template: str, values: Mapping[str, str]) -> str:
    segments = []
    for segment in template.lstrip("/").split("/"):
        quoted = quote(segment, safe=_PATH_SAFE + "{?}")
        filled = PLACEHOLDER.sub(lambda match: _encode(_fill(match.group().replace("?", ""), values)), quoted)
        if filled in {".", ".."}:
            raise UnsendableError("a value would climb out of the provider's path")
        segments.append(filled.replace("{", "%7B").replace("}", "%7D").replace("?", "%3F"))
    return "/" + "/".join(segments)


def _encode(value: str) -> str:
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise UnsendableError("a value is not text that can be sent") from None


def _pairs(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Query or form fields in the profile's order; a list gives its key once for each element."""
    for key, node in template.items():
        for leaf in node if isinstance(node, list | tuple) else (node,):
            if isinstance(leaf, Mapping | list | tuple) or leaf is None:
                raise UnsendableError(f"the field {key} is a table; only a JSON body can carry one")
            try:
                text = _fill(leaf, values) if isinstance(leaf, str) else json.dumps(leaf)
                yield key, text.encode()
            except _Unset:
                continue
            except UnicodeEncodeError:
                raise UnsendableError("a value is not text that can be sent") from None


def _body(operation: Operation, values: Mapping[str, str]) -> tuple[bytes, str]:
    if operation.form is not None:
        # quote_plus writes a space as `+` and a plus as `%2B`: an address `a+b@…` arrives whole.
        form = urlencode(list(_pairs(operation.form, values)), quote_via=quote_plus)
        return form.encode("ascii"), "application/x-www-form-urlencoded"
    if operation.json is not None:
        # ASCII is what every server reads; but it would make three bytes of each byte of a message in Cyrillic.
        ascii_only = all(field.kind is not InputKind.FILE for field in operation.inputs)
        text = json.dumps(
            _node(operation.json, values), ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":")
        )
        try:
            return text.encode(), "application/json"
        except UnicodeEncodeError:
            raise UnsendableError("a value is not text that can be sent") from None
    return b"", ""


def _node(node: Any, values: Mapping[str, str]) -> Any:
    """A JSON value built from its template; what holds an unset optional placeholder is left out of table or list."""
    if isinstance(node, str):
        return _fill(node, values)
    if isinstance(node, Mapping):
        return dict(_kept(node.items(), values))
    if isinstance(node, list | tuple):
        return [value for _, value in _kept(enumerate(node), values)]
    return node


def _kept(items: Any, values: Mapping[str, str]) -> Iterator[tuple[Any, Any]]:
    for key, node in items:
        try:
            yield key, _node(node, values)
        except _Unset:
            continue


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        raise UnsendableError("the provider's address is not a URL") from None
