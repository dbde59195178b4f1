"""An error nobody foresaw: a short message for the screen, the trace in a file of its owner's."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Final

from runner.domain.personal import redact, without_keys
from runner.errors import RunnerError, StalledError

_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_SHORTEST_SECRET: Final = 8


def unexpected(error: BaseException, arguments: Sequence[str]) -> RunnerError:
    """What to show for `error`. The trace goes to stderr with -v, else to a new file that only its owner can read."""
    trace = _shown("".join(traceback.format_exception(error)))
    name = type(_root(error)).__name__
    if "-v" in arguments:
        sys.stderr.write(trace)
        details = "above"
    else:
        details = _keep(trace)
    return RunnerError(
        f"unexpected error: {name}",
        why=f"this is a mistake in runner, not in your list; what was sent and answered is stored. Details: {details}",
        fix="run the same command again; if it comes back, report it with those details",
    )


def stalled(error: StalledError, arguments: Sequence[str]) -> RunnerError:
    """What to show for a run that the watchdog ended. Where it hung goes where the trace of an error goes."""
    if "-v" in arguments:
        sys.stderr.write(error.dump)
        details = "above"
    else:
        details = _keep(error.dump)
    shown = RunnerError(error.what, why=f"{error.why}. Details: {details}", fix=f"{error.fix} with those details")
    shown.code = error.code
    return shown


def _root(error: BaseException) -> BaseException:
    # A task group wraps what went wrong in it; the first of them is the one to name.
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _shown(trace: str) -> str:
    """The trace as it may be sent to somebody: an exception may quote the row it failed at, or how it was sent."""
    secrets = [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
    known = without_keys(trace, [value for value in secrets if len(value) >= _SHORTEST_SECRET])
    return "\n".join(redact(line) for line in known.split("\n"))


def _keep(trace: str) -> str:
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="runner-error-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(trace)
            return file.name
    except OSError:
        return "could not be written (-v shows them)"
