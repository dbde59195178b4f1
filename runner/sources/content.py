"""The bytes of a list: in a file, packed in a file, or spooled from a stream that can be read only once."""

from __future__ import annotations

import gzip
import io
import os
import shlex
import stat
import tempfile
import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final, Protocol

from runner.domain.personal import shown_name
from runner.domain.typed import typed_file
from runner.errors import InputError, StorageFullError
from runner.in_use import is_in_use

_CHUNK: Final = 1 << 20
_PACKED_CHUNK: Final = 1 << 16
MOST_UNPACKED: Final = 16 << 30
"""Bytes that a packed list may unpack to: a hundred million rows, and an end to a file that unpacks for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What changes when a file does."""

    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, descriptor: int) -> Stamp:
        """Of an open file."""
        found = os.fstat(descriptor)
        return cls(size=found.st_size, modified_ns=found.st_mtime_ns, inode=found.st_ino)


class Content(Protocol):
    """Bytes that can be read again from their start."""

    @property
    def name(self) -> str:
        """For people: the file's name."""
        ...

    @property
    def place(self) -> Mapping[str, Any]:
        """Where it lies, for the description of a source: `path`, or `stream`."""
        ...

    def open(self) -> BinaryIO:
        """From the start. Its `fileno` is that of the file it comes from. Raises InputError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """A regular file."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def place(self) -> Mapping[str, Any]:
        """Its absolute path."""
        return {"path": str(self.path.absolute())}

    def open(self) -> BinaryIO:
        """As `Content.open`; a folder, a pipe and what may not be read are refused without waiting."""
        try:
            # Asked before opening: opening a pipe would wait for its writer.
            mode = self.path.stat().st_mode
            if stat.S_ISDIR(mode):
                inside = f"ls {shlex.quote(str(self.path))}   (and name one of its files)"
                raise InputError(f"{self.name} is a folder", why="a list is one file", fix=inside)
            if not stat.S_ISREG(mode):
                raise InputError(
                    f"{self.name} is a pipe or a device",
                    why="a list is read more than once: first for its shape, then for its rows",
                    fix=f"runner run - --batch NAME < {shlex.quote(str(self.path))}",
                )
            if is_in_use(self.path):
                raise InputError(
                    f"{self.name} is no list: it is a database, and open here",
                    why="its tables are read through SQLite",
                    fix=f"--from TABLE --source sqlite:///{typed_file(self.name)} --key COLUMN",
                )
            return self.path.open("rb")
        except OSError as error:
            raise InputError(
                f"{shown_name(self.name)} cannot be read",
                why=error.strerror or type(error).__name__,
                fix=f"ls -l {shlex.quote(str(self.path.parent))}",
            ) from error


class SpooledContent:
    """A stream, read to its end into a private file without a name, which is gone with the process."""

    name = "the list on stdin"
    place: Mapping[str, Any] = MappingProxyType({"stream": "stdin"})

    def __init__(self, stream: BinaryIO) -> None:
        """Reads the stream to its end. StorageFullError when the folder for temporary files is full."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the list; 0600, and never has a name
        weakref.finalize(self, self._file.close)
        try:
            while piece := stream.read(_CHUNK):
                self._file.write(piece)
            self._file.flush()
        except OSError as error:
            raise StorageFullError(
                "the list on stdin could not be kept while it is read",
                why=f"{tempfile.gettempdir()}: {error.strerror or type(error).__name__}",
                fix="Save it to a file first, then give that file; or TMPDIR=FOLDER with room.",
            ) from error

    def open(self) -> BinaryIO:
        """As `Content.open`."""
        return io.BufferedReader(_Window(self._file))


class _Window(io.RawIOBase):
    """A place of its own in a file that others read too."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._file.fileno())

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self.fileno()).st_size}
        self._at = max(0, base[whence] + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        count = int(self._file.readinto(buffer))
        self._at += count
        return count


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackedContent:
    """What a gzip file unpacks to, piece by piece: nothing unpacked is kept."""

    packed: Content
    most_bytes: int = MOST_UNPACKED

    @property
    def name(self) -> str:
        """The packed file's name."""
        return self.packed.name

    @property
    def place(self) -> Mapping[str, Any]:
        """Where the packed file lies."""
        return self.packed.place

    def open(self) -> BinaryIO:
        """As `Content.open`. Reading raises InputError where the data are cut off, broken, or too many."""
        return io.BufferedReader(_Unpacking(self), _PACKED_CHUNK)


class _Unpacking(io.RawIOBase):
    def __init__(self, content: UnpackedContent) -> None:
        self._content = content
        self._below = content.packed.open()
        self._unpacked = gzip.GzipFile(fileobj=self._below, mode="rb")
        self._count = 0

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._below.fileno()

    def close(self) -> None:
        if not self.closed:
            self._below.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        name = self._content.name
        try:
            count = self._unpacked.readinto(buffer)
        except EOFError as error:
            raise InputError(
                f"{name} is cut off: its compressed data have no end",
                why=f"{self._count:,} bytes were unpacked before it broke off",
                fix=f"Copy or download it again; `gzip -t {typed_file(name)}` says when it is whole.",
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"{name} is damaged: its compressed data do not unpack",
                why=f"after {self._count:,} bytes: {error}",
                fix=f"Copy or download it again; `gzip -t {typed_file(name)}` says when it is whole.",
            ) from error
        self._count += count
        if self._count > self._content.most_bytes:
            raise InputError(
                f"{name} unpacks to more than {self._content.most_bytes:,} bytes",
                why="a list that large is more likely a mistake, or meant to fill the disk",
                fix="Unpack it yourself, and give the file that comes out.",
            )
        return count


def changed(content: Content) -> InputError:
    """What is said of a file that another program wrote to."""
    return InputError(
        f"{content.name} changed while it was read",
        why="another program wrote to it; nothing was imported",
        fix="Run the same command again when the file is complete.",
    )


@contextmanager
def unchanged(content: Content, stamp: Stamp) -> Iterator[BinaryIO]:
    """The content opened again, if it is still what `stamp` is of; InputError if it is not, or is not at the end.

    Whatever is wrong with a list that changed while it was read, that it changed is what is wrong.
    """
    with content.open() as stream:
        if Stamp.of(stream.fileno()) != stamp:
            raise changed(content)
        try:
            yield stream
        except (InputError, UnicodeError) as error:
            if Stamp.of(stream.fileno()) != stamp:
                raise changed(content) from error
            raise
        # Rows of two versions of a file would make a list that never was.
        if Stamp.of(stream.fileno()) != stamp:
            raise changed(content)
