"""What a Runner says of its surroundings: providers, settings, the database file. The lower half of `Runner`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.domain.provider import Provider
from runner.work import database as database_file
from runner.work.results import DatabaseStatus
from runner.work.session import Session

if TYPE_CHECKING:
    from runner.providers.trial import Trial


class Upkeep:
    """Everything but lists, requests and rows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def providers(self) -> list[Provider]:
        """Shipped providers with this folder's overrides, by name."""
        profiles = self._session.profiles
        return [profiles.provider(name) for name in profiles.names()]

    def provider(self, name: str) -> Provider:
        """One provider by name, or a profile file. ProfileError, ConfigError."""
        return self._session.profiles.provider(name)

    def trials(self, name: str | None = None) -> list[Trial]:
        """A profile put to its own examples, whether or not it can be used; None: every known provider. UsageError."""
        profiles = self._session.profiles
        return [profiles.trial(one) for one in ([name] if name else profiles.names())]

    def starter(self, name: str, *, base: str | None = None) -> str:
        """The text of a new profile called `name`: one to fill in, or a copy of `base`. UsageError, ProfileError."""
        return self._session.profiles.starter(name, base=base)

    def database_status(self) -> DatabaseStatus:
        """The file and its schema, read without changing it."""
        return database_file.status(self._session)

    def upgrade(self) -> DatabaseStatus:
        """Bring the file to this version's schema; a copy is kept beside it."""
        return database_file.upgrade(self._session)

    def backup(self, target: str | Path) -> Path:
        """Write a consistent copy, readable by its owner only. BatchError: the target exists."""
        return database_file.backup(self._session, Path(target))
