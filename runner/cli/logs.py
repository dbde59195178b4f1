"""Log records of a run: to a file with --log-file, to stderr with -v. Fixed event names and fields, never a value."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from runner.cli.progress import event_fields, event_name, is_news
from runner.engine.events import Event
from runner.errors import UsageError

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

    UsageError when the file cannot be written. A new file is its owner's alone.
    """
    package = logging.getLogger("runner")
    with ExitStack() as stack:
        handlers: list[logging.Handler] = []
        if log_file is not None:
            handlers.append(stack.enter_context(_file_handler(log_file)))
        if verbose:
            handlers.append(logging.StreamHandler(sys.stderr))
        for handler in handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            package.addHandler(handler)
            stack.callback(package.removeHandler, handler)
        if handlers:
            stack.callback(package.setLevel, package.level)
            package.setLevel(logging.DEBUG if verbose else logging.INFO)
        yield


@contextmanager
def _file_handler(path: str) -> Iterator[logging.Handler]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(
            f"the log file cannot be written: {path}",
            why=error.strerror or type(error).__name__,
            fix="--log-file runner.log, in a folder that is there and yours",
        ) from error
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        handler = logging.StreamHandler(file)
        handler.setLevel(logging.INFO)
        yield handler
