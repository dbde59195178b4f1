"""A group of pieces as one transaction: together first; one by one, each in its savepoint, when one of them is bad."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from runner.store.database import ends_transaction, store_error

T = TypeVar("T")
A = TypeVar("A")
Piece = Callable[[sa.Connection], T]
Many = Callable[[sa.Connection, Sequence[A]], Sequence[T]]
"""Does the same for each argument and answers one by one; raises if any of them cannot be done."""


class Waiting(NamedTuple):
    """A piece that somebody waits for."""

    piece: Piece[Any]  # does it alone
    future: asyncio.Future[Any]
    many: Many[Any, Any] | None = None  # does it together with others of its kind
    argument: Any = None
    sends: bool = False  # a request follows it: refused once the disk is full


class Done(NamedTuple):
    """What a piece came to."""

    value: Any = None
    error: BaseException | None = None


def run_group(connection: sa.Connection, group: Sequence[Waiting], path: Path) -> list[Done]:
    """Begin, and do all of it; the caller commits. A failing piece, whatever its error, fails alone.

    Raises the error of SQLite that ends the whole transaction, or keeps it from beginning.
    """
    connection.begin()
    try:
        return _together(connection, group)
    except Exception as error:
        if ends_transaction(error):
            raise
        connection.rollback()
        if len(group) == 1:
            return [Done(error=_of_piece(error, path))]
    # Savepoints cost every piece two statements, so they are taken only when a group has a bad one.
    connection.begin()
    return [_alone(connection, waiting.piece, path) for waiting in group]


def _together(connection: sa.Connection, group: Sequence[Waiting]) -> list[Done]:
    kinds: dict[Many[Any, Any], list[int]] = {}
    for position, waiting in enumerate(group):
        if waiting.many is not None:
            kinds.setdefault(waiting.many, []).append(position)
    done: dict[int, Done] = {}
    for many, positions in kinds.items():
        results = many(connection, [group[position].argument for position in positions])
        done.update((position, Done(result)) for position, result in zip(positions, results, strict=True))
    for position, waiting in enumerate(group):
        if waiting.many is None:
            done[position] = Done(waiting.piece(connection))
    return [done[position] for position in range(len(group))]


def _alone(connection: sa.Connection, piece: Piece[Any], path: Path) -> Done:
    savepoint = connection.begin_nested()
    try:
        value = piece(connection)
    except Exception as error:  # as above
        if ends_transaction(error):
            raise
        savepoint.rollback()
        return Done(error=_of_piece(error, path))
    savepoint.commit()
    return Done(value)


def _of_piece(error: Exception, path: Path) -> Exception:
    return store_error(error, path) if isinstance(error, sa.exc.DBAPIError) else error
