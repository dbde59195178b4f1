"""A key and an address planted in every kind of run, and echoed by the provider wherever it can: where are they seen?

The key nowhere at all; the address in the list, the database, the export and where a person asks for that row's values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runner.domain.model import Answer
from runner.providers.loader import load
from tests.proofs.place import draw, holds
from tests.proofs.planted import NAMED, SCENES, WELL
from tests.proofs.provider import playing
from tests.proofs.stage import READ

AT_ONCE = 2


def canary(folder: Path, *, seed: int, most: int | None = None, reads: int | None = None) -> str:
    """Every kind of run (or `most`, drawn), each followed by every command that reads (or `reads` of them, drawn)."""
    chance = draw(seed)
    names = list(SCENES) if most is None else chance.sample(list(SCENES), most)
    commands = READ if reads is None else chance.sample(READ, reads)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda name: _violation(folder / name, name, commands, seed), names))
    holds("\n".join(filter(None, found)), not any(found))
    return f"{len(names)} kinds of runs, {len(commands)} commands after each: the key nowhere, the address where asked"


def _violation(folder: Path, name: str, commands: Sequence[Sequence[str]], seed: int) -> str:
    """What was seen that should not be."""
    well = Answer(status=200, headers=NAMED, body=json.dumps(WELL).encode())
    with playing(load("defastra"), well, seed=seed) as provider:
        try:
            stage = SCENES[name](folder, provider)
            stage.read(commands)
            stage.sweep()
        except AssertionError as violation:
            return f"{name}: {violation}"
    return ""
