"""runner.toml, the user's file, the environment and flags -> one frozen `Settings`; secrets by name only."""

from __future__ import annotations

from runner.settings.files import Settings, read_settings
from runner.settings.keys import Keys, Secret
from runner.settings.quantities import Price, SpendCap, parse_duration, parse_rate, parse_share, parse_spend
from runner.settings.tables import RunDefaults, SourceSettings

__all__ = [
    "Keys",
    "Price",
    "RunDefaults",
    "Secret",
    "Settings",
    "SourceSettings",
    "SpendCap",
    "parse_duration",
    "parse_rate",
    "parse_share",
    "parse_spend",
    "read_settings",
]
