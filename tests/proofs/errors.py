"""Every documented error, and what is none of Defastra's answers, with several HTTP statuses: what becomes of a row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.proofs.answers import MIDNIGHT, WAITED, Case, cases
from tests.proofs.place import BATCH, NO_LIMITS, RUN, Done, Place, draw, holds, same
from tests.sandbox.process import Sandbox, sandbox

HEAD = "| answer | HTTP | exit | state | action | debited | requests | attempts spent |"


def errors(folder: Path, *, seed: int, most: int | None = None, show: Callable[[str], object] = str) -> str:
    """Each case (or `most` of them, drawn) in a list of its own. `show` is given the lines of a Markdown table."""
    chosen = list(cases())
    if most is not None:
        chosen = draw(seed).sample(chosen, most)
    show(HEAD)
    show("| --- " * HEAD.count("|", 1) + "|")
    with sandbox(limits=NO_LIMITS, seed=seed) as world:
        for number, case in enumerate(chosen):
            _show_one(folder / str(number), world, case, number)
            fate = case.fate
            show(
                f"| `{case.name}` | {case.status} | {fate.exit} | {fate.state} | {fate.action} | {fate.debited} "
                f"| {fate.sends} | {fate.spent} |"
            )
    return f"{len(chosen)} of {len(list(cases()))} cases as documented"


def _show_one(folder: Path, world: Sandbox, case: Case, number: int) -> None:
    place = Place(folder, world.url, in_flight=1, retry="{ base = 0.01, cap = 0.02 }")
    target = f"target{number}@example.com"
    place.write_list([f"first{number}@example.com", target] if case.proven else [target])
    world.next(_script(case))
    before = time.time()
    done = place.runner(*RUN, "--max-wait", "4s", "--json", "-q")
    what = f"{case.name} with HTTP {case.status}: "
    fate = case.fate
    same(f"{what}exit code, with {done.err}", done.code, fate.exit)
    sends = sum(entry["value"] == target for entry in world.ledger())
    same(f"{what}requests seen", sends, fate.sends)
    row = place.query(
        "SELECT state, debited, attempts, attempts_spent FROM v_outcomes WHERE row = (SELECT max(row) FROM v_outcomes)"
    )
    same(f"{what}state, debited, attempts, spent", row, [(fate.state, fate.debited, fate.sends, fate.spent)])
    actions = [action for (action,) in place.query("SELECT action FROM v_attempts ORDER BY attempt")][case.proven :]
    same(f"{what}actions", actions, ["pause", "succeed"] if fate is WAITED else [fate.action] * fate.sends)
    _check_words(what, case, done, before)


def _check_words(what: str, case: Case, done: Done, before: float) -> None:
    """A halt names what to do; a wait says until when; what is given up can be tried again, what failed cannot."""
    status = done.status
    if case.fate.exit == 4:
        same(f"{what}halted", (status["state"], status["halt"]["provider"]), ("halted", "defastra"))
        holds(f"{what}a halt without advice", bool(status["halt"]["advice"]))
        holds(f"{what}the advice is not on screen: {done.err}", status["halt"]["advice"][:30] in done.err)
    if case.fate.wait is not None:
        resume_at = datetime.fromisoformat(status["resume_at"])
        if case.fate.wait == MIDNIGHT:
            same(f"{what}waits until", resume_at, _midnight(before))
        else:
            seconds = resume_at.timestamp() - float(case.fate.wait)
            holds(f"{what}waits until {resume_at}", before <= seconds <= time.time() + 1)
    elif case.fate.exit == 3:
        same(f"{what}batch", (status["batch"], status["state"]), (BATCH, "completed"))


def _midnight(now: float) -> datetime:
    return datetime.fromtimestamp((int(now) // 86_400 + 1) * 86_400, UTC)


def _script(case: Case) -> list[dict[str, Any]]:
    """Exactly the requests that are due; one more would be answered well and show."""
    headers = {} if case.retry_after is None else {"retry-after": case.retry_after}
    text = case.body if isinstance(case.body, str) else json.dumps(case.body)
    refusal = {"answer": {"status": case.status, "headers": headers, "body": text}}
    if case.fate is WAITED:
        return [{}, refusal, {}]
    return [{}] * case.proven + [refusal] * case.fate.sends
