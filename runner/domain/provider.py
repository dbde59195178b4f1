"""A provider as a value: what a profile says once it has been read and checked.

Built only by `runner.providers.loader`; nothing here reads a file. Column expressions arrive compiled, as callables.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from runner.domain.model import Action, Amount, Answer, Debited, Fault


class InputKind(StrEnum):
    """What a parameter's cell must be, and so how it is checked and normalised."""

    EMAIL = "email"
    PHONE = "phone"
    DOMAIN = "domain"
    TEXT = "text"
    CHOICE = "choice"
    FILE = "file"  # the cell is a path relative to the list; the file's content is sent


class Pace(StrEnum):
    """When a request leaves its window: `strict` counts from the answer, `arrival` from when it is known to have
    arrived, `sender` from the sending."""

    STRICT = "strict"
    ARRIVAL = "arrival"
    SENDER = "sender"


class Kept(StrEnum):
    """What is kept of an answer: as it came, or only what the profile makes of it."""

    BODY = "body"
    FIELDS = "fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learn:
    """Where a provider tells the size of a window: a header of any answer, of which a share is used."""

    header: str
    share: float = 1.0  # in (0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One window: at most `at_most` requests in any `per_seconds`, until an answer tells better."""

    at_most: int
    per_seconds: float
    learn: Learn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a secret is found. Exactly one is set; the value itself is never kept here."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None

    def describe(self) -> str:
        """For people: `the environment variable DEFASTRA_API_KEY`."""
        if self.env:
            return f"the environment variable {self.env}"
        if self.file:
            return f"the file {self.file}"
        return f"the command {self.command[0] if self.command else '?'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How a request proves whose it is. `name` is the header, query parameter or (basic) user name."""

    kind: Literal["header", "bearer", "basic", "query", "none"]
    name: str = ""
    secret: SecretRef | None = None
    pattern: str | None = None  # the key's shape, checked before the first call


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Where a value is found in an answer: a dotted path into the body, or a header."""

    body: str | None = None
    header: str | None = None
    form: Literal["text", "unix"] = "text"  # unix: seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """How to talk to the provider."""

    base_url: str
    auth: Auth
    timeout_seconds: float = 30.0
    keepalive_seconds: float = 5.0
    error_code: str | None = None  # dotted path
    error_message: str | None = None
    error_type: str | None = None  # dotted path of what the condition `type` compares
    request_id: tuple[Lookup, ...] = ()
    client_request_id: str | None = None  # header that carries ours
    headers: tuple[tuple[str, str], ...] = ()  # constants of the profile, sent with each request
    wait_headers: tuple[Lookup, ...] = (Lookup(header="Retry-After"),)
    charge: tuple[Lookup, ...] = ()  # what the provider says it charged for this request, in the operation's unit
    balance: tuple[Lookup, ...] = ()  # what it says is left after this request, in the operation's unit
    health: str | None = None  # path of a free call that needs no key


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Attempts per job and the backoff between them."""

    attempts: int = 6
    base_seconds: float = 0.5
    cap_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One parameter of an operation."""

    name: str
    kind: InputKind
    required: bool = True  # False where the template writes it `{x?}`
    of: tuple[str, ...] = ()  # choice
    max: int | None = None  # text: characters; file: bytes
    send: Literal["digits", "e164"] = "e164"  # phone
    keep_case: bool = False  # email: the local part's case tells addresses apart
    default: str | None = None  # `{attempt}`: the attempt's id, unless set


Template = Mapping[str, Any]
"""Structured parameters whose leaf strings may hold `{name}` or `{name?}`."""

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(\?)?\}")
"""`{name}`, or `{name?}`: left out with its key when unset. `{attempt}` is the attempt's own id."""

