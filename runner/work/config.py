"""`config show|path`: every setting with its value and where it comes from. No secret is read, only where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.domain.addresses import shown_url, without_password
from runner.domain.model import MILLION
from runner.domain.provider import Provider
from runner.errors import RunnerError
from runner.settings import (
    BUILT_IN,
    DAILY,
    NotifySettings,
    Origin,
    OriginKind,
    SecretTable,
    Settings,
    origin_of,
    user_settings_file,
)
from runner.work.status import plain

if TYPE_CHECKING:
    from runner.work.session import Session

PROVIDER_KEYS = {
    "base_url": ("http", "base_url"),
    "key": ("http", "auth"),
    "timeout": ("http", "timeout"),
    "limits": ("limits",),
    "in_flight": ("concurrency", "in_flight"),
    "attempts": ("retry", "attempts"),
    "pace": ("pace",),
}
"""What is shown of a provider, and where it stands in its profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `value` is a JSON value in the unit that the key has in a file; a secret's is its whereabouts."""

    name: str  # as one finds it in a file: "run.max_wait"
    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere that settings are read from, or kept."""

    role: str  # "flag", "environment", "file", "user-file", "env-file", "database"
    path: str  # a path, or the names of flags or variables
    found: bool


def settings_shown(session: Session) -> list[Setting]:
    """Every setting of `[run]`, then prices, sources, who is told, and the providers that are in use here."""
    settings = session.settings
    return [
        *_run(settings),
        *_prices(settings),
        *_sources(settings),
        *_notify(settings),
        *(one for name in providers_in_use(session) or session.profiles.names() for one in _provider(name, session)),
    ]


def places(settings: Settings) -> list[Place]:
    """What is read, the strongest first, then the file of keys and the database."""
    by_kind = {kind: [one.where for one in settings.origins.values() if one.kind is kind] for kind in OriginKind}
    mine = user_settings_file()
    own = [path for path in settings.files if path != mine]
    nearest = own[0] if own else settings.directory / "runner.toml"
    flags, variables = by_kind[OriginKind.FLAG], by_kind[OriginKind.ENVIRONMENT]
    return [
        Place(role="flag", path=", ".join(flags), found=bool(flags)),
        Place(role="environment", path=", ".join(variables), found=bool(variables)),
        Place(role="file", path=str(nearest), found=bool(own)),
        Place(role="user-file", path=str(mine), found=mine in settings.files),
        Place(role="env-file", path=str(settings.env_file or ""), found=settings.env_file is not None),
        Place(role="database", path=str(settings.database), found=settings.database.exists()),
    ]


def providers_in_use(session: Session) -> list[str]:
    """The providers of `[run] operations` and `[providers]`, and those whose key is at hand."""
    names = dict.fromkeys([*session.profiles.asked(), *session.settings.providers])
    return list(names | {name: None for name in session.profiles.names() if _has_key(session, name)})


def _has_key(session: Session, name: str) -> bool:
    try:
        secret = session.profiles.provider(name).http.auth.secret
    except RunnerError:  # of a provider that the settings name: it is in use
        return False
    return secret is not None and secret.env is not None and session.settings.keys.is_set(secret.env)


def _run(settings: Settings) -> Iterator[Setting]:
    values = settings.run.model_dump(mode="json")
    values["db"] = str(settings.database)
    for key, value in values.items():
        yield Setting(name=f"run.{key}", value=value, origin=origin_of(settings.origins, "run", key))


def _prices(settings: Settings) -> Iterator[Setting]:
    for name, price in settings.prices.items():
        origin = origin_of(settings.origins, "prices", name)
        yield Setting(name=f'prices."{name}"', value=f"{price.amount} {price.currency}", origin=origin)


def _sources(settings: Settings) -> Iterator[Setting]:
    for name, source in settings.sources.items():
        given = source.url
        value = without_password(given) if isinstance(given, str) else settings.keys.whereabouts(given.ref())
        origin = origin_of(settings.origins, "sources", name, "url")
        yield Setting(name=f"sources.{name}.url", value=value, origin=origin)


def _notify(settings: Settings) -> Iterator[Setting]:
    """All of it where any is set. An address may hold a token in its path, a command in its arguments."""
    notify = settings.notify
    if notify == NotifySettings():
        return
    values: dict[str, Any] = {
        "on": [one.value for one in notify.on],
        "webhook": _address(notify.webhook, settings),
        "command": None if notify.command is None else notify.command[0],
        "apprise": _address(notify.apprise, settings),
        "ping_url": _address(notify.ping_url, settings),
        **{f"low_balance.{name}": amount for name, amount in notify.low_balance.items()},
    }
    for key, value in values.items():
        yield Setting(name=f"notify.{key}", value=value, origin=origin_of(settings.origins, "notify", *key.split(".")))


def _address(given: str | SecretTable | None, settings: Settings) -> str | None:
    if given is None:
        return None
    return shown_url(given) if isinstance(given, str) else settings.keys.whereabouts(given.ref())


def _provider(name: str, session: Session) -> Iterator[Setting]:
    try:
        provider = session.profiles.provider(name)
    except RunnerError as error:
        shown = Path(name).stem if name.endswith(".toml") else name
        yield Setting(name=f"providers.{shown}", value=f"cannot be read: {error.what}", origin=BUILT_IN)
        return
    settings = session.settings
    profile = Origin(kind=OriginKind.PROFILE, where=provider.source)
    values = _values(provider, settings)
    for key, place in PROVIDER_KEYS.items():
        origin = _origin(provider, place, settings, default=profile)
        yield Setting(name=f"providers.{provider.name}.{'.'.join(place)}", value=values[key], origin=origin)
    yield _daily(provider, settings)
    for operation in provider.operations.values():
        place = ("operations", operation.name, "price")
        origin = _origin(provider, place, settings, default=profile)
        price = None if operation.price is None else plain(Decimal(operation.price) / MILLION)
        yield Setting(name=f"providers.{provider.name}.{'.'.join(place)}", value=price, origin=origin)


def _daily(provider: Provider, settings: Settings) -> Setting:
    cap = settings.daily_cap(provider.name)
    of_all = origin_of(settings.origins, "run", DAILY)
    return Setting(
        name=f"providers.{provider.name}.{DAILY}",
        value=None if cap is None else plain(Decimal(cap) / MILLION),
        origin=origin_of(settings.origins, "providers", provider.name, DAILY, default=of_all),
    )


def _origin(provider: Provider, place: tuple[str, ...], settings: Settings, *, default: Origin) -> Origin:
    """Of a second account: its own table, then the table of the provider that it extends, then the profile."""
    if provider.base is not None:
        default = origin_of(settings.origins, "providers", provider.base, *place, default=default)
    return origin_of(settings.origins, "providers", provider.name, *place, default=default)


def _values(provider: Provider, settings: Settings) -> dict[str, Any]:
    secret = provider.http.auth.secret
    return {
        "base_url": provider.http.base_url,
        "key": settings.keys.whereabouts(secret) if secret else "none needed",
        "timeout": provider.http.timeout_seconds,
        "limits": [{"at_most": one.at_most, "per_seconds": one.per_seconds} for one in provider.limits],
        "in_flight": provider.in_flight,
        "attempts": provider.retry.attempts,
        "pace": provider.pace.value,
    }
