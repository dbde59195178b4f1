"""The kinds of values a profile's keys take, each with its check. A refusal says what the value should be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from runner.domain.addresses import is_loopback, parsed_url
from runner.domain.model import MILLION, Amount
from runner.providers.expressions import fault_of
from runner.providers.mistakes import near, quoted

E = TypeVar("E", bound=StrEnum)

MOST_MILLIONTHS = 10**15
"""A price of a thousand million units: beyond it somebody's finger slipped, and sums could leave 64 bits."""

_MOST = 1e300  # not NaN, not infinite, and no integer beyond every float


class Table(BaseModel):
    """One table of a profile: unknown keys are refused, and no value is bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _matching(pattern: str, what: str, *, quote: bool = True) -> AfterValidator:
    """`quote=False` where somebody may have written a key in place of its name."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text):
            return text
        raise ValueError(f"{quoted(text)} is not {what}" if quote else f"must be {what}")

    return AfterValidator(check)


def _expression(text: str) -> str:
    fault = fault_of(text)
    if fault:
        raise ValueError(fault)
    return text


def _base_url(text: str) -> str:
    """`https://host[:port][/path]`, or http on a loopback address. Never quoted back: it may hold a password."""
    parts = parsed_url(text)
    if parts is None:
        raise ValueError('must be a URL like "https://api.example.com/v1"')
    if parts.username is not None or parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("must be scheme, host and path alone: no user, query or fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https: keys and addresses would travel in the clear (http is for loopback alone)")
    return text.rstrip("/")


def finite(value: Any) -> float:
    """A number of the profile as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST < value < _MOST:
        raise ValueError("must be a number")
    return float(value)


def _positive(value: Any) -> float:
    number = finite(value)
    if number <= 0 or number > 366 * 86_400:
        raise ValueError("must be a number of seconds greater than 0 (and less than a year)")
    return number


def _not_negative(value: Any) -> float:
    return 0.0 if finite(value) == 0 else _positive(value)


def _share(value: Any) -> float:
    number = finite(value)
    if not 0 < number <= 1:
        raise ValueError("must be a share greater than 0 and at most 1, such as 0.9")
    return number


def _price(value: Any) -> Amount:
    finite(value)
    # A number's shortest spelling is what somebody wrote: 0.1 is 0.1, not 0.1000000000000000055.
    exact = Decimal(repr(value))
    if exact < 0:
        raise ValueError("must not be negative")
    millionths = exact * MILLION
    if millionths > MOST_MILLIONTHS:
        raise ValueError("is larger than any price")
    if millionths != int(millionths):
        raise ValueError("has more than 6 decimals")
    return Amount(int(millionths))


def _wait(value: Any) -> tuple[float, float | None]:
    if not isinstance(value, list):
        return _positive(value), None
    if len(value) != 2:
        raise ValueError("must be seconds, or two of them: [shortest, longest]")
    low, high = _positive(value[0]), _positive(value[1])
    if low > high:
        raise ValueError("the shortest wait comes first: [1, 60]")
    return low, high


def _statuses(value: Any) -> tuple[frozenset[int], frozenset[int]]:
    """Exact statuses and classes (5 for "5xx")."""
    exact: set[int] = set()
    classes: set[int] = set()
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599:
            exact.add(item)
        elif isinstance(item, str) and re.fullmatch(r"[1-5]xx", item):
            classes.add(int(item[0]))
        else:
            raise ValueError('must be a status such as 429, a class such as "5xx", or a list of them')
    if not exact and not classes:
        raise ValueError("an empty list matches nothing")
    return frozenset(exact), frozenset(classes)


def strings(value: Any) -> tuple[str, ...]:
    """One text or a list of texts."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) and item.strip() for item in items):
        raise ValueError("must be a text or a list of texts, none of them empty")
    return tuple(items)


