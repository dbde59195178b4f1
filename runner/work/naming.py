"""What a batch is called and what makes it the same batch again. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from runner.domain.personal import clean
from runner.domain.states import BatchState

REGION = "region"
"""Where a batch's mapping has the country of its phones (`--region`); beside the columns."""

READING = "reading"
"""Where a batch's source has the `encoding` and `delimiter` that were told with its file."""

MAPPED = "map"
"""Where a batch's source has the `--map` that were told with its list, in their words; missing in an older batch."""

_MOST_BYTES: Final = 200  # of a name of one's own: 55 are left for `-2` and `.failed.csv.gz`
_SHORT: Final = 40  # characters of one that is proposed; at four bytes each they fit
_UNFIT = re.compile(r"[^\w.@+-]+")
_SUCCESSOR = re.compile(r"-(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A batch is known by its file's content, operations, mapping and parameters; its name is the key to look under."""

    content_hash: str
    operations: tuple[str, ...]
    mapping: Mapping[str, Any]
    params: Mapping[str, Any]


class Change(StrEnum):
    """What differs between a batch and the command that names it."""

    CONTENT = "the list"
    OPERATIONS = "the operations"
    MAPPING = "the columns"
    REGION = "the country of its phones"
    PARAMS = "the parameters"


def default_name(stem: str, operations: Iterable[str], *, known: Iterable[str] = ()) -> str:
    """`leads-defastra-email`; several operations are sorted and joined: `leads-defastra-email+defastra-phone`. One that
    would be too long for a file is cut, with a digest of the whole: others that begin alike are other lists.

    `known`: names of batches. One that an earlier version did not cut is its list's still.
    """
    parts = "+".join(key.replace(".", "-", 1) for key in sorted(operations))
    name = f"{fit(stem)}-{parts}"
    if len(name.encode()) <= _MOST_BYTES or any(generation(name, one) for one in known):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{_cut(fit(stem))}-{_cut(parts)}-{digest}"


def _cut(text: str) -> str:
    return text.encode()[: _MOST_BYTES // 2 - 10].decode(errors="ignore")


def fit(name: str) -> str:
    """The name without what a shell or a terminal would trip over; `list` where nothing is left."""
    return _UNFIT.sub("-", name).strip("-") or "list"


def unfit(name: str) -> str | None:
    """Why no batch can be called so, as a sentence; None: one can. Names of one's own are not made by `fit`."""
    if clean(name) != name:
        return "It has characters that no terminal shows, or that move its cursor."
    if not name.replace(".", "").strip():
        return "Nothing is left of it: it is empty, or of spaces and dots alone."
    if name.startswith("-"):
        return "It begins like an option: no command could name it."
    if "/" in name:
        return "It has a /: what is written under its name would go to another folder."
    if len(name.encode()) > _MOST_BYTES:
        return f"It has more than {_MOST_BYTES} bytes: no file could be called after it, with what is added to it."
    return None


def near_fit(name: str) -> str:
    """A name that a batch can have, made of one that it cannot: `may` of `../may`."""
    return fit(name.strip("./ "))[:_SHORT]


def changes(old: Identity, new: Identity) -> tuple[Change, ...]:
    """What differs; empty: the same batch."""
    pairs = {
        Change.CONTENT: (old.content_hash, new.content_hash),
        Change.OPERATIONS: (tuple(sorted(old.operations)), tuple(sorted(new.operations))),
        Change.MAPPING: (_without_region(old.mapping), _without_region(new.mapping)),
        Change.REGION: (old.mapping.get(REGION), new.mapping.get(REGION)),
        Change.PARAMS: (old.params, new.params),
    }
    return tuple(change for change, (before, now) in pairs.items() if before != now)


def _without_region(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != REGION}


def generation(base: str, name: str) -> int | None:
    """1 for `base`, N for `base-N` (N >= 2), None for any other name."""
    if name == base:
        return 1
    match = _SUCCESSOR.fullmatch(name.removeprefix(base)) if name.startswith(base) else None
    return int(match[1]) if match and int(match[1]) >= 2 else None


def successor(base: str, taken: Iterable[str]) -> str:
    """`base` if it is free, else `base-N` with N above every one taken."""
    generations = [number for number in (generation(base, name) for name in taken) if number is not None]
    return f"{base}-{max(generations) + 1}" if generations else base


def handle(name: str, taken: Iterable[str]) -> str:
    """The shortest beginning of a name, up to a `-`, that begins no other: `leads` for `leads-defastra-email`."""
    others = [other for other in taken if other != name]
    beginnings = (name[: dash.start()] for dash in re.finditer(r"(?<=.)-", name))
    return next((short for short in beginnings if not any(other.startswith(short) for other in others)), name)


def is_over(state: BatchState) -> bool:
    """Whether a changed list starts a new batch instead of being refused."""
    return state in (BatchState.COMPLETED, BatchState.CANCELLED)
