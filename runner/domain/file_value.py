"""A file as a job's parameter: where it is and what it held when the list was read, never the content itself."""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from runner.domain.provider import Input

_MARK: Final = "sha256:"
_HEX: Final = frozenset("0123456789abcdef")
_MOST_BYTES: Final = 10_000_000


class FileValue(NamedTuple):
    """What is kept of a file in place of its bytes: five million of them for each row would burst any database."""

    sha256: str  # of the content, 64 hexadecimal digits: the job's key
    path: str  # absolute, without symbolic links

    @property
    def text(self) -> str:
        """As it stands among a job's parameters: `sha256:9f86... /lists/messages/one.eml`."""
        return f"{_MARK}{self.sha256} {self.path}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `text`. Raises ValueError, which names nothing of it."""
        digest, space, path = text.removeprefix(_MARK).partition(" ")
        if not (text.startswith(_MARK) and space and path) or len(digest) != 64 or not _HEX.issuperset(digest):
            raise ValueError("not the digest and path of a file")
        return cls(digest, path)


def most_bytes(parameter: Input) -> int:
    """How large a file of this parameter may be: its `max`, else 10,000,000 bytes."""
    return _MOST_BYTES if parameter.max is None else parameter.max
