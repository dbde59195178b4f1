"""What opening a database or its settings has to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli.terminal import Screen
from runner.cli.text import clean

if TYPE_CHECKING:
    from runner.app import Runner


def tell_notices(library: Runner, screen: Screen, said: set[str]) -> None:
    """What opening the database or the settings has to say, but for what was `said` before."""
    for notice in library.notices:
        if notice not in said:
            screen.say(clean(notice))
            said.add(notice)
