"""One run at a time on a database and on a provider account: advisory locks that die with their process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runner.engine.ports import Clock


class Lock:
    """A lock that is held. Released by `release()`, by leaving the context, or by the death of the process."""

    def release(self) -> None:
        """Let the next one in; safe to call twice."""
        raise NotImplementedError

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def account_fingerprint(base_url: str, key: str) -> str:
    """SHA-256 (hex) of base URL, NUL and key: the name of an account that gives nothing away."""
    raise NotImplementedError


def lock_database(database: Path, *, clock: Clock) -> Lock:
    """Hold `<database>.lock`, or raise BusyError naming the holder's pid, start and database."""
    raise NotImplementedError


def lock_account(account: str, *, database: Path, clock: Clock, folder: Path | None = None) -> Lock:
    """Hold the account (its fingerprint) in `folder` (the user's runtime directory), or raise BusyError naming the holder."""
    raise NotImplementedError


async def wait_for(take: Callable[[], Lock], *, clock: Clock, seconds: float) -> Lock:
    """Call `take` once a second until it succeeds; after `seconds` its BusyError comes through."""
    raise NotImplementedError
