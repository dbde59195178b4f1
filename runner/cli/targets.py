"""What a command is to work on, as it was typed: a list, or a batch."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.domain.personal import shown_name
from runner.errors import BatchError, InputError

if TYPE_CHECKING:
    from runner.app import Runner

FileOrBatch = Annotated[
    str | None,
    Parameter(
        name="FILE|BATCH", help="A CSV file, or a batch by its name or the beginning of it (default: the last one)."
    ),
]


def known_batch(library: Runner, target: str | None) -> str:
    """The full name of a batch that is there; None: the one last worked on. BatchError; InputError: a file is meant."""
    try:
        return library.find(target)
    except BatchError as error:
        if target is None or not Path(target).suffix:
            raise
        raise InputError(  # whoever writes an ending means a file
            f"there is no file {shown_name(target)}, and no batch of that name",
            why="A list is read where it lies; a batch is known by its name, or by the file it came from.",
            fix=f"ls {quote(str(Path(target).parent))}   (the files there), or runner status   (the batches here)",
        ) from error
