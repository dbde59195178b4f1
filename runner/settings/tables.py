"""The tables of runner.toml as strict models: an unknown key or a wrong type is a mistake, and all are told at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from runner.domain.addresses import has_password
from runner.domain.model import InDoubtPolicy
from runner.errors import ConfigError
from runner.settings.base import SecretTable, Table
from runner.settings.notify import NotifySettings
from runner.settings.quantities import (
    MOST_COUNTED,
    Price,
    is_priced_name,
    parse_amount,
    parse_duration,
    parse_price,
    parse_rate,
    parse_share,
    parse_spend,
)


def _parsed(parse: Callable[..., Any], value: Any) -> Any:
    """A parser's refusal in the form that pydantic gathers with all others."""
    try:
        return parse(value, name="it")
    except ConfigError as error:
        raise ValueError(
            f"{error.what.removeprefix('it: ')}. {error.why} Example: {error.fix.removeprefix('it ')}"
        ) from error


def _seconds(value: Any) -> Any:
    return _parsed(parse_duration, value) if isinstance(value, str | int | float) else value


def _share(value: Any) -> Any:
    return _parsed(parse_share, value) if isinstance(value, str | int | float) else value


def _rate(value: Any) -> Any:
    if isinstance(value, str):
        _parsed(parse_rate, value)
    return value


def _caps(value: Any) -> Any:
    """A number, "12.5", or { defastra = 12.5 }: kept as texts that `--max-spend` takes too."""
    if isinstance(value, Mapping):
        texts = [f"{provider}={amount}" for provider, amount in value.items()]
    elif isinstance(value, str):
        texts = [part.strip() for part in value.split(",")]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        texts = [str(value)]
    else:
        return value
    _parsed(parse_spend, texts)
    return tuple(texts)


def _amount(value: Any) -> Any:
    """A number or "12.5": kept as a text, which says what was written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    _parsed(parse_amount, value)
    return str(value).strip()


def _accounts(value: Any) -> Any:
    """`[providers]`: of each table only what is no matter of its profile is looked at."""
    if not isinstance(value, Mapping):
        return value
    mistakes = [
        f"{name}.{DAILY}: {mistake}" for name, table in value.items() if (mistake := _daily_mistake(table)) is not None
    ]
    if mistakes:
        raise ValueError("\nproviders: ".join(mistakes))
    return value


def _daily_mistake(table: Any) -> str | None:
    given = table.get(DAILY, 0) if isinstance(table, Mapping) else 0
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return "it is a number, or a text that is one"
    try:
        _amount(given)
    except ValueError as error:
        return str(error)
    return None


def _words(value: Any) -> Any:
    """A list, or one text with commas: the form an environment variable can hold."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _prices(value: Any) -> Any:
    """`[prices]`: each key and each value is looked at, so that all mistakes are told at once."""
    if not isinstance(value, Mapping):
        return value
    mistakes = [f"{key}: {mistake}" for key, given in value.items() if (mistake := _price_mistake(key, given))]
    if mistakes:
        raise ValueError("\nprices: ".join(mistakes))
    return {key: parse_price(given, name="it") for key, given in value.items()}


def _price_mistake(key: str, given: Any) -> str:
    if isinstance(given, Mapping):  # the dot was read as a table's
        unit = next(iter(given), "check")
        return f'the key is written in quotation marks: "{key}.{unit}" = "0.02 EUR"'
    if not is_priced_name(key):
        return 'the key is PROVIDER.UNIT: "defastra.check" = "0.02 EUR"'
    if not isinstance(given, str):
        return f'a price has a currency: "{key}" = "0.02 EUR"'
    try:
        parse_price(given, name="it")
    except ConfigError as error:
        return f'{error.what.removeprefix("it: ")}. {error.why} Example: "{key}" = "{error.fix}"'
    return ""


DAILY: Final = "max_spend_per_day"
"""The one key of `[providers.NAME]` that is no part of a profile: what is spent is a matter of whoever runs it."""

Caps = float | str | dict[str, float | str]
"""How caps are written in a file: 12.5, "defastra=12.5", { defastra = 12.5 }."""


