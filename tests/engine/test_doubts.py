"""Answers that were lost: held, sent once more where that is wished, and simply repeated where it costs nothing."""

from __future__ import annotations

from pathlib import Path

from runner.domain.model import Answer
from tests.engine.night import RESEND, Night, by_value
from tests.engine.scripted import DOWN, GARBAGE, LOST, OK, Sent, provider


def test_a_lost_answer_is_held(tmp_path: Path) -> None:
    """In doubt, never failed, never sent again by itself; unreadable answers and unknown 5xx likewise."""
    lost = {"v3": LOST, "v5": GARBAGE, "v9": DOWN}
    night = Night(path=tmp_path / "runner.db", values=40, scripts={"acme": lambda sent: lost.get(sent.value, OK)})
    night.run()
    assert night.states() == {"succeeded": 37, "in_doubt": 3}
    assert set(by_value(night).values()) == {1}
    assert night.query("SELECT DISTINCT debited FROM attempts WHERE job IN (3, 5, 9)") == [("unknown",)]


def test_resend_once_sends_once_and_says_so(tmp_path: Path) -> None:
    """The second doubt of a value stays one; what was sent twice is marked."""
    once = ["v5"]

    def answer(sent: Sent) -> Answer:
        if sent.value in once:
            once.remove(sent.value)
            return LOST
        return LOST if sent.value == "v3" else OK

    night = Night(path=tmp_path / "runner.db", values=40, scripts={"acme": answer})
    night.run(in_doubt=RESEND)
    assert night.states() == {"succeeded": 39, "in_doubt": 1}
    assert by_value(night)["v3"] == by_value(night)["v5"] == 2
    marked = night.query("SELECT value, possible_double_charge FROM jobs WHERE possible_double_charge ORDER BY value")
    assert marked == [("v3", 1), ("v5", 1)]


def test_a_safe_operation_is_simply_repeated(tmp_path: Path) -> None:
    """Repeating a free read costs nothing: no doubt."""
    night = Night(
        path=tmp_path / "runner.db",
        values=20,
        providers=(provider(safe=True),),
        scripts={"acme": lambda sent: LOST if sent.at < 2 and sent.value in ("v4", "v5") else OK},
    )
    night.run()
    assert night.states() == {"succeeded": 20}
