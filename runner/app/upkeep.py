"""What a Runner says of its surroundings: providers, settings, the database file. The lower half of `Runner`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.domain.provider import Provider
from runner.errors import ProfileError
from runner.settings import at_home
from runner.work import database as database_file
from runner.work.database import DatabaseStatus
from runner.work.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.providers.trial import Trial
    from runner.work.config import Place, Setting
    from runner.work.findings import Finding
    from runner.work.privacy import Erasure, Purge
    from runner.work.verify import CheckLine, Verified


class Upkeep:
    """Everything but lists, requests and rows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def providers(self, *, on_error: Callable[[ProfileError], object] | None = None) -> list[Provider]:
        """Shipped providers, and those of this folder's settings and profile files, with its overrides, by name.

        `on_error` is told of each that cannot be read, and the others are returned; None: the first is raised.
        """
        profiles = self._session.profiles
        if on_error is not None:
            return profiles.usable(on_error)
        return [profiles.provider(name) for name in profiles.names()]

    def provider(self, name: str) -> Provider:
        """One provider by name, or a profile file. ProfileError, ConfigError."""
        return self._session.profiles.provider(name)

    def trials(self, name: str | None = None) -> list[Trial]:
        """A profile put to its own examples, whether or not it can be used; None: every known provider. UsageError."""
        profiles = self._session.profiles
        if name:
            return [profiles.trial(name)]
        trials: dict[object, Trial] = {}  # one file may be known by several names, where it cannot be read
        for trial in map(profiles.trial, profiles.names()):
            error = trial.error
            trials.setdefault((error.what, error.why) if error else trial.name, trial)
        return list(trials.values())

    def starter(self, name: str, *, base: str | None = None) -> str:
        """The text of a new profile called `name`: one to fill in, or a copy of `base`. UsageError, ProfileError."""
        return self._session.profiles.starter(name, base=base)

    def check_profile(self, file: str | Path) -> None:
        """UsageError: a new profile in this file would be read as settings, or is where the database or keys are."""
        from runner.work.replaceable import check_profile

        settings = self._session.settings
        check_profile(settings.directory / at_home(file), settings)

    def database_status(self) -> DatabaseStatus:
        """The file and its schema, read without changing it."""
        return database_file.status(self._session)

    def upgrade(self) -> DatabaseStatus:
        """Bring the file to this version's schema; a copy is kept beside it."""
        return database_file.upgrade(self._session)

    def backup(self, target: str | Path) -> Path:
        """Write a consistent copy, readable by its owner only. BatchError: the target exists."""
        return database_file.backup(self._session, Path(target))

    def verify(self, *, on_line: Callable[[CheckLine], None] = lambda _: None) -> Verified:
        """Put the promises that a database can show to the file, as one snapshot; reads only, beside a run if need be.

        `on_line` is told of each check as soon as it is done. UsageError: there is no file. SchemaError: not a runner
        database, or not of this version's schema. Violations are no error: `exit_code` is 3.
        """
        from runner.work.verify import verify

        return verify(self._session, on_line=on_line)

    def erase(self, match: str) -> Erasure:
        """Erase one person from every batch, by an e-mail address or a phone number with its country, however written.

        Their rows stay as numbers, their requests as figures, so that sums hold. `beyond` of what comes back: files and
        places that hold them still. UsageError: it is neither. BusyError: a run is at work. BatchError: a request about
        them is in doubt.
        """
        from runner.work.privacy import erase  # only who asks pays for it

        return erase(self._session, match)

    def purge(self, older_than: float | str, *, batch: str | None = None) -> Purge:
        """Remove stored answers and events of batches (or of one) that have been over for so long: seconds, or "30d".

        Outcomes, requests and amounts stay. UsageError: no such time. BatchError: no such batch. BusyError: a run is at
        work.
        """
        from runner.work.privacy import purge  # only who asks pays for it

        info = None if batch is None else self._session.find(batch)
        return purge(self._session, older_than, batch=info)

    def settings(self) -> list[Setting]:
        """Every setting with its value and where it comes from; of a secret only where it is found."""
        from runner.work.config import settings_shown

        return settings_shown(self._session)

    def places(self) -> list[Place]:
        """Where settings are read, the strongest first; then the file of keys and the database."""
        from runner.work.config import places

        return places(self._session.settings)

    def doctor(self, *, offline: bool = False, notify: bool = False) -> list[Finding]:
        """Look at everything a run needs, and say how to mend what is wrong. Creates nothing and charges nothing.

        Providers with a free call are asked whether they are there, without the key, unless `offline`. `notify`: one
        test message is sent by each means of `[notify]`, whatever its `on` says, and the dead man's switch is asked
        once: within about a minute, since each is told at the same time. UsageError: both.
        """
        from runner.work.doctor import examine  # only who asks pays for it

        return examine(self._session, offline=offline, notify=notify)
