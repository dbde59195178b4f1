"""`[[rules]]` and `[[examples]]`, one model for each table. Each knows its own table alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from runner.domain.model import Action, Debited, Fault
from runner.providers.fields import (
    HeaderName,
    Patterns,
    RuleName,
    Statuses,
    Table,
    Wait,
    by_path,
    one_of,
    plain,
    strings,
    word,
    words,
)

JSON_KINDS = ("object", "array", "string", "number", "boolean", "null")


def _kinds(value: Any) -> dict[str, str]:
    return {path: word(kind, JSON_KINDS) for path, kind in by_path(value).items()}


def _parts(value: Any) -> dict[str, str]:
    parts = by_path(value)
    if not all(isinstance(part, str) and part for part in parts.values()):
        raise ValueError("must say a text for each path")
    return parts


def _paths(value: Any) -> tuple[str, ...]:
    return tuple(by_path(dict.fromkeys(strings(value), True)))


def _faults(value: Any) -> frozenset[Fault]:
    # Withdrawn requests are never judged: nothing left, nothing came.
    known = [fault.value for fault in Fault if fault is not Fault.WITHDRAWN]
    return frozenset(Fault(word(item, known)) for item in strings(value))


class ConditionTable(Table):
    """One table of `when`: all that is said must hold."""

    status: Statuses | None = None
    code: Patterns | None = None
    type_: Patterns | None = Field(default=None, alias="type")
    has: Annotated[tuple[str, ...], BeforeValidator(_paths, json_schema_input_type=str | list[str])] | None = None
    equals: Annotated[dict[str, Any], BeforeValidator(by_path)] | None = None
    contains: Annotated[dict[str, str], BeforeValidator(_parts, json_schema_input_type=dict[str, Any])] | None = None
    is_: Annotated[dict[str, str], BeforeValidator(_kinds, json_schema_input_type=dict[str, Any])] | None = Field(
        default=None, alias="is"
    )
    fault: Annotated[frozenset[Fault], BeforeValidator(_faults, json_schema_input_type=Fault | list[Fault])] | None = (
        None
    )
    safe: bool | None = None

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.fault is not None and self.model_fields_set - {"fault", "safe"}:
            raise ValueError("never holds: a fault has no status and no body")
        return self


class RuleTable(Table):
    """`[[rules]]`. `when` is read apart: a mistake elsewhere in the rule must not hide what it matches."""

    name: RuleName
    when: Any
    then: Annotated[Action, one_of(Action)]
    debited: Annotated[Debited, one_of(Debited)]
    wait: Wait | None = None
    until: Annotated[Literal["utc-midnight"], words("utc-midnight")] | None = None
    attempts: Annotated[int, Field(gt=0, le=100)] | None = None
    resend: bool = False
    unproven: Annotated[Literal["halt"], words("halt")] | None = None
    halt_after: Annotated[int, Field(ge=2, le=1000)] | None = None
    outage: bool = False
    advice: str = ""


class AnswerTable(Table):
    """An example's answer: a status with headers and a body (a table or array is sent as JSON), or a fault."""

    status: Annotated[int, Field(ge=100, le=599)] | None = None
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    body: Annotated[Any, BeforeValidator(plain)] = ""
    fault: Annotated[frozenset[Fault], BeforeValidator(_faults, json_schema_input_type=Fault | list[Fault])] | None = (
        None
    )

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if (self.status is None) == (self.fault is None):
            raise ValueError("says a status or a fault")
        if self.fault and (len(self.fault) > 1 or len(self.model_fields_set) > 1):
            raise ValueError("a fault stands alone: nothing came back")
        return self


class ExampleTable(Table):
    """`[[examples]]`."""

    answer: AnswerTable
    rule: str
    operation: str | None = None
    safe: bool | None = None
