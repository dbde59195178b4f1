"""What checking one cell gives: a value to send and its key, or why it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Accepted(NamedTuple):
    """A cell that can be sent. A tuple and not a dataclass: one is made for each cell of a list."""

    key: str  # equal for cells that mean the same: what jobs are told apart by
    sent: str  # what goes into the request
    bare: bool = False  # a phone of digits alone, read as international because no region is known


class Refused(NamedTuple):
    """A cell that is kept, costs nothing and is exported as `invalid:<why>`."""

    why: str  # empty, email, phone, no-country, non-ascii-local-part, domain, choice, too-long
    bare: bool = False  # as in `Accepted`


Checker = Callable[[str, str | None], Accepted | Refused]
"""Takes the cell as read and the row's own region (the cell of a mapped region column) or None. Never raises."""

EMPTY = Refused("empty")
