"""The files a night begins with: lists, settings, a profile, an empty database."""

from __future__ import annotations

import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

from runner.store import open_store
from tests.simulation.axis import Axis
from tests.simulation.options import AccountPlan, BatchPlan, Kind, NightOptions
from tests.simulation.process import SimClock

KEYS = {
    Kind.DEFASTRA: ("DEFASTRA_API_KEY", "obviously-fake-key-0000"),
    Kind.DEFENDIS: ("DEFENDIS_API_KEY", "obviously-fake-key-0001"),
    Kind.DFIRLAB: ("DFIRLAB_API_KEY", "sk-dfir-obviously-fake-key-000000000000"),
    Kind.HOSTILE: ("HOSTILE_API_KEY", "obviously-fake-key-0003"),
}
INVALID = ("", "no address", "@example.com", "a b@example.com", "é@example.com", "x@", "  ")
HOSTILE = Path(__file__).with_name("hostile.toml")


def write_settings(folder: Path, options: NightOptions) -> None:
    """runner.toml, and the profile that is ours with its limits."""
    lines = ["[run]"]
    if options.max_spend_per_day is not None:
        lines.append(f"max_spend_per_day = {options.max_spend_per_day}")
    for plan in options.accounts:
        if plan.kind is Kind.HOSTILE:
            text = HOSTILE.read_text("utf-8").replace("timeout = 30", f"timeout = {plan.timeout_seconds:g}")
            own = f'pace = "{plan.pace}"\nlimits = [{_limits(plan)}]\n'
            own += f"concurrency = {{ in_flight = {plan.in_flight} }}\n"
            (folder / "hostile.toml").write_text(text.replace("schema = 1\n", f"schema = 1\n{own}"), "utf-8")
        else:
            lines += [
                f"[providers.{plan.name}]",
                f'pace = "{plan.pace}"',
                f"limits = [{_limits(plan)}]",
                f"concurrency = {{ in_flight = {plan.in_flight} }}",
                f"http = {{ timeout = {plan.timeout_seconds:g} }}",
            ]
    (folder / "runner.toml").write_text("\n".join(lines) + "\n", "utf-8")


def _limits(plan: AccountPlan) -> str:
    """Of DFIR Lab the first one is told in its answers; it is what they say already."""
    learn = ', learn = { header = "X-RateLimit-Limit", share = 1.0 }' if plan.kind is Kind.DFIRLAB else ""
    return ", ".join(
        f"{{ at_most = {at_most}, per_seconds = {seconds:g}{'' if number else learn} }}"
        for number, (at_most, seconds) in enumerate(plan.limits)
    )


def operation(plan: AccountPlan) -> str:
    """How one types it: `defastra.email`, `./hostile.toml:check`."""
    return f"./hostile.toml:{plan.operation}" if plan.kind is Kind.HOSTILE else f"{plan.name}.{plan.operation}"


def cells(plan: BatchPlan, draws: random.Random) -> list[str]:
    """The cells of a list: addresses, some twice (in another case), some that are none."""
    found: list[str] = []
    for number in range(1, plan.rows + 1):
        chance = draws.random()
        valid = [cell for cell in found if "example.com" in cell and cell[0] == "p"]
        if chance < plan.invalid and number > 1:
            found.append(draws.choice(INVALID))
        elif chance < plan.invalid + plan.duplicates and valid:
            again = draws.choice(valid)
            found.append(again.upper() if draws.random() < 0.5 else again)
        else:
            found.append(
                f"person{number}.{plan.name}@example.com" if draws.random() < 0.9 else f"p{number}@example.com"
            )
    return found


def write_list(path: Path, values: list[str]) -> None:
    """A CSV with an id beside the value."""
    lines = ["id,email", *(f'{number},"{value}"' for number, value in enumerate(values, 1))]
    path.write_text("\n".join(lines) + "\n", "utf-8")


@cache
def _template() -> bytes:
    """An empty database of the present schema, as one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runner.db"
        open_store(path, clock=SimClock(Axis(), 0)).close()
        return path.read_bytes()


def write_database(path: Path) -> None:
    """As if it had just been made: making it costs more than a whole night."""
    path.touch(mode=0o600)
    path.write_bytes(_template())


def empty(folder: Path) -> None:
    """For the next night."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
