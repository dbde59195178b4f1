"""Named tuples by the million."""

from __future__ import annotations

from typing import Final

quick: Final = tuple.__new__
"""`quick(Row, (1, 2, cells, None))` is `Row(1, 2, cells, None)` at half the cost: a named tuple's own way to be made
is a function in Python. All fields in their order, defaults included. For what is made for each row of a list."""
