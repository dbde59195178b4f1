"""Times on screen in five places, on the nights in which their clocks change: each as its own machine would show it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
CHANGES = ("2026-03-29T01:00", "2026-03-08T07:00", "2026-04-04T15:00", "2026-10-25T01:00", "2026-11-01T06:00")
PROGRAM = """
import json, sys
from runner.cli.ahead import when
from runner.cli.text import moment
print(json.dumps([[moment(us), moment(f"{iso}:00Z"), when(us, us)] for us, iso in json.loads(sys.argv[1])]))
"""


@pytest.mark.parametrize("zone", ZONES)
def test_times_are_shown_in_the_zone_of_the_machine(zone: str) -> None:
    """A minute before each change and a minute after it; what is stored, and what is shown, is one instant."""
    instants = []
    for change in CHANGES:
        for minutes in (-1, 0, 1, 61):
            us = round(datetime.fromisoformat(f"{change}+00:00").timestamp() + 60 * minutes) * 1_000_000
            instants.append((us, datetime.fromtimestamp(us / 1e6, tz=UTC).strftime("%Y-%m-%dT%H:%M")))
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(instants)],
        env=os.environ | {"TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    for (us, _), (of_us, of_iso, later) in zip(instants, json.loads(told.stdout), strict=True):
        local = datetime.fromtimestamp(us / 1e6, tz=ZoneInfo(zone))
        there = f"{local:%z}"
        assert of_us == of_iso == f"{local:%Y-%m-%d %H:%M:%S} {there[:3]}:{there[3:]}"
        assert f"{local:%H:%M}" in later


def test_utc_is_called_so() -> None:
    """On a machine whose clock is that of the providers, as servers are, nothing is to be reckoned."""
    told = subprocess.run(
        [sys.executable, "-c", "from runner.cli.text import moment; print(moment(0))"],
        env=os.environ | {"TZ": "UTC"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "1970-01-01 00:00:00 UTC\n"
