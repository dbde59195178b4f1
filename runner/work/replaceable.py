"""What an output may take the place of: a file that the batch wrote itself, or that its user gives up. Never one that
the work is done with."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from runner.errors import BatchError, UsageError
from runner.exports import format_of
from runner.settings import FILE_NAME, Settings
from runner.store.companions import companions, is_database
from runner.store.values import BatchInfo
from runner.work.hiding import secret_refs
from runner.work.naming import generation
from runner.work.tools import Tools

CSV: Final = ".csv"
ENV_FILE: Final = ".env"  # what `init` writes, whether or not it is named


def check_target(info: BatchInfo, target: Path, *, overwrite: bool, tools: Tools, suffix: str = "") -> None:
    """BatchError when the target is the list itself or another file that the work is done with, whatever `overwrite`
    says; when it is a folder, out of reach, or a file this batch did not write. UsageError when its name promises a
    format that cannot be written. `suffix`: of a file that is no export, and may have any name.
    """
    source = info.source.get("path")
    use = _in_use(target, [info], tools.settings) or (_secret(target, tools) if overwrite else None)
    _check_place(target, [Path(source)] if source else [], use=use, name=info.name, suffix=suffix)
    if overwrite or not target.exists() or flows(target):
        return
    known: Mapping[str, Any] = (info.delivered or {}).get("files", {})
    if not _is_ours(target, known.get(str(target.absolute()))):
        raise _foreign(target, info.name, suffix)


def check_output(
    target: Path,
    *,
    lists: Sequence[Path],
    batch: str | None,
    overwrite: bool,
    settings: Settings,
    batches: Callable[[], Iterable[BatchInfo]],
) -> None:
    """What can be told of a target before its list is a batch, with the errors of `check_target`: nothing is loaded for
    an output that cannot be. `batch`: the name it will have, if it is given one; `batches`: those that are there."""
    stem = lists[0].name.partition(".")[0] if lists else ""
    _check_place(target, lists, use=_in_use(target, (), settings), name=batch or f"{stem or 'leads'}.out", suffix="")
    if overwrite or not target.exists() or flows(target):
        return
    own = (info for info in batches() if batch is None or generation(batch, info.name) is not None)
    if not any(str(target.absolute()) in (info.delivered or {}).get("files", {}) for info in own):
        raise _foreign(target, batch or "any batch here", "")


def _check_place(target: Path, lists: Iterable[Path], *, use: str | None, name: str, suffix: str) -> None:
    """`use`: what the target is to the work; `name`: of the file that is proposed, without its ending."""
    if any(_is_same(target, one) for one in lists):
        raise BatchError(
            "the list itself would be replaced",
            why=f"{target} is what the batch was read from.",
            fix=f"-o {_beside(target, '.out', suffix)}",
        )
    if use is not None:
        raise BatchError(
            f"{target} is {use}",
            why="No output takes its place, not even with --overwrite.",
            fix=f"-o {shlex.quote(f'{name}{suffix or CSV}')}",
        )
    if target.is_dir():
        raise BatchError(
            f"{target} is a folder",
            why="An export is one file.",
            fix=f"-o {shlex.quote(str(target / f'{name}{suffix or CSV}'))}",
        )
    if not suffix:
        format_of(target)
    if not target.exists() or target.is_file():  # a pipe or a device is written to where it is
        _check_folder(target.resolve().parent)


def _foreign(target: Path, name: str, suffix: str) -> BatchError:
    return BatchError(
        f"{target} exists and was not written by {name}",
        why="It may hold somebody's work, or was changed since.",
        fix=f"-o {_beside(target, '-2', suffix)}, or --overwrite, which loses what is in it",
    )


def _beside(target: Path, more: str, suffix: str) -> str:
    """Another name for it, as one types it: `leads.csv.gz` -> `leads.out.csv.gz`; an ending that cannot be written is
    replaced by one that can."""
    ending = "".join(target.suffixes[-2:]) if target.suffix.lower() == ".gz" else target.suffix
    stem = target.name.removesuffix(ending)
    if not suffix:
        try:
            format_of(target)
        except UsageError:
            ending = CSV
    return shlex.quote(f"{stem}{more}{suffix or ending}")


def check_log(file: Path, infos: Collection[BatchInfo], tools: Tools) -> None:
    """BatchError: lines of a log would spoil the list of one of these batches, its output, or what the work needs."""
    if not file.is_file() or not file.stat().st_size:
        return
    lists = (Path(info.source["path"]) for info in infos if info.source.get("path"))
    outputs = (Path(path) for info in infos for path in (info.delivered or {}).get("files", {}))
    if any(_is_same(file, one) for one in lists):
        what: str | None = "the list"
    elif any(_is_same(file, one) for one in outputs):
        what = "where the rows go"
    else:
        what = _in_use(file, infos, tools.settings) or _secret(file, tools)
    if what is not None:
        raise BatchError(
            f"the log would be written into {file.name}", why=f"It is {what}.", fix="--log-file runner.log"
        )


def check_profile(file: Path, settings: Settings) -> None:
    """UsageError: a new profile would be read as something else: as settings, here or in any folder, or for what the
    work is done with."""
    found = (what for what, files in _needed((), settings) if any(_is_same(file, one) for one in files))
    # A disk that takes `Runner.toml` for the same file finds it too.
    what = "read as settings" if Path(os.path.realpath(file)).name.lower() == FILE_NAME else next(found, None)
    if what is not None:
        raise UsageError(f"{file} is no place for a profile", why=f"It is {what}.", fix="-o FILE.toml")


def _in_use(target: Path, infos: Iterable[BatchInfo], settings: Settings) -> str | None:
    """What a file is to the work, if it is anything."""
    for what, files in _needed(infos, settings):
        if any(_is_same(target, file) for file in files):
            return what
    return "a database" if is_database(target) else None


def _secret(target: Path, tools: Tools) -> str | None:
    """What a file is that is there and holds a secret."""
    held = target.is_file() and any(_is_same(target, file) for file in _secret_files(tools))
    return "where a secret is kept" if held else None


def _needed(infos: Iterable[BatchInfo], settings: Settings) -> Iterator[tuple[str, Iterable[Path]]]:
    yield "the database, or belongs to it", companions(settings.database)
    yield "a file of settings", (settings.directory / FILE_NAME, *settings.files)
    env_file = () if settings.env_file is None else (settings.env_file,)
    yield "where keys are kept", (settings.directory / ENV_FILE, *env_file)
    profiles = (path for info in infos for path in info.source.get("profiles", {}).values())
    yield "a provider's profile", map(Path, profiles)


def _secret_files(tools: Tools) -> Iterator[Path]:
    for ref in secret_refs(tools.settings, tools.profiles, tools.store.reports.batches):
        if ref.file:
            yield tools.settings.keys.file(ref.file)


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, by whatever names, or would."""
    with suppress(OSError):  # one of them is not there
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise BatchError(
            f"there is no folder {folder}",
            why="An export makes a file only.",
            fix=f"mkdir -p {shlex.quote(str(folder))}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BatchError(
            f"nothing can be written in {folder}",
            why="You may not make files there.",
            fix="-o FILE in another folder; or -o none, and runner export later",
        )


def flows(target: Path) -> bool:
    """A pipe, a terminal, /dev/null: nothing lies there that could be lost, or read again."""
    try:
        mode = target.stat().st_mode
    except OSError:  # not there
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def mark(path: Path) -> dict[str, Any]:
    """What a written file is known by: size, time of change, SHA-256."""
    seen = path.stat()
    return {"size": seen.st_size, "mtime_ns": seen.st_mtime_ns, "sha256": _digest(path)}


def _is_ours(path: Path, known: Mapping[str, Any] | None) -> bool:
    """Unchanged since we wrote it: the same time says so without reading, else the content decides."""
    if known is None:
        return False
    seen = path.stat()
    if seen.st_size == known["size"] and (seen.st_mtime_ns == known["mtime_ns"] or _digest(path) == known["sha256"]):
        return True
    return _is_ours(path, known.get("before"))  # an export was cut off before, or after, it replaced the file


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
