"""Suspects, on the wire at two crashes already, are never on the wire together again."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.domain.model import Answer
from tests.engine.night import Night
from tests.engine.scripted import LATER, OK, Sent, provider


class Watch:
    """How many of the first `suspects` values are on the wire at once, at most; answers stay away for a second."""

    def __init__(self, night: Night, suspects: int) -> None:
        self.wanted = {f"v{n}" for n in range(1, suspects + 1)}
        self.asked: list[Sent] = []
        night.scripts = {"acme": self}

    def __call__(self, sent: Sent) -> Answer:
        """Remember it."""
        self.asked.append(sent)
        return OK

    def together(self, latency: float) -> int:
        """The most of them between sending and answer at one moment."""
        times = [sent.at for sent in self.asked if sent.value in self.wanted]
        return max(sum(at <= other < at + latency for other in times) for at in times)


def suspected(path: Path, values: int, suspects: int, *, in_flight: int = 8) -> Night:
    """A night on a list of which the first values were on the wire at two crashes."""
    night = Night(path=path / "runner.db", values=values, providers=(provider(in_flight=in_flight),), latency=1.0)
    night.query(f"UPDATE jobs SET crashes = 2 WHERE id <= {suspects}")
    return night


@pytest.mark.parametrize("in_flight", [1, 8])
def test_one_suspect_at_a_time_and_others_beside_it(tmp_path: Path, in_flight: int) -> None:
    """All are sent, each alone among its like; what is above suspicion fills the other slots meanwhile."""
    night = suspected(tmp_path, 48, 8, in_flight=in_flight)
    watch = Watch(night, 8)
    night.run()
    assert night.states() == {"succeeded": 48}
    assert watch.together(1.0) == 1
    assert night.transports["acme"].most_in_flight == in_flight


def test_a_list_of_suspects_alone_ends(tmp_path: Path) -> None:
    """Those who wait for their turn are woken by the one before them, and nothing waits for ever."""
    night = suspected(tmp_path, 30, 30)
    watch = Watch(night, 30)
    night.run()
    assert night.states() == {"succeeded": 30}
    assert watch.together(1.0) == 1


def test_waits_and_caps_give_them_back(tmp_path: Path) -> None:
    """A suspect that is put back, refused by a cap, or asked to wait is queued like any other."""
    night = suspected(tmp_path, 12, 12)
    answers = iter([OK, LATER])
    night.scripts = {"acme": lambda sent: next(answers, OK)}
    night.run(max_requests={None: 5})
    assert night.states() == {"succeeded": 4, "queued": 8}
    night.run()
    assert night.states() == {"succeeded": 12}
    assert night.query("SELECT count(*) FROM attempts WHERE closed_us IS NULL") == [(0,)]
