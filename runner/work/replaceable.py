"""What an output may take the place of: a file that the batch wrote itself, or that its user gives up. Never one that
the work is done with; and lines of a log are put into none either."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from runner.errors import BatchError, UsageError
from runner.exports import format_of
from runner.exports.target import longest_name
from runner.settings import Settings
from runner.store.values import BatchInfo
from runner.work.hiding import Batches
from runner.work.named import is_file, is_folder, is_there
from runner.work.naming import generation
from runner.work.needed import in_use, is_same, list_in_use, profile_in_use, secret_in_use
from runner.work.outputs import AUTO, NONE, STDOUT, settle_target
from runner.work.profiles import Profiles
from runner.work.tools import Tools

CSV: Final = ".csv"
_OF_LISTS: Final = frozenset({".csv", ".tsv", ".gz", ".jsonl", ".ndjson", ".json", ".xlsx", ".xls", ".ods", ".parquet"})
_OF_OTHERS: Final = _OF_LISTS | {".toml", ".env"}
_RECORD: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
_RECORD_BYTES: Final = 21


def check_target(info: BatchInfo, target: Path, *, overwrite: bool, tools: Tools, suffix: str = "") -> None:
    """BatchError when the target is the list itself or another file that the work is done with, whatever `overwrite`
    says; when it is a folder, out of reach, or a file this batch did not write. UsageError when its name promises a
    format that cannot be written. `suffix`: of a file that is no export, and may have any name.
    """
    source = info.source.get("path")
    infos = tools.store.reports.batches()
    use = in_use(target, tools.settings) or profile_in_use(target, infos, tools.settings)
    if use is None and overwrite and is_file(target):
        use = secret_in_use(target, tools.settings, tools.profiles, lambda: infos)
    _check_place(target, [Path(source)] if source else [], use=use, name=info.name, suffix=suffix)
    if not is_there(target) or flows(target):
        return
    if not any(_is_unchanged(target, known) for known in _known(info, target, suffix)):
        _check_foreign(target, infos, overwrite=overwrite, name=info.name, suffix=suffix)


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
    name = batch or f"{(lists[0].name.partition('.')[0] if lists else '') or 'leads'}.out"
    loses = is_there(target) and not flows(target)
    infos = list(batches()) if loses else []
    use = in_use(target, settings) or profile_in_use(target, infos, settings)
    _check_place(target, lists, use=use, name=name, suffix="")
    if not loses:
        return
    own = (info for info in infos if batch is None or generation(batch, info.name) is not None)
    if not any(any(_known(info, target, "")) for info in own):
        _check_foreign(target, infos, overwrite=overwrite, name=name, by=batch or "any batch here")


def _check_place(target: Path, lists: Iterable[Path], *, use: str | None, name: str, suffix: str) -> None:
    """`use`: what the target is to the work; `name`: of the file that is proposed, without its ending."""
    if any(is_same(target, one) for one in lists):
        raise BatchError(
            "the list itself would be replaced",
            why=f"{target} is what the batch was read from.",
            fix=f"-o {_beside(target, '.out', suffix)}",
        )
    if use is not None:
        raise _needed(target, use, f"{name}{suffix or CSV}")
    if is_folder(target):
        raise BatchError(
            f"{target} is a folder",
            why="An export is one file.",
            fix=f"-o {shlex.quote(str(target / f'{name}{suffix or CSV}'))}",
        )
    if not suffix:
        format_of(target)
    if not is_there(target) or is_file(target):  # a pipe or a device is written to where it is
        _check_folder(target.resolve(), f"{name}{suffix or CSV}")


def _check_foreign(
    target: Path, infos: Iterable[BatchInfo], *, overwrite: bool, name: str, suffix: str = "", by: str = ""
) -> None:
    """A file that the work did not write is given up by `overwrite` alone, the list of another batch by nothing.
    `by`: who did not write it, where that is not the batch called `name`."""
    if (use := list_in_use(target, infos)) is not None:
        raise _needed(target, use, f"{name}{suffix or CSV}")
    if not overwrite:
        raise BatchError(
            f"{target} exists and was not written by {by or name}",
            why="It may hold somebody's work, or was changed since.",
            fix=f"-o {_beside(target, '-2', suffix)}, or --overwrite, which loses what is in it",
        )


def _needed(target: Path, use: str, proposed: str) -> BatchError:
    return BatchError(
        f"{target} is {use}",
        why="No output takes its place, not even with --overwrite.",
        fix=f"-o {shlex.quote(proposed)}",
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


def check_log(
    file: Path,
    *,
    lists: Iterable[Path],
    output: Path | None,
    settings: Settings,
    profiles: Profiles,
    batches: Batches,
) -> None:
    """UsageError: lines of a log would spoil a list, an output, or what the work needs, be it there or not yet.
    `lists`, `output`: what is named beside it; `batches`: those that are there."""
    if flows(file):
        return
    if any(is_same(file, one) for one in lists):
        raise _no_log(file, "named as the list, too")
    if output is not None and is_same(file, output):
        raise _no_log(file, "where the rows go")
    infos = list(batches())
    for info in infos:
        if any(is_same(file, one) for one in _outputs(info, settings)):
            raise _no_log(file, f"where the rows of {info.name} go")
    what = list_in_use(file, infos) or in_use(file, settings) or profile_in_use(file, infos, settings)
    what = what or secret_in_use(file, settings, profiles, lambda: infos)
    if what is None and _is_of_others(file):
        what = "named as a list or settings are, and holds something else than a log"
    if what is not None:
        raise _no_log(file, what)


def _no_log(file: Path, what: str) -> UsageError:
    return UsageError(f"the log would be written into {file.name}", why=f"It is {what}.", fix="--log-file runner.log")


def _outputs(info: BatchInfo, settings: Settings) -> Iterator[Path]:
    """Where a batch's rows go, and went."""
    kept = settle_target(info, AUTO, settings.directory)
    if kept not in (None, NONE, STDOUT):
        yield Path(kept)
    yield from map(Path, (info.delivered or {}).get("files", {}))


