"""One run at a time on a database and on a provider account: advisory locks that die with their process."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from runner.engine.ports import Clock
from runner.errors import BusyError, StorageFullError, StoreError, UsageError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Lock:
    """A lock that is held. Released by `release()`, by leaving the context, or by the death of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let the next one in; safe to call twice. The file stays: removing it would let two in at once."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def account_fingerprint(base_url: str, key: str) -> str:
    """SHA-256 (hex) of base URL, NUL and key: the name of an account that gives nothing away."""
    return hashlib.sha256(f"{base_url}\0{key}".encode()).hexdigest()


def lock_database(database: Path, *, clock: Clock) -> Lock:
    """Hold `<database>.lock`, or raise BusyError naming the holder's pid, start and database."""
    real = Path(os.path.realpath(database))  # a symbolic link is the same database
    elsewhere = "--db FILE, on a local disk"
    file = real.with_name(f"{real.name}.lock")
    return _lock(file, what="this database", elsewhere=elsewhere, database=real, clock=clock)


def is_locked(database: Path) -> bool:
    """Whether somebody is at work on the database now; leaves no trace, and no file where there was none."""
    real = Path(os.path.realpath(database))
    try:
        descriptor = os.open(real.with_name(f"{real.name}.lock"), os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # it is somebody else's: better not to say that nobody is there
        return True
    try:
        return not _try_lock(descriptor, shared=True)
    except OSError:  # a file system without locks
        return True
    finally:
        os.close(descriptor)


def holder(database: Path, *, but_us: bool = False) -> str | None:
    """Who is at work on the database, for people: pid, start and file; None when nobody is, or, `but_us`, when it is
    this process. Leaves no trace."""
    if not is_locked(database):
        return None
    real = Path(os.path.realpath(database))
    try:
        signed = real.with_name(f"{real.name}.lock").read_bytes()
    except OSError:  # somebody else's, or locked against reading as Windows does
        signed = b""
    said = _signature(signed)
    return None if but_us and said.startswith(f"process {os.getpid()},") else said


def lock_account(account: str, *, database: Path, clock: Clock, folder: Path | None = None) -> Lock:
    """Hold an account by its fingerprint, in `folder` (the user's runtime directory); BusyError names the holder."""
    folder = folder or _runtime_folder()
    elsewhere = "export XDG_RUNTIME_DIR=FOLDER, on a local disk"
    file = folder / f"{account}.lock"
    return _lock(file, what="this provider account", elsewhere=elsewhere, database=database, clock=clock)


async def wait_for(
    take: Callable[[], Lock], *, clock: Clock, seconds: float, given_up: Callable[[], bool] = lambda: False
) -> Lock:
    """Call `take` once a second until it succeeds; after `seconds`, or once `given_up`, its BusyError comes through."""
    deadline = clock.monotonic() + seconds
    while True:
        try:
            return take()
        except BusyError:
            now = clock.monotonic()
            if now >= deadline or given_up():
                raise
            await clock.sleep_until(min(now + 1.0, deadline))


def _runtime_folder() -> Path:
    import platformdirs

    with warnings.catch_warnings():
        # Under cron there is no runtime folder; the one it falls back to is checked below, and no news for the user.
        warnings.simplefilter("ignore", UserWarning)
        folder = Path(platformdirs.user_runtime_dir("runner", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if sys.platform != "win32" and folder.stat().st_uid != os.getuid():
        # The fallback lies in a folder everybody may write to: somebody else's file there must not stop or fool us.
        raise StoreError(
            f"the folder {folder} belongs to another user",
            why="the locks of your provider accounts would be theirs",
            fix="mkdir -pm 700 ~/.cache/runner && export XDG_RUNTIME_DIR=~/.cache/runner",
        )
    return folder


def _lock(path: Path, *, what: str, elsewhere: str, database: Path, clock: Clock) -> Lock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError(
                f"the disk that holds {path.name} is full",
                why="no run begins without its lock, so nothing is sent",
                fix="free some space, then run the same command again",
            ) from error
        raise UsageError(
            f"the lock {path} cannot be made",
            why=error.strerror or str(error),
            fix=f"chmod u+w {path.parent}, then run the same command again",
        ) from error
    try:
        taken = _try_lock(descriptor)
    except OSError as error:  # a network or user file system without locks
        os.close(descriptor)
        raise UsageError(f"{path.parent} cannot hold locks", why=error.strerror or str(error), fix=elsewhere) from error
    if not taken:
        signed = os.pread(descriptor, 4096, 0) if sys.platform != "win32" else b""
        os.close(descriptor)
        raise _busy(what, signed)
    start = datetime.fromtimestamp(clock.now_us() // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = json.dumps({"pid": os.getpid(), "start": start, "database": str(database)}).encode()
    with suppress(OSError):  # on a full disk: a lock that is not signed holds all the same
        os.ftruncate(descriptor, 0)
        os.write(descriptor, signature)
    return Lock(descriptor)


def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file without waiting; a shared one only to look whether it is free."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(what: str, content: bytes) -> BusyError:
    return BusyError(
        f"another run is at work on {what}",
        why=_signature(content),
        fix="wait for it to end, or queue behind it with --wait 2h",
    )


def _signature(content: bytes) -> str:
    try:
        signed = json.loads(content)
        return f"process {signed['pid']}, started {signed['start']}, works on {signed['database']}"
    except (ValueError, KeyError, TypeError):
        return "another process holds its lock"  # it was taken a moment ago and is not signed yet
