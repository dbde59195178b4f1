"""How the columns of our tables are made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa


def one_of(column: str, values: Iterable[str], *, name: str | None = None) -> sa.CheckConstraint:
    """A CHECK that the column holds one of these words.

    Not written as IN: of more than two words SQLite makes a table for it, anew for each line it writes, which costs
    three times as much as a plain line.
    """
    listed = " OR ".join(f"{column} = '{value}'" for value in values)
    return sa.CheckConstraint(listed, name=name or column)


def text(name: str, *, null: bool = False) -> sa.Column[str]:
    """A text."""
    return sa.Column(name, sa.Text, nullable=null)


def number(name: str, *, null: bool = False, default: int | None = None) -> sa.Column[int]:
    """An integer of 64 bits."""
    # An instant in microseconds needs 64 bits; SQLite's INTEGER has them, other databases say BIGINT.
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, nullable=null, server_default=None if default is None else sa.text(str(default)))


def ours(name: str, target: str, *, null: bool = False) -> sa.Column[int]:
    """An id of another table of ours."""
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, sa.ForeignKey(f"{target}.id"), nullable=null)


def id_column() -> sa.Column[int]:
    """The primary key that SQLite numbers itself."""
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def part(name: str, kind: type[sa.Integer] | type[sa.Text]) -> sa.Column[Any]:
    """A part of a primary key."""
    return sa.Column(name, kind, primary_key=True, autoincrement=False)
