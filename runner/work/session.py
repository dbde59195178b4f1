"""One open database with its settings: opened by the first piece of work that needs it, closed once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from runner.domain.provider import Provider
from runner.engine.ports import Clock, Transport
from runner.errors import BatchError, UsageError
from runner.in_use import Hold
from runner.settings import Settings
from runner.store import open_store
from runner.store.cut_off import cut_off_error
from runner.store.links import linked_notice, refuse_linked
from runner.store.remains import is_empty, refuse_missing
from runner.store.rescue import refuse_rescued, rescued_notice
from runner.store.store import Store
from runner.store.values import BatchInfo
from runner.work.money import Prices, read_prices
from runner.work.profiles import Profiles
from runner.work.tools import Seams, Tools
from runner.work.under_way import UnderWay


class Session:
    """The lazily opened half of a Runner."""

    def __init__(self, settings: Settings, seams: Seams) -> None:
        self.settings = settings
        self.profiles = Profiles(settings, self._batch_files)
        self.notices = settings.notices
        self.seams = seams
        self.under_way = UnderWay()
        self._store: Store | None = None
        self._hold = Hold(settings.database)  # before it is opened too: a caller may have it open by itself
        self._prices: Prices | None = None
        self._told_new = False

    @property
    def clock(self) -> Clock:
        """Time, as everything here knows it."""
        return self.seams.clock

    @property
    def path(self) -> Path:
        """The database file."""
        return self.settings.database

    def store(self, *, create: bool = False, write: bool = False) -> Store:
        """The open store. BatchError when the file is missing and `create` is false: reading must not make one.

        `write`, and `create`: something will be written. SchemaError: the file has a second name, or a copy that knows
        more. StoreError: it is a copy that cannot be made ready for that.
        """
        if create or write:
            refuse_linked(self.path)
            refuse_rescued(self.path)
        was_empty = is_empty(self.path)
        if self._store is None:
            if not create and not self.path.exists():
                refuse_missing(self.path)
                raise BatchError(
                    "there is no batch here yet",
                    why=f"The database {self.path} does not exist.",
                    fix="runner run leads.csv -p defastra.email",
                )
            self._store = open_store(
                self.path,
                clock=self.clock,
                inline=self.seams.inline_writes,
                create=create,
                fault_point=self.seams.fault_point,
                connect=self.seams.connect,
                gather_seconds=self.seams.gather_seconds,
            )
            self._announce(self._store)
        if create:
            self._refuse_cut_off(self._store)
        if create or write:
            self._store.prepare_to_write()
        if create and not self._told_new and self._store.reports.last() is None:
            self._told_new = True
            self.notices += (_new_text(self.path, is_new=self._store.is_new, was_empty=was_empty),)
        return self._store

    def batches(self) -> list[BatchInfo]:
        """Those that are there; none where no database is."""
        return self.store().reports.batches() if self.is_there else []

    def _batch_files(self) -> dict[str, str]:
        return {name: path for info in self.batches() for name, path in info.source.get("profiles", {}).items()}

    def _announce(self, store: Store) -> None:
        if store.backup_path is not None:
            self.notices += (f"the database was upgraded; the file as it was is {store.backup_path}",)
        self.notices += tuple(store.notices())
        beside = (linked_notice(self.path), rescued_notice(self.path))
        self.notices += tuple(notice for notice in beside if notice)
        if missing := store.missing_bytes():
            self.notices += (f"{cut_off_error(self.path, missing).what}; runner db verify",)

    def _refuse_cut_off(self, store: Store) -> None:
        if missing := store.missing_bytes():
            raise cut_off_error(self.path, missing)

    def anonymous_transport(self, provider: Provider) -> Transport:
        """The wire to a provider whose profile needs no key: one stripped of it, for calls that are free."""
        return self.seams.transport(provider, None, backend=self.settings.run.http)

    def tools(self, *, write: bool = False) -> Tools:
        """Everything a run needs. SchemaError: the end of the database is gone, or something is to be written (`write`)
        to a file of two names."""
        self._refuse_cut_off(self.store())
        store = self.store(write=write)
        return Tools(
            store=store,
            settings=self.settings,
            profiles=self.profiles,
            prices=self.prices(),
            seams=self.seams,
        )

    def prices(self, files: Mapping[str, str] = MappingProxyType({})) -> Prices:
        """`[prices]`, held to the profiles. ConfigError: a provider or unit that nobody knows.

        `files`: profile files by provider name, beside those of the batches that are here.
        """
        if self._prices is None or files:
            of_batches = self._batch_files() if self.settings.prices else {}
            self._prices = read_prices(self.settings, self.profiles, files={**of_batches, **files})
        return self._prices

    def find(self, text: object) -> BatchInfo:
        """A batch by name, unique prefix or input file; None: the one last worked on. BatchError; UsageError: it is no
        text."""
        reports = self.store().reports
        if text is None:
            last = reports.last()
            if last is None:
                raise BatchError(
                    "there is no batch here yet",
                    why=f"The database {self.path} is empty.",
                    fix="runner run leads.csv -p defastra.email",
                )
            return last
        if not isinstance(text, str | Path):
            why = "It is named by a text: its name, the beginning of that, or the file of its list."
            raise UsageError(f"a value of type {type(text).__name__} names no batch", why=why, fix='"leads"')
        return reports.find(str(text), directory=self.settings.directory)

    @property
    def is_there(self) -> bool:
        """Whether a database was ever written to the file. SchemaError: one was, and is not there any more."""
        refuse_missing(self.path)
        return self.path.exists() and not is_empty(self.path)

    def close(self) -> None:
        """Close the store, once the runs at work on it have drained; safe to call twice. UsageError: one is at work in
        this thread."""
        self.under_way.end(self._close)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _new_text(path: Path, *, is_new: bool, was_empty: bool) -> str:
    """Who begins anew may pay anew: said until a batch is in the database."""
    unknown = "nothing paid earlier is known here"
    if was_empty:
        return f"new database {path}: {unknown}; the file was empty: if it held batches, it was truncated"
    return f"new database {path}: {unknown}" if is_new else f"no batch is in {path}: {unknown}"
