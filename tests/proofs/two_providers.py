"""One list, two providers: where one is out of funds the other finishes, and nobody is charged twice for it."""

from __future__ import annotations

from pathlib import Path

from tests.proofs.place import NO_LIMITS, Done, Place, draw, holds, people, received, same
from tests.sandbox.process import Sandbox, sandbox

ROWS, FUNDED, IN_FLIGHT = 60, 25, 4
PRICES = {"defastra": 1, "dfirlab": 3}  # a check; credits
REFUSALS = {"defastra": "INSUFFICIENT_FUNDS", "dfirlab": "insufficient_credits"}
RUN = ("run", "list.csv", "-p", "defastra.email", "-p", "dfirlab.email", "--json", "-q")
BATCH = "list-defastra-email+dfirlab-email"


def two_providers(folder: Path, *, seed: int, rounds: int) -> str:
    """Exit 4 with the other's answers whole; after the top-up the same command resumes both; the books agree."""
    chance, late = draw(seed), 0
    for number in range(rounds):
        poor = chance.choice(sorted(PRICES))
        funds = {name: FUNDED * price if name == poor else None for name, price in PRICES.items()}
        most = chance.uniform(0.0, 0.05)
        with (
            sandbox("defastra", wallet=funds["defastra"], limits=NO_LIMITS, latency_seconds=(0.0, most)) as defastra,
            sandbox("dfirlab", wallet=funds["dfirlab"], limits=NO_LIMITS, latency_seconds=(0.0, most)) as dfirlab,
        ):
            worlds = {"defastra": defastra, "dfirlab": dfirlab}
            place = _place(folder / str(number), worlds)
            _halted(place, worlds, poor)
            late = max(late, received(worlds[poor]) - FUNDED - 1)
            _probed(place, worlds, poor)
            worlds[poor].top_up(ROWS * PRICES[poor])
            done = place.runner(*RUN)
            same(f"exit code after the top-up, with {done.err}", done.code, 0)
            same("succeeded", done.status["outcomes"]["succeeded"], 2 * ROWS)
            for name, world in worlds.items():
                same(f"charged by {name}", sorted(world.charged()), sorted(people(ROWS)))
                same(f"spent at {name}", world.summary()["charged_amount"], ROWS * PRICES[name] * 1_000_000)
            _check_export(place)
    return f"{rounds} x {ROWS} rows at two providers, one with funds for {FUNDED}: {late} requests too many at most"


def _place(folder: Path, worlds: dict[str, Sandbox]) -> Place:
    other = (
        f"[providers.dfirlab]\nlimits = [{{ at_most = 100000, per_seconds = 1 }}]\n"
        f'concurrency = {{ in_flight = {IN_FLIGHT} }}\nhttp = {{ base_url = "{worlds["dfirlab"].url}" }}\n'
    )
    place = Place(folder, worlds["defastra"].url, in_flight=IN_FLIGHT, more=other)
    place.write_list(people(ROWS))
    return place


def _halted(place: Place, worlds: dict[str, Sandbox], poor: str) -> None:
    done = place.runner(*RUN)
    same(f"exit code, with {done.err}", done.code, 4)
    outcomes = done.status["outcomes"]
    same("succeeded, queued", (outcomes["succeeded"], outcomes["queued"]), (ROWS + FUNDED, ROWS - FUNDED))
    same("failed or in doubt", (outcomes["failed"], outcomes["in_doubt"]), (0, 0))
    same("halt", (done.status["halt"]["provider"], done.status["halt"]["code"]), (poor, REFUSALS[poor]))
    same("halts", len(done.status["halts"]), 1)
    same("lanes", _lanes(done), {name: "halted" if name == poor else "done" for name in PRICES})
    for name, world in worlds.items():
        same(f"charged by {name}", len(world.charged()), FUNDED if name == poor else ROWS)
    holds(f"too many left after the refusal: {received(worlds[poor])}", received(worlds[poor]) < FUNDED + 1 + IN_FLIGHT)
    _check_states(place, poor)


def _probed(place: Place, worlds: dict[str, Sandbox], poor: str) -> None:
    """Without a top-up one request asks again; the provider that finished is left alone."""
    before = {name: received(world) for name, world in worlds.items()}
    same("exit code of a resume without funds", place.runner(*RUN).code, 4)
    after = {name: received(world) - before[name] for name, world in worlds.items()}
    same("requests of a resume without funds", after, {name: int(name == poor) for name in PRICES})


def _lanes(done: Done) -> dict[str, str]:
    return {lane["provider"]: lane["state"] for lane in done.status["lanes"]}


def _check_states(place: Place, poor: str) -> None:
    """What is there is written; what waits is empty and says so."""
    header, *rows = place.rows(f"{BATCH}.csv")
    for name in PRICES:
        state = header.index(f"{name}_email_state")
        same(
            f"rows of {name} written", sum(row[state] == "succeeded" for row in rows), FUNDED if name == poor else ROWS
        )


def _check_export(place: Place) -> None:
    header, *rows = place.rows(f"{BATCH}.csv")
    same("addresses written", [row[1] for row in rows], people(ROWS))
    for name in PRICES:
        state = header.index(f"{name}_email_state")
        same(f"states of {name}", {row[state] for row in rows}, {"succeeded"})