Expression = Callable[[Any], Any]
"""A compiled JMESPath: parsed body -> JSON value. Never raises; what cannot be evaluated is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One endpoint of a provider."""

    provider: str  # name of the lane: "defastra"
    name: str  # "email"
    column_prefix: str  # "defastra_email_"
    method: str
    path: str  # may hold `{name}`, percent-encoded as one segment
    inputs: tuple[Input, ...]  # in the profile's order; the first is what `v_outcomes.value` shows
    query: Template = field(default_factory=dict)
    form: Template | None = None
    json: Template | None = None
    safe: bool = False
    price: Amount | None = None
    price_max: Amount | None = None
    unit: str = "request"
    found: Expression | None = None
    columns: Mapping[str, Expression] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """`defastra.email`: how it is written everywhere."""
        return f"{self.provider}.{self.name}"

    @property
    def hold(self) -> Amount:
        """What an attempt may cost at most; 0 where no price is known."""
        return self.price_max or self.price or Amount(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All that is set must hold. Paths are dotted; `type_` is Python's spelling of the profile's `type`."""

    statuses: frozenset[int] = frozenset()  # exact
    status_classes: frozenset[int] = frozenset()  # 5 for "5xx"
    code: tuple[str, ...] = ()  # the profile's error_code, exact or `PREFIX_*`, case-folded
    type_: tuple[str, ...] = ()  # as `code`, at `error.type`-like path given by the profile
    has: tuple[str, ...] = ()
    equals: Mapping[str, Any] = field(default_factory=dict)  # JSON equality; false is not 0 and not "false"
    contains: Mapping[str, str] = field(default_factory=dict)  # case-folded substring
    is_: Mapping[str, str] = field(default_factory=dict)  # path -> object, array, string, number, boolean, null
    faults: frozenset[Fault] = frozenset()
    safe: bool | None = None

    def is_catch_all(self) -> bool:
        """Whether this matches every answer."""
        return self == _ANYTHING


_ANYTHING: Final = Condition()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`when` (any of the conditions) -> `then`, with what it means for the money."""

    name: str
    when: tuple[Condition, ...]
    then: Action
    debited: Debited
    wait_seconds: float | None = None
    wait_cap_seconds: float | None = None
    until: Literal["utc-midnight"] | None = None
    attempts: int | None = None
    resend: bool = False
    unproven_halt: bool = False
    halt_after: int | None = None  # with `unproven_halt`: only while no success is known
    outage: bool = False
    advice: str = ""
    built_in: bool = False

    def is_catch_all(self) -> bool:
        """Whether this rule matches every answer."""
        return any(condition.is_catch_all() for condition in self.when)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An answer and the rule it must lead to. The sandbox answers with these."""

    answer: Answer
    rule: str
    operation: str | None = None
    safe: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One paid API."""

    name: str
    title: str
    http: Http
    operations: Mapping[str, Operation]  # by name
    rules: tuple[Rule, ...]  # own, then built in, the catch-all last
    limits: tuple[Limit, ...] = ()
    in_flight: int = 5
    pace: Pace = Pace.STRICT
    store: Kept = Kept.BODY
    retry: Retry = Retry()
    examples: tuple[Example, ...] = ()
    docs: tuple[str, ...] = ()
    checked: str = ""
    source: str = ""  # where the profile was read, for messages
    base: str | None = None  # the provider this one extends: a second account of the same API

    def carries_id(self, operation: Operation) -> bool:
        """Whether its requests carry the attempt's own id: only then can one be looked for by it at the provider."""
        templates = (operation.path, operation.query, operation.form, operation.json)
        defaults = any(one.default for one in operation.inputs)
        return bool(self.http.client_request_id or defaults or "{attempt}" in repr(templates))

    def request_hash(self, operation: Operation) -> str:
        """SHA-256 (hex) of what makes its requests, whatever the row: two of one hash ask the same of equal values.

        The key is no part of it: another one of the same provider is told the same.
        """
        made = (
            self.http.base_url,
            operation.method,
            operation.path,
            operation.query,
            operation.form,
            operation.json,
            sorted((one.name, one.kind, one.send, one.keep_case, one.default or "") for one in operation.inputs),
            # Where there are none it is the hash that was kept before a profile could have any.
            *([sorted((name.lower(), value) for name, value in self.http.headers)] if self.http.headers else ()),
        )
        return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
