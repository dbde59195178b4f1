"""A disk as an order of operations: what was written, cut short, synced, made and removed; and what a power cut leaves.

The rule is that of a real disk and of SQLite's own crash tests. What was done to a file before its last sync is there.
Of what was done since, any part may be there, in sectors: some written, some not, some full of rubbish. The record of
one life of a program therefore holds every power cut that could have ended it: a place in the record, and a `Fate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final

SECTORS: Final = (512, 4096)
"""Bytes that a disk writes in one go, old and new."""

Image = Mapping[str, bytes]
"""The files of one folder by name."""


class Kind(StrEnum):
    """What a program does to a disk."""

    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    MAKE = "make"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation on one file. A file made again under its old name is another file."""

    kind: Kind
    file: int
    name: str
    offset: int = 0  # of a write; of a truncation the new size
    data: bytes = b""
    folder: bool = False  # a sync that covers the names in the folder too
    failed: bool = False  # a sync that was refused: nothing done before it is ever known to be safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of what was never synced. Shares are from 0 to 1."""

    chance: Random
    kept: float  # survives
    torn: float = 0.0  # of the writes: each of their sectors has a fate of its own
    rubbish: float = 0.0  # of what did not survive: neither old nor new
    sector: int = SECTORS[-1]

    @classmethod
    def drawn(cls, chance: Random) -> Fate:
        """Now and then all or nothing, mostly something between."""
        kept = chance.choice((0.0, 1.0, 0.5, chance.random(), chance.random()))
        torn = chance.choice((0.0, 0.5, 1.0))
        rubbish = chance.choice((0.0, 0.0, 0.3))
        return cls(chance=chance, kept=kept, torn=torn, rubbish=rubbish, sector=chance.choice(SECTORS))

    def keeps(self) -> bool:
        """Whether the next operation, or sector, survives."""
        return self.chance.random() < self.kept


@dataclass(slots=True)
class _File:
    safe: bytearray
    since: list[Step] = field(default_factory=list)  # done, not synced

    def sync(self, fate: Fate | None = None) -> None:
        """What was done is safe; or, with a fate, some of it: a failed sync forgets the rest, a power cut as well."""
        for step in self.since:
            if fate is None:
                _apply(self.safe, step)
            else:
                _survive(self.safe, step, fate)
        self.since = []


class Disk:
    """The record of one folder in one life of a program."""

    def __init__(self, start: Image) -> None:
        """`start`: the files as they are, all of them safe."""
        self.steps: list[Step] = []
        self._start = dict(start)
        self._numbers = {name: number for number, name in enumerate(start)}
        self._made = len(start)

    def make(self, name: str) -> int:
        """A new file; its number."""
        number = self._numbers[name] = self._made
        self._made += 1
        self.steps.append(Step(kind=Kind.MAKE, file=number, name=name))
        return number

    def number(self, name: str) -> int | None:
        """The file that has this name now."""
        return self._numbers.get(name)

    def remove(self, name: str) -> None:
        """Take the name away."""
        self.steps.append(Step(kind=Kind.REMOVE, file=self._numbers.pop(name), name=name))

    def left(self, cut: int, fate: Fate) -> Image:
        """What is in the folder after a power cut behind the first `cut` operations."""
        files = {number: _File(bytearray(content)) for number, content in enumerate(self._start.values())}
        names = {name: number for number, name in enumerate(self._start)}
        moves: list[Step] = []  # makes and removals that no sync of the folder has covered
        for step in self.steps[:cut]:
            match step.kind:
                case Kind.MAKE:
                    files[step.file] = _File(bytearray())
                    moves.append(step)
                case Kind.REMOVE:
                    moves.append(step)
                case Kind.SYNC:
                    files[step.file].sync(fate if step.failed else None)
                    if step.folder and not step.failed:
                        _move(names, moves)
                        moves = []
                case Kind.WRITE | Kind.TRUNCATE:
                    files[step.file].since.append(step)
        _move(names, [step for step in moves if fate.keeps()])
        for number in names.values():
            files[number].sync(fate)
        return {name: bytes(files[number].safe) for name, number in names.items()}


def _move(names: dict[str, int], moves: list[Step]) -> None:
    for step in moves:
        if step.kind is Kind.MAKE:
            names[step.name] = step.file
        elif names.get(step.name) == step.file:
            del names[step.name]


def _apply(content: bytearray, step: Step) -> None:
    if step.kind is Kind.TRUNCATE:
        del content[step.offset :]
        return
    content.extend(bytes(max(0, step.offset - len(content))))  # a hole reads as zeros
    content[step.offset : step.offset + len(step.data)] = step.data


def _survive(content: bytearray, step: Step, fate: Fate) -> None:
    if step.kind is Kind.TRUNCATE:
        if fate.keeps():
            _apply(content, step)
        return
    for part in _sectors(step, fate.sector) if fate.chance.random() < fate.torn else (step,):
        if fate.keeps():
            _apply(content, part)
        elif fate.chance.random() < fate.rubbish:
            _apply(content, _rubbish(part, fate.chance))


def _rubbish(step: Step, chance: Random) -> Step:
    return Step(
        kind=step.kind, file=step.file, name=step.name, offset=step.offset, data=chance.randbytes(len(step.data))
    )


def _sectors(step: Step, sector: int) -> Iterator[Step]:
    """A write as the disk sees it: cut at every multiple of `sector`."""
    begin, end = step.offset, step.offset + len(step.data)
    while begin < end:
        stop = min(end, (begin // sector + 1) * sector)
        data = step.data[begin - step.offset : stop - step.offset]
        yield Step(kind=step.kind, file=step.file, name=step.name, offset=begin, data=data)
        begin = stop