class RunDefaults(Table):
    """`[run]`: what a flag of the same name overrides. Seconds, shares in [0, 1]; None: off."""

    db: str | None = None
    env_file: str | None = None
    operations: Annotated[tuple[str, ...], BeforeValidator(_words, json_schema_input_type=str | list[str])] = ()
    region: str | None = Field(default=None, pattern="^[A-Za-z]{2}$")
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=3)
    max_invalid: Annotated[float, BeforeValidator(_share, json_schema_input_type=float | str)] = 0.5
    max_spend: Annotated[tuple[str, ...] | None, BeforeValidator(_caps, json_schema_input_type=Caps)] = None
    max_spend_per_day: Annotated[str | None, BeforeValidator(_amount, json_schema_input_type=float | str)] = None
    max_requests: int | None = Field(default=None, ge=0, le=MOST_COUNTED)
    in_doubt: InDoubtPolicy | None = None
    rate: Annotated[str | None, BeforeValidator(_rate)] = None
    in_flight: int | None = Field(default=None, ge=1, le=MOST_COUNTED)
    max_wait: Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str)] = 900.0
    max_failed: Annotated[float | None, BeforeValidator(_share, json_schema_input_type=float | str)] = None
    wait: Annotated[float | None, BeforeValidator(_seconds, json_schema_input_type=float | str)] = None
    http: Literal["httpx", "httpx2"] = "httpx"  # the HTTP library; httpx2 is an extra of this package

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any) -> Any:
        if isinstance(value, bool):  # Python would take it for a number: `max_requests = true` for a cap of one
            raise ValueError("it takes a value, not true or false")  # noqa: TRY004 - pydantic gathers ValueErrors
        return value


class SourceSettings(Table):
    """`[sources.NAME]`: a database to read lists from. A URL with a password in it is a secret and so only named."""

    url: str | SecretTable

    @model_validator(mode="after")
    def _no_password(self) -> SourceSettings:
        if isinstance(self.url, str) and has_password(self.url):
            raise ValueError('a URL with a password is not written into a file: url = { env = "CRM_URL" }')
        return self


class SettingsTable(Table):
    """A whole settings file. `[providers]` is passed on to the profile loader, which checks it key by key, but for the
    cap of an account's day."""

    run: RunDefaults = RunDefaults()
    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    prices: Annotated[dict[str, Price], BeforeValidator(_prices, json_schema_input_type=dict[str, str])] = Field(
        default_factory=dict
    )
    notify: NotifySettings = NotifySettings()
    providers: Annotated[dict[str, dict[str, Any]], BeforeValidator(_accounts)] = Field(default_factory=dict)


def json_schema(*, ref_template: str) -> dict[str, Any]:
    """A settings file as JSON Schema. `ref_template` holds `{model}`; `[providers]` is left to the profile's schema."""
    return SettingsTable.model_json_schema(mode="validation", ref_template=ref_template)


def check(model: type[Table], values: Mapping[str, Any], *, where: str) -> Any:
    """An instance of `model`; ConfigError with every mistake, one a line: key, what is wrong, hint."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        mistakes = [f"{key}: {wrong}" for key, wrong in _mistakes(error, model)]
        noun = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise ConfigError(f"{where} has {noun}", why="\n".join(mistakes), fix=f"edit {where}") from None


def wrong_defaults(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with values of `[run]`, by key: nothing of those that are right."""
    try:
        RunDefaults.model_validate(values)
    except ValidationError as error:
        return dict(_mistakes(error, RunDefaults))
    return {}


def _mistakes(error: ValidationError, model: type[Table]) -> list[tuple[str, str]]:
    return [_mistake(dict(one), model) for one in error.errors(include_input=False, include_url=False)]


def _mistake(error: Mapping[str, Any], model: type[Table]) -> tuple[str, str]:
    path = [str(part) for part in error["loc"]]
    if error["type"] != "extra_forbidden":
        return ".".join(path), str(error["msg"]).removeprefix("Value error, ")
    near = difflib.get_close_matches(path[-1], known_keys(model, path[:-1]), 1, 0.6)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return ".".join(path), f"unknown key{hint}"


def known_keys(model: type[Table], path: list[str]) -> list[str]:
    """The keys that a table may have, `path` being where it is."""
    tables: dict[str, type[Table]] = {"run": RunDefaults, "sources": SourceSettings, "notify": NotifySettings}
    if path and model is SettingsTable:
        model = SecretTable if SecretTable.__name__ in path else tables.get(path[0], model)
    return list(model.model_fields)
