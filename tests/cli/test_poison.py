"""A request that was on the way at three crashes, as its owner meets it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio

from runner.store import open_store
from tests.cli.place import RUN, inside, names, write_list
from tests.store.world import HandClock, claim, opening, started


def third_crash(path: Path) -> None:
    """A run dies with the first job on the wire, which was there at two crashes before."""

    clock = HandClock()

    async def main() -> None:
        with open_store(path, clock=clock, inline=True) as store:
            batch = store.reports.batches()[0].id
            run = started(store, batch)
            async with store.writing():
                (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
                await store.jobs.open(opening(job, run, clock))

    anyio.run(main)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE jobs SET crashes = 2 WHERE state = 'running'")


def test_it_is_told_and_sent_again_by_name_alone(folder: Path) -> None:
    """The run goes on with the others; `explain`, `log` and a plain `retry` say how it is sent again."""
    write_list(folder, *names("poison", 3))
    assert inside(folder, "load", *RUN[1:]).returncode == 0
    third_crash(folder / "runner.db")
    told = inside(folder, *RUN)
    assert told.returncode == 3
    by_name = "runner retry leads-defastra-email --only failed:poison"
    assert f"1 was on the way at 3 crashes and has failed: {by_name}" in told.stderr + told.stdout
    assert "2 succeeded, 1 failed" in told.stderr + told.stdout
    assert "up to 1 check more in doubt" in told.stderr + told.stdout
    assert "failed:poison sends it again" in inside(folder, "explain", "leads", "1").stdout
    assert "1 request failed: on the way at three crashes" in inside(folder, "log").stdout
    assert inside(folder, "db", "verify").returncode == 0
    refused = inside(folder, "retry", "leads", "--only", "failed")
    assert refused.returncode == 2
    assert by_name in refused.stderr
    assert inside(folder, *by_name.split()[1:]).returncode == 0
    assert inside(folder, *RUN, "-q").returncode == 0
    assert inside(folder, "db", "verify").returncode == 0
