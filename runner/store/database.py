"""The SQLite file: how it is opened, read and written. One writer, group commit, readers on their own connections."""

from __future__ import annotations

from collections.abc import Callable

CrashPoint = Callable[[str], None]
"""Called with `before-begin`, `before-commit` and `after-commit`; what it raises stops the writer as a crash would."""
