"""`[notify]`: who is told that a batch ended, halted or waits, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from runner.domain.addresses import hook_mistake
from runner.domain.model import Amount
from runner.domain.occasions import Occasion
from runner.errors import ConfigError
from runner.settings.base import SecretTable, Table
from runner.settings.quantities import parse_amount


def _address(text: str) -> str:
    mistake = hook_mistake(text)
    if mistake is not None:
        raise ValueError(mistake)
    return text


def _thresholds(value: Any) -> Any:
    """`{ defastra = 500 }`: kept as texts, which say what was written."""
    if not isinstance(value, Mapping):
        return value
    wrong = [name for name, given in value.items() if not _is_amount(given)]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: not an amount. Example: low_balance = {{ defastra = 500 }}")
    return {name: str(given).strip() for name, given in value.items()}


def _is_amount(given: Any) -> bool:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return False
    try:
        parse_amount(given, name="it")
    except ConfigError:
        return False
    return True


Address = Annotated[str, AfterValidator(_address)]
"""https, or http on this machine."""


class NotifySettings(Table):
    """`[notify]`. Nobody is told anything where no means is named. A URL that holds a token is better named than
    written: `{ env = "NIGHT_WEBHOOK" }`."""

    on: tuple[Occasion, ...] = tuple(Occasion)
    webhook: Address | SecretTable | None = None  # takes a POST of a JSON object
    command: tuple[str, ...] | None = Field(default=None, min_length=1)  # takes the same object on stdin; no shell
    apprise: SecretTable | None = None  # addresses of Apprise's, which hold tokens: the extra `notify`
    ping_url: Address | SecretTable | None = None  # a dead man's switch: asked while a run is at work
    low_balance: Annotated[
        dict[str, str], BeforeValidator(_thresholds, json_schema_input_type=dict[str, float | str])
    ] = Field(default_factory=dict)  # by provider, in its unit

    def low_amounts(self) -> dict[str, Amount]:
        """`low_balance` in millionths of each provider's unit."""
        return {name: parse_amount(text, name="low_balance") for name, text in self.low_balance.items()}
