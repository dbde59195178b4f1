"""Settings of a folder, for tests of where they are found and of the keys they lead to."""

from __future__ import annotations

from pathlib import Path

from runner.settings import Settings, read_settings


def settings(folder: Path, environ: dict[str, str] | None = None, **flags: str | Path) -> Settings:
    """Settings as read from a folder whose user file is `user.toml` beside it."""
    return read_settings(directory=folder, environ=environ or {}, user_file=folder / "user.toml", **flags)
