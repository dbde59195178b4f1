"""runner.toml, the user's file, the environment and flags -> one frozen `Settings`; secrets by name only."""

from __future__ import annotations

from runner.settings.base import SecretTable
from runner.settings.envfile import write_env_file
from runner.settings.files import FILE_NAME, Settings, read_settings, user_settings_file
from runner.settings.home import at_home
from runner.settings.keys import Keys, Secret, has_shape
from runner.settings.notify import NotifySettings
from runner.settings.origins import BUILT_IN, Origin, OriginKind, origin_of
from runner.settings.quantities import (
    Price,
    SpendCap,
    kept_rate,
    parse_duration,
    parse_price,
    parse_rate,
    parse_share,
    parse_spend,
    parse_time_of_day,
    parse_whole,
)
from runner.settings.tables import DAILY, RunDefaults, SourceSettings, json_schema

__all__ = [
    "BUILT_IN",
    "DAILY",
    "FILE_NAME",
    "Keys",
    "NotifySettings",
    "Origin",
    "OriginKind",
    "Price",
    "RunDefaults",
    "Secret",
    "SecretTable",
    "Settings",
    "SourceSettings",
    "SpendCap",
    "at_home",
    "has_shape",
    "json_schema",
    "kept_rate",
    "origin_of",
    "parse_duration",
    "parse_price",
    "parse_rate",
    "parse_share",
    "parse_spend",
    "parse_time_of_day",
    "parse_whole",
    "read_settings",
    "user_settings_file",
    "write_env_file",
]
