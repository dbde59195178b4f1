"""Profiles read from TOML, checked whole, compiled. The one way to a `Provider`.

A profile is refused with all its mistakes at once (`ProfileError`, one a line: file, key, hint).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from runner.domain.provider import Provider
from runner.errors import ProfileError
from runner.providers.checks import check_examples_lead, check_rules
from runner.providers.compile import compile_provider
from runner.providers.draft import list_at, read_draft
from runner.providers.mistakes import Mistakes, near
from runner.providers.operation_checks import check_operations
from runner.providers.overrides import apply_overrides

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A profile as it is written, before anything is checked."""

    text: str
    tables: Mapping[str, Any]
    source: str  # for messages: "defastra.toml", or the path as it was given
    target: str = ""  # on the command line, where that is another word


def shipped_names() -> tuple[str, ...]:
    """The providers that come with the runner, sorted."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Provider:
    """A shipped provider by its name, or a file of one's own by its path (ends in `.toml`, or holds a separator).

    `overrides`: the tables of `[providers.NAME]` in runner.toml, laid over it. ProfileError: no such profile, or wrong.
    """
    source = read_source(name_or_path)
    return load_tables(source.tables, source.source, overrides, target=source.target)


def looks_like_a_file(name_or_path: str | Path) -> bool:
    """Whether a profile file is meant and not a shipped name."""
    text = str(name_or_path)
    return isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text


def read_source(name_or_path: str | Path) -> Source:
    """A profile's text and tables, unchecked. ProfileError: no such profile, unreadable, or no TOML."""
    return _file(name_or_path) if looks_like_a_file(name_or_path) else _shipped(str(name_or_path))


def load_shipped(name: str, overrides: Mapping[str, Any] | None = None) -> Provider:
    """A provider that comes with the runner. ProfileError: there is none of that name, or the overrides are wrong."""
    source = _shipped(name)
    return load_tables(source.tables, source.source, overrides, target=name)


def load_file(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Provider:
    """A profile of one's own; it inherits nothing. ProfileError: unreadable, or wrong."""
    source = _file(path)
    return load_tables(source.tables, source.source, overrides)


def _shipped(name: str) -> Source:
    names = shipped_names()
    if name not in names:
        raise ProfileError(
            f"there is no provider {name!r}{near(name, names)}",
            why=f"These come with the runner: {', '.join(names)}.",
            fix="name one of them, or a profile of your own by its path: -p ./mine.toml:operation",
        )
    data = (resources.files(__package__) / f"{name}.toml").read_bytes()
    return _parse(data, f"{name}.toml", target=name)


def _file(path: str | Path) -> Source:
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ProfileError(
            f"the profile {path} cannot be read",
            why=f"{error.strerror or type(error).__name__}.",
            fix="check the path: -p ./mine.toml:operation",
        ) from error
    return _parse(data, str(path))


def load_tables(
    tables: Mapping[str, Any],
    source: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    target: str = "",
    place: str | None = None,
    check_more: Callable[[Mistakes], None] | None = None,
) -> Provider:
    """A profile from its parsed tables. `source` names it in messages, `target` (or `source`) on the command line,
    `place` the table of the overrides; `check_more` adds mistakes of its own to those that are told at once.
    """
    laid_over = overrides or NOTHING
    mistakes = Mistakes(
        file=source,
        tables=_with_fitting_examples(apply_overrides(tables, laid_over), laid_over),
        overrides=laid_over,
        overrides_file=place or f"[providers.{tables.get('name', '')}]",
    )
    for key in ("schema", "name"):
        if key in laid_over:
            mistakes.add((key,), "belongs to the profile: it cannot be overridden")
    draft = read_draft(mistakes)
    check_operations(mistakes)
    check_rules(draft, mistakes)
    check_examples_lead(draft, mistakes)
    if check_more is not None:
        check_more(mistakes)
    where = f"{mistakes.overrides_file} in runner.toml" if laid_over or place else source
    mistakes.refuse_if_any(fix=f"edit {where}, then check it: runner providers test {target or source}")
    if draft.top is None or draft.http is None:
        raise AssertionError("a table that cannot be read is a mistake")
    return compile_provider(
        draft.top,
        draft.http,
        draft.operations,
        [one.rule for one in draft.rules],
        [one.example for one in draft.examples],
        source=source,
    )


def _with_fitting_examples(tables: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Rules of runner.toml replace the profile's; its examples stay for those that are still there by name."""
    if "rules" not in overrides or "examples" in overrides:
        return tables
    names = [rule.get("name") for rule in list_at(tables, "rules") if isinstance(rule, dict)]
    return tables | {"examples": [one for one in list_at(tables, "examples") if one.get("rule") in names]}


def _parse(data: bytes, source: str, *, target: str = "") -> Source:
    try:
        text = data.decode("utf-8-sig")
        return Source(text=text, tables=tomllib.loads(text), source=source, target=target)
    except UnicodeDecodeError as error:
        why = f"{source}: it is not UTF-8 text (byte {error.start + 1})"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = f"{source}: it is not TOML: {error}"
    raise ProfileError(f"the profile {source} cannot be read", why=why, fix=f"edit {source}")
