"""Log records of a run: to a file with --log-file, to stderr with -v. Fixed event names and fields, never a value."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler

from runner.cli.progress import event_fields, event_name, is_news
from runner.engine.events import Event
from runner.errors import UsageError
from runner.settings.home import at_home

_LOG = logging.getLogger("runner.run")


def log_event(event: Event) -> None:
    """One record for an event: `attempt.closed job=7 rule=success debited=yes ...`; no values, no messages."""
    if not _LOG.isEnabledFor(logging.INFO) or not is_news(event):
        return
    fields = {key: value for key, value in event_fields(event).items() if key not in ("message", "advice", "at_us")}
    words = " ".join(f"{key}={value}" for key, value in fields.items() if value is not None)
    _LOG.info("%s %s", event_name(event), words)


@contextmanager
def logging_to(log_file: str | None, *, verbose: bool) -> Iterator[None]:
    """While inside, records of this package go to the file (info and above) and, if verbose, to stderr (all).

    UsageError when the file cannot be written; `Runner.check_log` says whether it may be. A new file is its owner's
    alone; a full one is put aside (`KEPT_FILES`).
    """
    package = logging.getLogger("runner")
    with ExitStack() as stack:
        handlers: list[logging.Handler] = []
        if log_file is not None:
            handlers.append(stack.enter_context(_file_handler(log_file)))
        if verbose:
            handlers.append(_ToScreen())
        for handler in handlers:
            handler.setFormatter(_Instants("%(asctime)s %(levelname)s %(message)s"))
            package.addHandler(handler)
            stack.callback(package.removeHandler, handler)
        if handlers:
            stack.callback(package.setLevel, package.level)
            package.setLevel(logging.DEBUG if verbose else logging.INFO)
        yield


class _ToScreen(logging.Handler):
    """To stderr as it is at the moment: above the lines that are drawn there, if there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; a terminal that is gone takes nothing along."""
        with suppress(OSError, ValueError):
            print(self.format(record), file=sys.stderr)


MOST_BYTES = 10_000_000
KEPT_FILES = 5
"""A log file that is full becomes FILE.1, that one FILE.2 and so on; the fifth is the oldest."""


class _Instants(logging.Formatter):
    """Instants as everywhere in lines for machines."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """`2026-11-22T10:15:37Z`."""
        return datetime.fromtimestamp(record.created, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _LogFile(RotatingFileHandler):
    """Files of their owner alone. A disk that is full costs records, never the run, and not a line for each."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")

    def doRollover(self) -> None:  # noqa: N802 - the name that logging calls
        """Put it aside; where that cannot be done it grows on."""
        try:
            super().doRollover()
        except OSError:
            self.maxBytes = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        """Whatever went wrong, the run has better things to do."""

    def close(self) -> None:
        """What a full disk did not take before it does not take now; how the run ended is no matter of it."""
        with suppress(OSError):
            super().close()


@contextmanager
def _file_handler(path: str) -> Iterator[logging.Handler]:
    try:
        handler = _LogFile(at_home(path), maxBytes=MOST_BYTES, backupCount=KEPT_FILES)
    except OSError as error:
        raise UsageError(
            f"the log file cannot be written: {path}",
            why=error.strerror or type(error).__name__,
            fix="--log-file runner.log, in a folder that is there and yours",
        ) from error
    with closing(handler):
        handler.setLevel(logging.INFO)
        yield handler