def _patterns(value: Any) -> tuple[str, ...]:
    """Texts, or whole numbers: an answer's code is compared as text, however it is spelt there."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(_is_code(item) for item in items):
        raise ValueError("must be a text, a whole number or a list of them, none of them empty")
    patterns = tuple(str(item).strip() for item in items)
    wrong = next((pattern for pattern in patterns if "*" in pattern[:-1]), None)
    if wrong:
        raise ValueError(f"{quoted(wrong)}: * stands at the end alone, as in RATE_LIMITED_*")
    return patterns


def _is_code(item: Any) -> bool:
    return bool(item.strip()) if isinstance(item, str) else isinstance(item, int) and not isinstance(item, bool)


def plain(value: Any) -> Any:
    """A TOML value as a JSON value. ValueError for what JSON does not have."""
    match value:
        case bool() | int() | str():
            return value
        case float():
            return finite(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case date():
            raise ValueError("JSON has no dates: write it as a text")
        case _:
            raise ValueError("JSON has no such value: write it as a text")


def _parameter(value: Any) -> Any:
    """What a query or form can carry: a text, number or boolean, or a list of them (the key once for each)."""
    values = plain(value)
    if any(isinstance(one, dict | list) for one in (values if isinstance(values, list) else [values])):
        raise ValueError("must be a text or a list of texts: only json carries tables")
    return values


def by_path(value: Any) -> dict[str, Any]:
    """`{ "a.b" = 1 }` and `{ a.b = 1 }` mean the same: TOML reads the second as tables in tables."""
    if not isinstance(value, dict) or not value:
        raise ValueError('must be a table of paths, such as { "error.code" = "no_funds" }')
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= {f"{key}.{path}": inner for path, inner in by_path(item).items()}
        else:
            flat[_dotted(key)] = plain(item)
    return flat


def _header_value(text: str) -> str:
    """Never quoted back: somebody may have written a key there."""
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("must be a text of ASCII letters and signs, without blanks around it")
    if "{" in text or "}" in text:
        raise ValueError("is sent as it is with each request: no value of a row goes into a header")
    return text


def _dotted(path: str) -> str:
    if not all(path.split(".")):
        raise ValueError(f"{quoted(path)} is not a dotted path such as error.code")
    return path


def one_of(kinds: type[E]) -> BeforeValidator:
    """A word of a closed list."""
    return BeforeValidator(lambda value: kinds(word(value, [kind.value for kind in kinds])))


def word(value: Any, known: Iterable[str]) -> str:
    """The value, if it is one of the known words."""
    known = list(known)
    if isinstance(value, str) and value in known:
        return value
    spelt, meant = quoted(value), value
    if isinstance(value, bool):  # what "no" and "yes" are elsewhere
        spelt, meant = ("true", "yes") if value else ("false", "no")
    raise ValueError(f"{spelt} is not one of {', '.join(known)}{near(meant, known)}")


def words(*known: str) -> BeforeValidator:
    """As `one_of`, for words that have no enum."""
    return BeforeValidator(lambda value: word(value, known))


Name = Annotated[str, _matching(r"[a-z][a-z0-9_]*", "a name (a-z, 0-9 and _, beginning with a letter)")]
RuleName = Annotated[str, _matching(r"[a-z0-9][a-z0-9-]*", "a rule's name (a-z, 0-9 and -)")]
HeaderName = Annotated[str, _matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "a header's name", quote=False)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
VariableName = Annotated[str, _matching(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name", quote=False)]
UrlPath = Annotated[str, _matching(r"/[^\s?#\\]*", 'a path such as "/v1/check" (no query, no blanks)')]
PlainPath = Annotated[str, _matching(r"/[^\s?#\\{}]*", 'a fixed path such as "/health" (no query, no {name})')]
Text = Annotated[str, _matching(r"(?s).*\S.*", "a text")]
Dotted = Annotated[str, AfterValidator(_dotted)]
JmesPath = Annotated[str, AfterValidator(_expression)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Seconds = Annotated[float, BeforeValidator(_positive)]
SecondsOrZero = Annotated[float, BeforeValidator(_not_negative)]
Share = Annotated[float, BeforeValidator(_share)]
Parameter = Annotated[Any, BeforeValidator(_parameter)]
Price = Annotated[Amount, BeforeValidator(_price, json_schema_input_type=float)]
Wait = Annotated[tuple[float, float | None], BeforeValidator(_wait, json_schema_input_type=float | list[float])]
Statuses = Annotated[
    tuple[frozenset[int], frozenset[int]],
    BeforeValidator(_statuses, json_schema_input_type=int | str | list[int | str]),
]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_patterns, json_schema_input_type=str | int | list[str | int])]
