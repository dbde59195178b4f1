"""What halts a lane: no money, a bad key, a shape nobody proved, too many failures; and what opens it again."""

from __future__ import annotations

from pathlib import Path

from runner.domain.model import Answer
from tests.engine.night import Night
from tests.engine.scripted import BAD_ROW, BROKE, OK, WRONG, Script, Sent, provider


def wallet(funds: int) -> Script:
    """Charges until the money is gone."""
    left = funds

    def answer(sent: Sent) -> Answer:
        nonlocal left
        if left <= 0:
            return BROKE
        left -= 1
        return OK

    return answer


def test_out_of_funds_costs_nobody_anything(tmp_path: Path) -> None:
    """Fifty in the wallet, 200 rows, eight at once: 50 charged, at most seven more refusals, 150 waiting, unharmed."""
    night = Night(path=tmp_path / "runner.db", values=200, scripts={"acme": wallet(50)})
    summary = night.run()
    assert night.states() == {"succeeded": 50, "queued": 150}
    assert 50 < len(night.sent()) <= 58
    assert night.query("SELECT sum(attempts_spent) FROM jobs WHERE state = 'queued'") == [(0,)]
    (lane,) = summary.lanes
    assert (lane.state, lane.reason, lane.message, lane.advice) == ("halted", "broke", "top up", "Top up.")

    night.scripts = {"acme": wallet(0)}
    assert night.run().lanes[0].state == "halted"
    assert len(night.sent()) == 1

    night.scripts = {"acme": wallet(1000)}
    night.run()
    assert night.states() == {"succeeded": 200}
    charged = night.query("SELECT max(n) FROM (SELECT count(*) AS n FROM attempts WHERE debited = 'yes' GROUP BY job)")
    assert charged == [(1,)]


def test_a_bad_key_costs_one_request(tmp_path: Path) -> None:
    """A lane starts shut: a halt on the first answer is the only answer."""
    night = Night(path=tmp_path / "runner.db", values=50, scripts={"acme": lambda sent: BROKE})
    night.run()
    assert len(night.sent()) == 1


def test_after_a_halt_only_a_success_opens(tmp_path: Path) -> None:
    """A row's own failure proves nothing about the wallet: the turn passes on, three times at most."""
    night = Night(path=tmp_path / "runner.db", values=50, scripts={"acme": wallet(0)})
    night.run()
    night.scripts = {"acme": lambda sent: BAD_ROW}
    summary = night.run()
    assert len(night.sent()) == 3
    assert summary.lanes[0].reason == "provider-down"


def test_a_halted_lane_never_stops_the_others(tmp_path: Path) -> None:
    """One provider out of funds: the other finishes its share."""
    night = Night(
        path=tmp_path / "runner.db",
        values=60,
        providers=(provider("acme"), provider("umbrella")),
        scripts={"acme": wallet(5)},
    )
    summary = night.run()
    assert [lane.state for lane in summary.lanes] == ["halted", "done"]
    assert night.states() == {"succeeded": 65, "queued": 55}


def test_too_many_failures_halt(tmp_path: Path) -> None:
    """`--max-failed 10%`, judged from fifty ended jobs on."""
    night = Night(
        path=tmp_path / "runner.db",
        values=300,
        scripts={"acme": lambda sent: BAD_ROW if int(sent.value[1:]) % 5 == 0 else OK},
    )
    (lane,) = night.run(max_failed=0.1).lanes
    assert (lane.state, lane.reason) == ("halted", "max-failed")
    assert 50 <= len(night.sent()) <= 58


def test_a_shape_nobody_proved_halts_and_the_next_job_tries_again(tmp_path: Path) -> None:
    """A typo must not burn the list; one odd row must not stop it twice."""
    night = Night(path=tmp_path / "runner.db", values=30, scripts={"acme": lambda sent: WRONG})
    assert night.run().lanes[0].reason == "wrong-shape"
    assert night.query("SELECT action FROM v_attempts") == [("halt",)], "what was done is recorded, not the rule's word"
    assert night.states() == {"queued": 30}
    assert len(night.sent()) == 1

    night.scripts = {"acme": lambda sent: WRONG if sent.value == "v1" else OK}
    night.run()
    assert night.sent()[0].value != "v1"
    assert night.states() == {"succeeded": 29, "failed": 1}


def test_a_request_that_cannot_be_built_halts_and_sends_nothing(tmp_path: Path) -> None:
    """It is our mistake or the profile's; it is on record as an attempt that was not sent."""
    night = Night(path=tmp_path / "runner.db", values=1)
    night.query("UPDATE jobs SET params = json_object('email', 'unsendable')")
    (lane,) = night.run().lanes
    assert night.sent() == []
    assert (lane.state, lane.reason) == ("halted", "invalid")
    assert night.states() == {"queued": 1}
    assert night.query("SELECT fault FROM attempts") == [("invalid",)]
