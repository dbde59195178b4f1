"""kill -9 at random moments, again and again on one list: nothing is lost, nothing is paid twice unknowingly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

from tests.proofs.place import NO_LIMITS, RUN, Place, Process, draw, holds, pause, people, received, same, until
from tests.sandbox.process import Sandbox, sandbox

IN_FLIGHT = 8
ROWS_A_KILL = 25  # more than a life of this length sends on average, so that the list lasts
SPARE_ROWS = 30
LATENCY_SECONDS = (0.02, 0.12)
LIFE_SECONDS = 0.3


def kills_resent(folder: Path, *, seed: int, kills: int) -> str:
    """`--in-doubt resend-once`: all succeed, but for what was on the way at two kills; no charge is unexplained."""
    with sandbox(limits=NO_LIMITS, latency_seconds=LATENCY_SECONDS, seed=seed) as world:
        place = _place(folder, world, kills)
        flags = (*RUN, "--in-doubt", "resend-once")
        opened = _kill_again_and_again(place, world, flags, kills=kills, chance=draw(seed))
        done = place.runner(*flags, "--json", "-q", seconds=120)
        ended = place.query("SELECT job, value, state, possible_double_charge FROM v_outcomes")
        twice_open = {job for job, count in opened.items() if count > 1}
        in_doubt = {job for job, _, state, _ in ended if state == "in_doubt"}
        holds(f"in doubt though not open at two kills: {in_doubt - twice_open}", in_doubt <= twice_open)
        same("states", {state for _, _, state, _ in ended} - {"in_doubt"}, {"succeeded"})
        same("exit code", done.code, 3 if in_doubt else 0)
        _check_requests(place, world)
        twice = _check_charges(place, world)
        resent = sum(marked for *_, marked in ended)
    return (
        f"{kills} kills, {len(ended)} rows, {opened.total()} requests open at a kill: {resent} rows sent again and "
        f"marked, {twice} charged twice, {len(in_doubt)} in doubt"
    )


def kills_held(folder: Path, *, seed: int, kills: int) -> str:
    """`--in-doubt hold`: nothing is charged twice, and in doubt is exactly what was open at a kill."""
    with sandbox(limits=NO_LIMITS, latency_seconds=LATENCY_SECONDS, seed=seed) as world:
        place = _place(folder, world, kills)
        opened = _kill_again_and_again(place, world, RUN, kills=kills, chance=draw(seed))
        done = place.runner(*RUN, "--json", "-q", seconds=120)
        ended = place.query("SELECT job, state FROM v_outcomes")
        same("in doubt", {job for job, state in ended if state == "in_doubt"}, set(opened))
        same("states", {state for _, state in ended} - {"in_doubt"}, {"succeeded"})
        same("exit code", done.code, 3 if opened else 0)
        same("values charged twice", world.summary()["charged_twice"], 0)
        same("requests open at more than one kill", [job for job, count in opened.items() if count > 1], [])
        _check_requests(place, world)
    return f"{kills} kills, {len(ended)} rows: {len(opened)} in doubt, as many as were open at a kill; 0 charged twice"


def _place(folder: Path, world: Sandbox, kills: int) -> Place:
    place = Place(folder, world.url, in_flight=IN_FLIGHT)
    place.write_list(people(ROWS_A_KILL * kills + SPARE_ROWS))
    return place


def _kill_again_and_again(
    place: Place, world: Sandbox, flags: tuple[str, ...], *, kills: int, chance: Random
) -> Counter[int]:
    """How many attempts of each job were open when their run was killed."""
    opened: dict[int, int] = {}  # by attempt: one that is still open at the next kill was not yet recovered
    for number in range(kills):
        with place.process(*flags, "-q") as process:
            _live(process, world, chance)
            holds(f"the list was over before kill {number + 1} of {kills}", not process.ended)
            process.popen.kill()
            process.popen.wait()
        opened.update(place.query("SELECT attempt, job FROM v_attempts WHERE closed_at IS NULL"))
    return Counter(opened.values())


def _live(process: Process, world: Sandbox, chance: Random) -> None:
    """Mostly while it sends; now and then before, in its start, its load or its recovery."""
    if chance.random() < 0.15:
        pause(chance.uniform(0.1, 1.0))
        return
    before = received(world)
    until(lambda: received(world) > before or process.ended, what="a first request")
    pause(chance.uniform(0.0, LIFE_SECONDS))


def _check_requests(place: Place, world: Sandbox) -> None:
    """Every request that the provider saw was an attempt, committed before, and each attempt was one request."""
    seen = Counter(entry["client_request_id"] for entry in world.ledger())
    known = {name for (name,) in place.query("SELECT client_request_id FROM v_attempts")}
    same("requests without an attempt", set(seen) - known, set())
    same("attempts sent more than once", [name for name, count in seen.items() if count > 1], [])
    rows = place.rows()[1:]
    same("exported rows", [row[1] for row in rows], people(len(rows)))
    same("lines exported", len(rows), place.number("SELECT count(*) FROM v_outcomes"))


def _check_charges(place: Place, world: Sandbox) -> int:
    """How many values were charged twice: each at most once more than the ledger shows releases from doubt."""
    charged = Counter(world.charged())
    released = Counter(
        value
        for (value,) in place.query(
            "SELECT o.value FROM attempts AS a JOIN v_outcomes AS o ON o.job = a.job WHERE a.resolution = 'resend'"
        )
    )
    marked = {value for (value,) in place.query("SELECT value FROM v_outcomes WHERE possible_double_charge")}
    twice = {value for value, count in charged.items() if count > 1}
    same("charged twice and not marked", twice - marked, set())
    too_often = {value: count for value, count in charged.items() if count > 1 + released[value]}
    same("charged more often than released from doubt", too_often, {})
    return len(twice)
