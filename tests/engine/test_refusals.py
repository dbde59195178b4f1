"""Refusals that come and go: the gate shuts once per episode, one goes first, nothing spins. Over the real engine."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from runner.domain.model import Action, Answer
from runner.domain.provider import Condition, Limit
from tests.engine.night import Night
from tests.engine.scripted import LATER, OK, Sent, changed, rule

NIGHTS = 4
VALUES = 40
WAIT_SECONDS = 5
EDGE_SECONDS = 1e-4
RULE = rule("later", Action.PAUSE, when=Condition(statuses=frozenset({429})), wait_seconds=WAIT_SECONDS)


@dataclass(slots=True)
class Flapping:
    """A provider that refuses at random moments, for a random while, and says that no wait is needed."""

    chance: random.Random
    said: str | None
    latency: float
    slow: dict[str, float]
    log: list[tuple[float, float, bool]] = field(default_factory=list)  # left, answered, refused
    _until: float = 0.0
    _since: float = 0.0

    def __call__(self, sent: Sent) -> Answer:
        if sent.at >= self._until:
            self._since = sent.at + self.chance.expovariate(1 / 15) * (self._until > 0) + self.latency
            self._until = self._since + self.chance.choice((self.latency, 1.0, 8.0, 90.0))
        refused = sent.at >= self._since
        ends = sent.at + self.latency / 2 + self.slow.get(sent.value, 0.0)
        self.log.append((sent.at - self.latency / 2, ends, refused))
        if not refused:
            return OK
        return LATER if self.said is None else replace(LATER, headers=(("retry-after", self.said),))


def judge(log: Iterable[tuple[float, float, bool]], *, said: str | None) -> int:
    """Replay one account: its episodes, if each had one refusal beyond those in flight, alone, a second after the last.

    `log`: (left, answered, refused) of each request.
    """
    moments = sorted(
        (at, kind, number) for number, (left, ended, _) in enumerate(log) for at, kind in ((left, 1), (ended, 0))
    )
    requests, episodes = list(log), 0
    shut_since: float | None = None
    asked = 0.0
    flying: set[int] = set()
    for at, kind, number in moments:
        left, _, refused = requests[number]
        if kind == 1:
            if shut_since is not None and at > shut_since + EDGE_SECONDS:  # else it left in the same instant
                probing = [other for other in flying if requests[other][0] > shut_since + EDGE_SECONDS]
                assert not probing, f"{number} left at {at} beside the probe {probing}"
                assert at >= asked - EDGE_SECONDS, f"{number} left at {at}, not before {asked}"
            flying.add(number)
            continue
        flying.discard(number)
        if refused and shut_since is None:
            shut_since, asked, episodes = at, at + 1.0, episodes + 1
        elif refused and shut_since is not None:
            # Of a probe: its wait begins anew, and no shorter than the rule's. Of what was in flight: the same episode,
            # with a word of its own where that can be read.
            asked = max(asked, at + (WAIT_SECONDS if left > shut_since + EDGE_SECONDS else float(said == "0")))
        elif shut_since is not None and left > shut_since + EDGE_SECONDS:
            shut_since = None
    return episodes


@pytest.mark.parametrize("said", ["0", None, "0.5"])
@pytest.mark.parametrize("lists", [1, 2])
def test_flapping_refusals_cost_one_request_each_beyond_those_in_flight(
    tmp_path: Path, said: str | None, lists: int
) -> None:
    """Random scripts of refusals: what leaves while the gate is shut goes alone, a second or the rule's wait later."""
    seed = random.SystemRandom().randrange(2**31)
    print(f"seed {seed}")
    chance, episodes = random.Random(seed), 0
    for number in range(NIGHTS):
        in_flight, latency = chance.choice((1, 3, 8)), chance.choice((0.01, 0.3, 2.0))
        limits = chance.choice(((), (Limit(at_most=10, per_seconds=10),)))
        names = ("acme", "bcme")[:lists]
        slow = {f"v{n}": chance.expovariate(1.0) for n in range(VALUES) if chance.random() < 0.2}
        server = Flapping(chance, said, latency, slow)
        night = Night(
            path=tmp_path / f"{number}.db",
            values=VALUES,
            providers=tuple(changed(RULE, name=name, in_flight=in_flight, limits=limits) for name in names),
            scripts=dict.fromkeys(names, server),
            latency=latency,
            slow=slow,
            one_account="the account",
        )
        summary = night.run()
        episodes += judge(server.log, said=said)
        refused = sum(refused for _, _, refused in server.log)
        assert len(server.log) - refused == VALUES * lists or any(lane.state == "halted" for lane in summary.lanes)
        assert night.query("SELECT max(attempts_spent) FROM jobs")[0][0] <= 1, "a refusal spends no attempt"
    assert episodes > 0