def _is_of_others(file: Path) -> bool:
    """Whether a file's name says that lines of a log would spoil it. One of any other name may be shared with other
    programs."""
    if not _OF_OTHERS & {file.suffix.lower(), file.name.lower()} or not is_file(file):
        return False
    with suppress(OSError), file.open("rb") as opened:
        head = opened.read(_RECORD_BYTES)
        return bool(head) and _RECORD.match(head) is None
    return False


def check_profile(file: Path, settings: Settings) -> None:
    """UsageError: a new profile would be read as something else: as settings, here or in any folder, or for what the
    work is done with."""
    if (what := in_use(file, settings)) is not None:
        raise UsageError(f"{file} is no place for a profile", why=f"It is {what}.", fix="-o FILE.toml")


def _check_folder(real: Path, proposed: str) -> None:
    folder = real.parent
    if not is_folder(folder):
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
    size, most = len(os.fsencode(real.name)), longest_name(folder)
    if size > most:
        raise BatchError(
            "the name of the output is too long",
            why=f"It has {size} bytes. {most} are the most there: the file has a longer name until it is whole.",
            fix=f"-o {shlex.quote(proposed)}",
        )


def flows(target: Path) -> bool:
    """A pipe, a terminal, /dev/null: nothing lies there that could be lost, or read again."""
    try:
        mode = target.stat().st_mode
    except OSError:  # not there
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def mark(path: Path, *, suffix: str) -> dict[str, Any]:
    """What a written file is known by: size, time of change, SHA-256; and by `suffix`, as which kind of file."""
    seen = path.stat()
    return {"size": seen.st_size, "mtime_ns": seen.st_mtime_ns, "sha256": _digest(path), "suffix": suffix}


def _known(info: BatchInfo, target: Path, suffix: str) -> Iterator[Mapping[str, Any]]:
    """What a batch knows its files in this place by, but for those of another kind: rows take the place of no page."""
    known = (info.delivered or {}).get("files", {}).get(str(target.absolute()))
    while known is not None:
        if known.get("suffix", suffix) == suffix:  # a mark without one is of before there were any
            yield known
        known = known.get("before")  # an export was cut off before, or after, it replaced the file


def _is_unchanged(path: Path, known: Mapping[str, Any]) -> bool:
    """Since we wrote it: the same time says so without reading, else the content decides."""
    seen = path.stat()
    if seen.st_size != known["size"]:
        return False
    return bool(seen.st_mtime_ns == known["mtime_ns"] or _digest(path) == known["sha256"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
