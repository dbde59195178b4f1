"""Profiles read from TOML, checked whole, compiled. The one way to a `Provider`.

A profile is refused with all its mistakes at once (`ProfileError`, one a line: file, key, hint).
"""

from __future__ import annotations

import errno
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from runner.domain.provider import Provider
from runner.domain.typed import typed_file
from runner.errors import ProfileError
from runner.in_use import is_in_use
from runner.providers.checks import check_examples_lead, check_rules
from runner.providers.compile import compile_provider
from runner.providers.draft import Draft, list_at, read_draft
from runner.providers.http_checks import check_http
from runner.providers.mistakes import Mistakes, near
from runner.providers.operation_checks import check_operations
from runner.providers.overrides import lay_over

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A profile as it is written, before anything is checked, and what is laid over it."""

    text: str
    tables: Mapping[str, Any]
    source: str  # for messages: "defastra.toml", or the path as it was given
    target: str  # on the command line: a name, or the path
    overrides: Mapping[str, Any]  # of runner.toml
    overrides_file: str  # for messages: "[providers.defastra]"
    check_more: Callable[[Mistakes], None] | None = None  # mistakes that only this way of loading knows

    def fix(self) -> str:
        """The edit that mends its mistakes, and the command that checks it."""
        changed = bool(self.overrides) or self.check_more is not None
        where = f"{self.overrides_file} in runner.toml" if changed else self.source
        if changed and self.check_more is None and looks_like_a_file(self.target):
            where = f"{self.source}, or {where}"  # each mistake names the one that it is in
        return f"edit {where}, then check it: runner providers test {typed_file(self.target)}"


def shipped_names() -> tuple[str, ...]:
    """The providers that come with the runner, sorted."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def looks_like_a_file(name_or_path: str | Path) -> bool:
    """Whether a profile file is meant and not a shipped name."""
    text = str(name_or_path)
    return isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text


def load(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Provider:
    """A shipped provider by its name, or a file of one's own by its path (ends in `.toml`, or holds a separator).

    `overrides`: the tables of `[providers.NAME]` in runner.toml, laid over it. ProfileError: no such profile, or wrong.
    """
    return load_source(read_source(name_or_path, overrides))


def load_shipped(name: str, overrides: Mapping[str, Any] | None = None) -> Provider:
    """A provider that comes with the runner. ProfileError: there is none of that name, or the overrides are wrong."""
    return load_source(_shipped(name, overrides))


def load_file(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Provider:
    """A profile of one's own; it inherits nothing. ProfileError: unreadable, or wrong."""
    return load_source(_file(path, overrides))


def load_tables(tables: Mapping[str, Any], source: str, overrides: Mapping[str, Any] | None = None) -> Provider:
    """A profile from its parsed tables; `source` names it in messages."""
    return load_source(_source("", tables, source, overrides))


def read_source(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Source:
    """A profile's text and tables, unchecked. ProfileError: no such profile, unreadable, or no TOML."""
    if looks_like_a_file(name_or_path):
        return _file(name_or_path, overrides)
    return _shipped(str(name_or_path), overrides)


def load_source(source: Source) -> Provider:
    """Check and compile. ProfileError with all mistakes."""
    draft, mistakes = examine(source)
    mistakes.refuse_if_any(fix=source.fix())
    if draft.top is None or draft.http is None:
        raise AssertionError("a table that cannot be read is a mistake")
    return compile_provider(
        draft.top,
        draft.http,
        draft.operations,
        [one.rule for one in draft.rules],
        [one.example for one in draft.examples],
        source=source.source,
    )


def examine(source: Source) -> tuple[Draft, Mistakes]:
    """Everything that can be read of a profile, and everything that is wrong with it."""
    laid_over = source.overrides
    mistakes = Mistakes(
        file=source.source,
        tables=_with_fitting_examples(lay_over(source.tables, laid_over), laid_over),
        overrides=laid_over,
        overrides_file=source.overrides_file,
    )
    for key in ("schema", "name"):
        if key in laid_over:
            mistakes.add((key,), "belongs to the profile: it cannot be overridden")
    draft = read_draft(mistakes)
    check_http(mistakes)
    check_operations(mistakes)
    check_rules(draft, mistakes)
    check_examples_lead(draft, mistakes)
    if source.check_more is not None:
        source.check_more(mistakes)
    return draft, mistakes


def _shipped(name: str, overrides: Mapping[str, Any] | None) -> Source:
    names = shipped_names()
    if name not in names:
        raise ProfileError(
            f"there is no provider {name!r}{near(name, names)}",
            why=f"These come with the runner: {', '.join(names)}.",
            fix="name one of them, or a profile of your own by its path: -p ./mine.toml:operation",
        )
    data = (resources.files(__package__) / f"{name}.toml").read_bytes()
    return _parse(data, f"{name}.toml", overrides, target=name)


def _file(path: str | Path, overrides: Mapping[str, Any] | None) -> Source:
    try:
        data = _bytes(path)
    except OSError as error:
        folder = next((one for one in Path(path).parents if one.is_dir()), Path())
        raise ProfileError(
            f"the profile {path} cannot be read",
            why=f"{error.strerror or type(error).__name__}.",
            fix=f"ls {typed_file(str(folder))}   (the files there), or runner providers list   (those without a file)",
        ) from error
    return _parse(data, str(path), overrides)


def _bytes(path: str | Path) -> bytes:
    if is_in_use(path):
        raise OSError(errno.EBUSY, "It is a database, and open here")
    return Path(path).read_bytes()


def _with_fitting_examples(tables: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Rules of runner.toml replace the profile's; its examples stay for those that are still there by name."""
    if "rules" not in overrides or "examples" in overrides:
        return tables
    names = [rule.get("name") for rule in list_at(tables, "rules") if isinstance(rule, dict)]
    return tables | {"examples": [one for one in list_at(tables, "examples") if one.get("rule") in names]}


def _parse(data: bytes, source: str, overrides: Mapping[str, Any] | None, *, target: str = "") -> Source:
    try:
        text = data.decode("utf-8-sig")
        return _source(text, tomllib.loads(text), source, overrides, target=target)
    except UnicodeDecodeError as error:
        why = f"{source}: it is not UTF-8 text (byte {error.start + 1})"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = f"{source}: it is not TOML: {error}"
    raise ProfileError(f"the profile {source} cannot be read", why=why, fix=f"edit {source}")


def _source(
    text: str, tables: Mapping[str, Any], source: str, overrides: Mapping[str, Any] | None, *, target: str = ""
) -> Source:
    return Source(
        text=text,
        tables=tables,
        source=source,
        target=target or source,
        overrides=overrides or NOTHING,
        overrides_file=f"[providers.{tables.get('name', '')}]",
    )