@pytest.mark.parametrize("said", ["0", "1", None])
def test_twenty_refusals_without_a_success_halt_and_do_not_spin(tmp_path: Path, said: str | None) -> None:
    """Whatever it says of the time: 20 requests, waits of the rule's length after the first, and a person is asked."""
    answer = LATER if said is None else replace(LATER, headers=(("retry-after", said),))
    night = Night(
        path=tmp_path / "r.db",
        values=9,
        providers=(changed(RULE, in_flight=8),),
        scripts={"acme": lambda sent: answer},
    )
    summary = night.run()
    assert (summary.lanes[0].state, summary.lanes[0].reason) == ("halted", "rate-limited")
    assert len(night.sent()) == 20
    assert night.sent()[-1].at >= 18 * WAIT_SECONDS
    assert night.states() == {"queued": 9}
    assert night.query("SELECT max(attempts_spent) FROM jobs") == [(0,)]


def test_a_refusal_shuts_the_whole_lane_once(tmp_path: Path) -> None:
    """After a 429 nothing leaves for its wait; then one probe; nobody spends an attempt."""
    episode: list[float] = []

    def answer(sent: Sent) -> Answer:
        if sent.at > 3 and (not episode or sent.at < episode[0] + 30):
            episode.append(sent.at)
            return replace(LATER, headers=(("retry-after", "45"),))
        return OK

    night = Night(path=tmp_path / "runner.db", values=300, scripts={"acme": answer})
    night.run()
    assert night.states() == {"succeeded": 300}
    after = sorted(sent.at for sent in night.sent() if sent.at > episode[-1])
    assert after[0] - episode[0] >= 45
    assert after[1] - after[0] >= 0.2, "the probe went alone"
    assert 1 <= len(episode) <= 8
    assert night.query("SELECT max(attempts_spent) FROM jobs") == [(1,)]


def test_a_wait_beyond_max_wait_parks_the_lane(tmp_path: Path) -> None:
    """Twenty minutes against fifteen: parked with its time; before that nothing is sent; after it the run goes on."""
    asked = replace(LATER, headers=(("retry-after", "1200"),))
    night = Night(path=tmp_path / "runner.db", values=10, scripts={"acme": lambda sent: asked})
    (lane,) = night.run().lanes
    assert lane.state == "parked"
    assert lane.until_us is not None
    assert lane.until_us - night.clock.shift_us >= 1_199 * 1_000_000

    assert night.run().lanes[0].state == "parked"
    assert night.sent() == []

    night.clock.shift_us += 1_202 * 1_000_000
    night.scripts = {}
    night.run()
    assert night.states() == {"succeeded": 10}


def test_refusals_without_end_halt(tmp_path: Path) -> None:
    """Twenty episodes without a success: a person must look."""
    night = Night(path=tmp_path / "runner.db", values=10, scripts={"acme": lambda sent: LATER})
    (lane,) = night.run().lanes
    assert (lane.state, lane.reason) == ("halted", "rate-limited")
    assert len(night.sent()) == 20
