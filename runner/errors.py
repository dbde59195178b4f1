"""Every exception this package raises on purpose, one exit code for each branch.

    RunnerError                     1   an unexpected error of the tool
    ├── UsageError                  2   the command, flag or argument is wrong
    │   ├── ConfigError             2   runner.toml, environment or a secret is wrong
    │   ├── ProfileError            2   a provider profile is wrong (all mistakes at once)
    │   ├── InputError              2   the list cannot be read or mapped
    │   └── BatchError              2   no such batch, or it cannot do that now
    ├── BusyError                   7   another run holds this database or account
    ├── StalledError                1   the run got nowhere for minutes although it could, and was ended
    └── StoreError                  1   the database failed
        ├── SchemaError             2   the file is too new, too old or not ours
        └── StorageFullError        4   the disk is full

Trouble with a provider is never an exception: it is an `Answer`, a verdict and a state.
Each error has three parts: what happened, why, and the command or edit that mends it.
"""

from __future__ import annotations


class RunnerError(Exception):
    """Base of all. `what`, `why` and `fix` are shown on three lines; `code` is stable for scripts."""

    exit_code = 1
    code = "error"

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix


class UsageError(RunnerError):
    """The command, flag or argument is wrong; nothing was sent."""

    exit_code = 2
    code = "usage"


class ConfigError(UsageError):
    """runner.toml, the environment or a secret is wrong."""

    code = "config"


class ProfileError(UsageError):
    """A provider profile is wrong. `why` lists every mistake, one a line: file, key, hint."""

    code = "profile"


class InputError(UsageError):
    """The list cannot be read or its columns cannot be matched; nothing was imported."""

    code = "input"


class BatchError(UsageError):
    """No such batch, or the batch cannot do that in its state."""

    code = "batch"


class BusyError(RunnerError):
    """Another run holds this database or this provider account."""

    exit_code = 7
    code = "busy"


class StalledError(RunnerError):
    """A run got nowhere although it could, and was ended. `dump` says where it hung, without values or keys.

    `of_store`: it is the database that does not answer.
    """

    code = "stalled"

    def __init__(self, what: str, *, why: str, fix: str, dump: str, of_store: bool = False) -> None:
        super().__init__(what, why=why, fix=fix)
        self.dump = dump
        self.of_store = of_store


class StoreError(RunnerError):
    """The database failed; `why` says what became of the answers that were on the way."""

    code = "store"


class SchemaError(StoreError):
    """The database file is newer than this version, or not a runner database."""

    exit_code = 2
    code = "schema"


class StorageFullError(StoreError):
    """The disk is full; nothing more is sent."""

    exit_code = 4
    code = "disk-full"
