"""What the batch was loaded and run with: never a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from runner.domain.model import MILLION
from runner.domain.personal import clean, redact, shown_name
from runner.domain.provider import Operation, Provider
from runner.exports.page import Block, Column, Facts, Inline, Table
from runner.work.money import number, plural
from runner.work.report.past import options_text
from runner.work.report.scene import Scene

_KEPT: Final = ("max_requests", "max_spend", "in_doubt", "rate", "in_flight")


def settings(scene: Scene) -> Iterator[Block]:
    """The list, its mapping, kept options, and each provider as its profile says today."""
    info = scene.info
    options = {name: value for name in _KEPT if (value := info.settings.get(name)) is not None}
    if spend := options.get("max_spend"):
        options["max_spend"] = {provider: number(Decimal(amount) / MILLION) for provider, amount in spend.items()}
    pairs: list[tuple[str, tuple[Inline, ...]]] = [
        ("List", (scene.source,)),
        ("Rows", (number(info.rows),)),
        ("Columns", (", ".join(shown_name(clean(name)) for name in info.header),)),
        ("Read from", (_mapping(info.mapping),)),
        ("Set for all", (_set(info.params),)),
        ("Kept options", (options_text(options),)),
    ]
    yield Facts(pairs=tuple((name, parts) for name, parts in pairs if parts[0]))
    profiles = [profile for name in scene.providers if (profile := scene.profile(name)) is not None]
    if profiles:
        yield Table(
            caption="The providers, as their profiles are today",
            columns=tuple(Column(name=name) for name in ("Provider", "Checked", "Limits", "At once", "Price")),
            lines=tuple(
                (
                    f"{profile.title} ({profile.name})",
                    profile.checked,
                    _limits(profile),
                    f"{profile.in_flight}, {profile.pace} pace",
                    _prices(scene, profile),
                )
                for profile in profiles
            ),
        )


def _mapping(mapping: Any) -> str:
    """`email <- E-Mail`."""
    told = []
    for operation, columns in mapping.get("columns", {}).items():
        told += [f"{operation}: {name} <- {shown_name(clean(str(column)))}" for name, column in columns.items()]
    if mapping.get("region"):
        told.append(f"region: {shown_name(clean(str(mapping['region'])))}")
    return ", ".join(told)


def _set(params: Mapping[str, Mapping[str, Any]]) -> str:
    """`defastra.email: label=march`, whoever's name somebody set."""
    each = ((operation, name, redact(str(value))) for operation, mine in params.items() for name, value in mine.items())
    return ", ".join(f"{operation}: {name}={value}" for operation, name, value in each)


def _limits(profile: Provider) -> str:
    limits = [f"{number(one.at_most)} in {number(round(one.per_seconds, 3))} s" for one in profile.limits]
    return ", ".join(limits) or "none stated"


def _prices(scene: Scene, profile: Provider) -> str:
    mine = [one for one in profile.operations.values() if one.key in scene.info.operations]
    return ", ".join(f"{one.name}: {_price(one)}" for one in mine)


def _price(operation: Operation) -> str:
    if operation.price is None:
        return "unknown"
    low, high = operation.price / MILLION, operation.hold / MILLION
    shown = number(low) if low == high else f"{number(low)} to {number(high)}"
    return f"{shown} {plural(operation.unit, high)}"
