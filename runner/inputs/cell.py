"""What checking one cell gives: a value to send and its key, or why it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple


class Accepted(NamedTuple):
    """A cell that can be sent. A tuple and not a dataclass: one is made for each cell of a list."""

    key: str  # equal for cells that mean the same: what jobs are told apart by
    sent: str  # what goes into the request
    bare: bool = False  # a phone of digits alone, read as international because no region is known
    shown: str | None = None  # what people see of it; None: what is sent


class Refused(NamedTuple):
    """A cell that is kept, costs nothing and is exported as `invalid:<why>`."""

    why: str  # empty, email, non-ascii-local-part, phone, no-country, domain, choice, too-long; of files see `files`
    bare: bool = False  # as in `Accepted`


Checker = Callable[[str, str | None], Accepted | Refused]
"""Takes the cell as read and the row's own region (the cell of a mapped region column) or None. Never raises."""

EMPTY: Final = Refused("empty")
NO_COUNTRY: Final = Refused("no-country")

_SPACE = "".join(map(chr, [*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])) + (
    "\u2028\u2029\u202f\u205f\u3000"
)
# Marks without a glyph, which address books and messengers put around numbers and addresses when they are copied.
_INVISIBLE = "".join(map(chr, [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]))


def trim(cell: str) -> str:
    """The cell without space and invisible marks around it."""
    return cell.strip(_SPACE + _INVISIBLE)
