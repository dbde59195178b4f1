"""`[providers.acme] extends = "defastra"`: a second account of a provider, with a lane, a key and windows of its own.

Its columns keep the base's name: who moves to another key finds the same columns in the list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from runner.domain.provider import Provider
from runner.domain.typed import toml_key
from runner.errors import ProfileError
from runner.providers.draft import table_at
from runner.providers.loader import Source, load_source, looks_like_a_file, read_source, shipped_names
from runner.providers.mistakes import Mistakes, near, quoted
from runner.providers.overrides import lay_over

EXTENDS: Final = "extends"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def load_account(
    name: str,
    table: Mapping[str, Any],
    *,
    accounts: Collection[str],
    below: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Provider:
    """The provider `name` from `[providers.NAME]` with `extends`; the rest of the table is laid over the base as it is
    here: with its own `[providers.BASE]`, which `below` holds by name. `accounts`: the names of all tables with
    `extends`.

    ProfileError: no such base, a name that is taken, a key that is the base's, or mistakes in the table.
    """
    source = account_source(name, table, accounts=accounts, below=below)
    provider = load_source(source)
    return replace(
        provider,
        name=name,
        title=provider.title if "title" in source.overrides else f"{provider.title} ({name})",
        operations={key: replace(one, provider=name) for key, one in provider.operations.items()},
        base=provider.name,
    )


def account_source(
    name: str,
    table: Mapping[str, Any],
    *,
    accounts: Collection[str],
    below: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Source:
    """The base's profile with the account's table laid over it, unchecked. ProfileError: no such base."""
    base = _base(name, table[EXTENDS], accounts)
    if table[EXTENDS] in below:  # who sends the base elsewhere, or more slowly, means its other accounts too
        base = replace(base, tables=lay_over(base.tables, below[table[EXTENDS]]))

    def check(mistakes: Mistakes) -> None:
        _check_name(name, mistakes)
        _check_key(base, mistakes)

    return replace(
        base,
        target=name,
        overrides={key: value for key, value in table.items() if key != EXTENDS},
        overrides_file=f"[providers.{toml_key(name)}]",
        check_more=check,
    )


def _base(name: str, extends: Any, accounts: Collection[str]) -> Source:
    if isinstance(extends, str) and (looks_like_a_file(extends) or extends in shipped_names()):
        return read_source(extends)
    known = shipped_names()
    if isinstance(extends, str) and extends in accounts:
        why = f"{extends} is an account itself: name what it extends."
    elif isinstance(extends, str):
        why = f"No provider is called {quoted(extends)}{near(extends, known)}. Known are {', '.join(known)}."
    else:
        why = "It takes a provider's name, or the path of a profile file."
    raise ProfileError(
        f"[providers.{toml_key(name)}] extends what cannot be extended",
        why=why,
        fix=f'put this into runner.toml:\n[providers.{toml_key(name)}]\nextends = "{known[0]}"',
    )


def _check_name(name: str, mistakes: Mistakes) -> None:
    if name in shipped_names():
        mistakes.add_override((EXTENDS,), f"{name} is the name of a provider that is shipped: give the account another")
    elif not _NAME.fullmatch(name):
        mistakes.add_override((), "an account's name has a-z, 0-9 and _ alone, beginning with a letter")


def _check_key(base: Source, mistakes: Mistakes) -> None:
    """Limits and wallet belong to the account: two lanes on one key would send twice as fast as it allows."""
    http_before, http_after = (table_at(tables, "http") or {} for tables in (base.tables, mistakes.tables))
    before, after = (table_at(http, "auth") or {} for http in (http_before, http_after))
    if not after:
        if http_after.get("base_url") == http_before.get("base_url"):
            mistakes.add_override(("http", "base_url"), "without a key only another address is another account")
    elif after.get("secret") == before.get("secret"):
        example = 'secret = { env = "..." }'
        mistakes.add_override(
            ("http", "auth", "secret"), f"the same key is the same account: name another, as in {example}"
        )
