"""The tables of a profile, one model each: which keys there are and what they take. Unknown keys are refused.

A model knows its own table alone; what depends on several tables is in `checks`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from runner.domain.provider import InputKind, Kept, Pace
from runner.providers.fields import (
    BaseUrl,
    Dotted,
    HeaderName,
    HeaderValue,
    JmesPath,
    Name,
    Parameter,
    PlainPath,
    Price,
    Seconds,
    SecondsOrZero,
    Share,
    Table,
    Text,
    UrlPath,
    VariableName,
    one_of,
    plain,
    words,
)
from runner.providers.mistakes import quoted

ATTEMPT = "{attempt}"
"""Stands for the attempt's own id: in a template, or as the default of an optional text."""

ATTEMPT_CHARACTERS = 16

AUTH_KINDS = ("header", "bearer", "basic", "query")
SECRET_KINDS = ("env", "file", "command")
BODY_KINDS = ("form", "json")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

MOST_CHARACTERS = 1_000_000
MOST_BYTES = 100_000_000
"""Of one file that is sent whole: a request is kept in memory."""

Positive = Annotated[int, Field(gt=0, le=MOST_CHARACTERS)]


class SecretTable(Table):
    """Where a secret is found; never the secret."""

    env: VariableName | None = None
    file: Text | None = None
    command: list[Text] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"says one of {', '.join(SECRET_KINDS)}")
        return self


LITERAL_KEY = 'a key is never written into a file: say where it is, as in secret = { env = "ACME_API_KEY" }'


def _not_literal(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise ValueError(LITERAL_KEY)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error.msg}") from error
    return text


class AuthTable(Table):
    """How a request proves whose it is: a header, `bearer = true`, basic (user name) or a query parameter."""

    header: HeaderName | None = None
    bearer: Literal[True] | None = None
    basic: Text | None = None
    query: Text | None = None
    secret: Annotated[SecretTable, BeforeValidator(_not_literal)]
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self.model_fields_set & set(AUTH_KINDS)) != 1:
            raise ValueError(f"says one of {', '.join(AUTH_KINDS)}")
        return self


class PlaceTable(Table):
    """Where a value is found in an answer."""

    body: Dotted | None = None
    header: HeaderName | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("says one of body, header")
        return self


class WaitHeaderTable(Table):
    """A header that says how long to wait: seconds or a date, or (`unix`) an instant in seconds since 1970."""

    header: HeaderName
    form: Annotated[Literal["text", "unix"], words("text", "unix")] = "text"


def _wait_header(value: Any) -> Any:
    return {"header": value} if isinstance(value, str) else value


class HttpTable(Table):
    """`[http]`."""

    base_url: BaseUrl
    auth: AuthTable | None = None
    timeout: Seconds = 30.0
    keepalive: SecondsOrZero = 5.0
    error_code: Dotted | None = None
    error_message: Dotted | None = None
    error_type: Dotted | None = None
    request_id: list[PlaceTable] = Field(default_factory=list)
    client_request_id: HeaderName | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    wait_headers: (
        list[Annotated[WaitHeaderTable, BeforeValidator(_wait_header, json_schema_input_type=str | WaitHeaderTable)]]
        | None
    ) = None
    charge: list[PlaceTable] = Field(default_factory=list)
    balance: list[PlaceTable] = Field(default_factory=list)
    health: PlainPath | None = None


class LearnTable(Table):
    """`learn`: the header that says how large the window is, and the share of it that is used."""

    header: HeaderName
    share: Share = 1.0


class LimitTable(Table):
    """`[[limits]]`."""

    at_most: Positive
    per_seconds: Seconds
    learn: LearnTable | None = None


class ConcurrencyTable(Table):
    """`[concurrency]`."""

    in_flight: Annotated[int, Field(gt=0, le=1000)] = 5


class RetryTable(Table):
    """`[retry]`."""

    attempts: Annotated[int, Field(gt=0, le=100)] = 6
    base: Seconds = 0.5
    cap: Seconds = 30.0

    @model_validator(mode="after")
    def _cap_is_larger(self) -> Self:
        if self.cap < self.base:
            raise ValueError("cap must not be smaller than base")
        return self


_OPTIONS_OF = {
    "of": (InputKind.CHOICE,),
    "max": (InputKind.TEXT, InputKind.FILE),
    "send": (InputKind.PHONE,),
    "case": (InputKind.EMAIL,),
    "default": (InputKind.TEXT,),
}


class InputTable(Table):
    """One parameter: `input = { email = { kind = "email" } }`. `max`: characters of a text, bytes of a file."""

    kind: Annotated[InputKind, one_of(InputKind)]
    of: list[Text] | None = Field(default=None, min_length=1)
    max: Annotated[int, Field(gt=0, le=MOST_BYTES)] | None = None
    send: Annotated[Literal["digits", "e164"], words("digits", "e164")] = "e164"
    case: Annotated[Literal["keep"], words("keep")] | None = None
    default: Annotated[Literal["{attempt}"], words(ATTEMPT)] | None = None

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        wrong = [
            f"{option} belongs to kind = {' or '.join(quoted(kind.value) for kind in kinds)}"
            for option, kinds in _OPTIONS_OF.items()
            if option in self.model_fields_set and self.kind not in kinds
        ]
        if self.kind is InputKind.TEXT and self.max and self.max > MOST_CHARACTERS:
            wrong.append(f"max must be less than or equal to {MOST_CHARACTERS} characters")
        if self.kind is InputKind.CHOICE and self.of is None:
            wrong.append('a choice says what of: of = ["a", "b"]')
        if self.default and self.max and self.max < ATTEMPT_CHARACTERS:
            wrong.append(f"an attempt's id has {ATTEMPT_CHARACTERS} characters, more than max")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class OperationTable(Table):
    """`[operations.NAME]`."""

    method: Annotated[str, words(*METHODS)]
    path: UrlPath
    query: dict[str, Parameter] = Field(default_factory=dict)
    form: dict[str, Parameter] | None = None
    json_: Annotated[dict[str, Any], BeforeValidator(plain)] | None = Field(default=None, alias="json")
    input: Annotated[dict[Name, InputTable], Field(min_length=1)]
    safe: bool | None = None
    price: Price | None = None
    price_max: Price | None = None
    unit: Name = "request"
    found: JmesPath | None = None
    columns: dict[Name, JmesPath] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _price_range(self) -> Self:
        if self.price is not None and self.price_max is not None and self.price_max < self.price:
            raise ValueError("price_max must not be smaller than price")
        return self


class ProfileTable(Table):
    """The top of a profile. Operations, rules and examples are read one by one, each with its own mistakes."""

    schema_: Literal[1] = Field(alias="schema")
    name: Name
    title: Text | None = None
    docs: list[Text] = Field(default_factory=list)
    checked: date | None = None
    pace: Annotated[Pace, one_of(Pace)] = Pace.STRICT
    store: Annotated[Kept, one_of(Kept)] = Kept.BODY
    http: dict[str, Any]
    limits: list[LimitTable] = Field(default_factory=list)
    concurrency: ConcurrencyTable = ConcurrencyTable()
    retry: RetryTable = RetryTable()
    operations: Annotated[dict[Name, Any], Field(min_length=1)]
    rules: Annotated[list[Any], Field(min_length=1)]
    examples: list[Any] = Field(default_factory=list)
