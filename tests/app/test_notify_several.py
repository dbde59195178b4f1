"""`[notify]` where a batch asks two providers: each that needs a person is told of once, and so is the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.sandbox.calls import Call
from runner.sandbox.replies import Behaviour
from runner.sandbox.world import Reply
from tests.app.place import QUICK, Place, emails
from tests.app.receiver import TOLD, Receiver, at

ACME_KEY = "another-fake-key-0000"
ACME = '[providers.acme]\nextends = "defastra"\nhttp = { auth = { secret = { env = "ACME_API_KEY" } } }\n'
WRONG_KEY = Behaviour(rule="invalid-api-key")
LATE = 5.0
RESET = "daily-check-limit"


class Two:
    """A batch of two accounts, in a world that answers each as it is made to."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.receiver = Receiver()
        self.place: Place = at(folder, self.receiver, toml=QUICK + ACME + TOLD)
        self.place.environ["ACME_API_KEY"] = ACME_KEY
        self.place.world._key = None  # each account has its own
        self.acme = self.defastra = Behaviour()
        receive = self.place.world.receive

        def receives(call: Call, now: float) -> Reply:
            self.place.world.next([self.acme if ACME_KEY in call.headers.values() else self.defastra])
            return receive(call, now)

        monkeypatch.setattr(self.place.world, "receive", receives)

    def wants(self, *occasions: str) -> None:
        """Nothing else is told."""
        settings = self.place.folder / "runner.toml"
        settings.write_text(settings.read_text() + f"on = {list(occasions)}\n")

    def run(self, times: int = 1) -> list[int]:
        """The same command so many times: exit codes."""
        codes = []
        for _ in range(times):
            with self.place.runner() as r:
                batch = r.load(self.place.write_list(emails(6)), ["defastra.email", "acme.email"]).batch
                codes.append(self.place.run(r, batch).exit_code)
        return codes

    @property
    def told(self) -> list[tuple[str, str | None, str]]:
        """What, of whom, and how the batch stood."""
        return [(body["event"], body["provider"], body["state"]) for body in self.receiver.bodies]


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Two:
    """Both answer as usual."""
    return Two(tmp_path, monkeypatch)


@pytest.mark.parametrize("wanted", [(), ("halt",)], ids=["all", "halts"])
@pytest.mark.parametrize("rule", ["invalid-api-key", "insufficient-funds"])
def test_the_provider_that_halts_last_is_told_of_as_the_first_was(two: Two, wanted: tuple[str, ...], rule: str) -> None:
    """With the end of the batch, before any row has ended; at later starts neither, whichever halts first."""
    if wanted:
        two.wants(*wanted)
    two.acme, two.defastra = WRONG_KEY, Behaviour(rule=rule, delay_seconds=LATE)
    assert two.run(2) == [4, 4]
    assert two.told == [("halt", "acme", "running"), ("halt", "defastra", "halted")]
    assert [body["reason"] for body in two.receiver.bodies] == ["invalid-api-key", rule]
    assert "defastra" in two.receiver.bodies[1]["text"]
    two.acme, two.defastra = Behaviour(rule=WRONG_KEY.rule, delay_seconds=LATE), Behaviour(rule=rule)
    assert two.run(2) == [4, 4]
    assert len(two.told) == 2


def test_whoever_wants_no_halts_is_told_of_the_end(two: Two) -> None:
    """Once, of both."""
    two.wants("finish")
    two.acme, two.defastra = WRONG_KEY, Behaviour(rule=WRONG_KEY.rule, delay_seconds=LATE)
    assert two.run(3) == [4, 4, 4]
    assert two.told == [("finish", None, "halted")]


def test_the_end_is_told_after_a_halt_although_no_row_has_ended(two: Two) -> None:
    """The halt was told while another provider seemed to go on; that one waits until its reset now."""
    two.acme, two.defastra = WRONG_KEY, Behaviour(rule=RESET, delay_seconds=LATE)
    assert two.run(3) == [4, 4, 4]
    assert two.told == [("halt", "acme", "running"), ("finish", None, "halted")]


def test_a_halt_that_said_that_all_is_over_is_not_told_as_the_end(two: Two) -> None:
    """The other provider waited for its reset by then; a day later it is asked once more, and waits again."""
    two.acme, two.defastra = Behaviour(rule=WRONG_KEY.rule, delay_seconds=LATE), Behaviour(rule=RESET)
    assert two.run() == [4]
    two.acme, two.defastra = WRONG_KEY, Behaviour(rule=RESET, delay_seconds=LATE)
    two.place.time.before += 86_400
    assert two.run(2) == [4, 4]
    assert two.told == [("halt", "acme", "halted")]


def test_a_halt_is_the_end_where_nothing_of_the_other_provider_waits(two: Two) -> None:
    """It is through since an earlier run, and only seems to go on."""
    two.acme = Behaviour(rule=RESET)
    assert two.run() == [6]
    two.acme = WRONG_KEY
    two.place.time.before += 86_400
    assert two.run(2) == [4, 4]
    assert [event for event, _, _ in two.told] == ["parked", "halt"]
