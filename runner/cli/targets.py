"""What a command is to work on, as it was typed: a list, or a batch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

from cyclopts import Parameter

from runner.cli.options import STDIN
from runner.domain.personal import shown_name
from runner.domain.typed import typed_file
from runner.errors import BatchError, InputError, UsageError
from runner.work.named import is_file, is_folder

if TYPE_CHECKING:
    from runner.app import Runner

FileOrBatch = Annotated[
    str | None,
    Parameter(
        name="FILE|BATCH",
        help="A list (- is stdin), or a batch by its name or the beginning of it (default: the last one).",
    ),
]


def names_list(target: str | None) -> bool:
    """Whether a target is a list to read, and no batch."""
    return target is not None and (target == STDIN or is_file(target))


def named_list(target: str | None) -> str | BinaryIO | None:
    """What the library is to read: a path, or the bytes of stdin. UsageError: there is no stdin."""
    if target != STDIN:
        return target
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError(
            "there is nothing to read on stdin", why="it is closed", fix="runner run - --batch NAME < FILE"
        )
    return sys.stdin.buffer


def known_batch(library: Runner, target: str | None) -> str:
    """The full name of a batch that is there; None: the one last worked on. BatchError; InputError: a file is meant."""
    try:
        return library.find(target)
    except BatchError as error:
        if target is not None and is_folder(target):
            raise InputError(
                f"{shown_name(target)} is a folder, and no batch of that name is here",
                why="A list is one file.",
                fix=f"ls {typed_file(target)}   (and name one of its files)",
            ) from error
        if target is None or not Path(target).suffix:
            raise
        raise InputError(  # whoever writes an ending means a file
            f"there is no file {shown_name(target)}, and no batch of that name",
            why="A list is read where it lies; a batch is known by its name, or by the file it came from.",
            fix=f"ls {typed_file(str(Path(target).parent))}   (the files there), or runner status   (the batches here)",
        ) from error
