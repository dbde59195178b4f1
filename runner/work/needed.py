"""What a file is to the work that is done here, in words, if it is anything: then it is no place for rows or a log."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from runner.settings import FILE_NAME, Settings
from runner.store.companions import companions, is_database
from runner.store.values import BatchInfo
from runner.work.hiding import Batches, secret_refs
from runner.work.profile_files import ProfileFiles, no_batches
from runner.work.profiles import Profiles

ENV_FILE: Final = ".env"  # what `init` writes, whether or not it is named
_SETTINGS: Final = "a file of settings"


def in_use(target: Path, settings: Settings) -> str | None:
    """The database, the settings, the file of keys, be it there or not; or any other database."""
    # In whatever folder: it is read there. A disk that takes `Runner.toml` for the same file finds it, too.
    if Path(os.path.realpath(target)).name.lower() == FILE_NAME:
        return _SETTINGS
    env_file = () if settings.env_file is None else (settings.env_file,)
    needed: tuple[tuple[str, Iterable[Path]], ...] = (
        ("the database, or belongs to it", companions(settings.database)),
        (_SETTINGS, settings.files),
        ("where keys are kept", (settings.directory / ENV_FILE, *env_file)),
    )
    for what, files in needed:
        if any(is_same(target, file) for file in files):
            return what
    return "a database" if is_database(target) else None


def profile_in_use(target: Path, infos: Iterable[BatchInfo], settings: Settings) -> str | None:
    """A profile that a batch was loaded with, or that the settings name: without it neither goes on."""
    of_batches = (path for info in infos for path in info.source.get("profiles", {}).values())
    files = (*of_batches, *ProfileFiles(settings, no_batches).of_settings())
    return "a provider's profile" if any(is_same(target, Path(file)) for file in files) else None


def list_in_use(target: Path, infos: Iterable[BatchInfo]) -> str | None:
    """The list of a batch: it is told from another by what is in it, and may get more rows."""
    for info in infos:
        if info.source.get("path") and is_same(target, Path(info.source["path"])):
            return f"the list of {info.name}"
    return None


def secret_in_use(target: Path, settings: Settings, profiles: Profiles, batches: Batches) -> str | None:
    """A file that holds a secret, or will."""
    refs = secret_refs(settings, profiles, batches)
    held = any(is_same(target, settings.keys.file(ref.file)) for ref in refs if ref.file)
    return "where a secret is kept" if held else None


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, by whatever names, or would."""
    with suppress(OSError):  # one of them is not there
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)
