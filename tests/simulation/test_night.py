"""Whole nights: the same seed is the same night, and the world does not stop for a death."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from runner.domain.model import UNSENT
from runner.domain.model import Fault as Told
from tests.simulation import quiet
from tests.simulation.__main__ import main
from tests.simulation.counters import count
from tests.simulation.draw import draw
from tests.simulation.night import play_night, run_night
from tests.simulation.nights import night_folder
from tests.simulation.options import (
    Act,
    CrashPlan,
    DiskPlan,
    DiskTrouble,
    Episode,
    EpisodePlan,
    Fault,
    Kind,
    Mode,
    NightOptions,
    Retry,
    Streams,
    Verb,
)
from tests.simulation.oracles import Oracles
from tests.simulation.record import BEFORE_WRITE, Command, End, Phase, Written

ROOT = Path(__file__).parents[2]


def _traced(hash_seed: str) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    program = "import sys; from tests.simulation.nights import digest; [print(digest(int(s))) for s in sys.argv[1:]]"
    command = [sys.executable, "-c", program, "1", "2", "11"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_one_seed_is_one_night_in_every_process() -> None:
    """Line by line, whatever the hash seed: crashes, halts, two providers and all."""
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(_traced, ("1", "987654321"))
    assert first == second
    assert len({line.split()[-1] for line in first}) == 3


def test_a_night_can_be_repeated_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its options in one line of JSON, its lives, its trace."""
    monkeypatch.setattr(sys, "argv", ["simulation", "3", "--mode", "liveness"])
    assert main() == 0
    options, first, *_, trace = capsys.readouterr().out.splitlines()
    assert json.loads(options)["seed"] == 3
    assert first.startswith("life 1: load 0.0-0.0 s, ended")
    assert trace.startswith("trace ")


def test_a_quiet_night_is_over_at_once(folder: Path) -> None:
    """Loaded, run, exported: every row charged once, every answer told and stored."""
    night = play_night(quiet.night(rows=12), folder, watch=Oracles())
    assert [life.end for life in night.lives] == [End.ENDED] * 3
    assert night.lives[1].exit_codes == {"list1": 0}
    assert [entry.charged for entry in night.books] == [1_000_000] * 12
    assert night.exports["list1"].read_text().count("succeeded") == 12


def test_what_is_under_way_at_a_death_is_charged_all_the_same() -> None:
    """The world finishes what it received; the answer reaches nobody, and the next life finds it in doubt."""
    slow = quiet.account(latency_seconds=3.0, in_flight=1)
    with night_folder() as folder:
        steps = play_night(quiet.night(slow, rows=1), folder).lives[1].steps
    seen = 0
    for step in range(steps // 4, 3 * steps // 4, 2):
        plan = quiet.night(slow, rows=1, crashes=(CrashPlan(point=None, visit=step),), person=0.0)
        with night_folder() as folder:
            night = play_night(plan, folder, watch=Oracles())
        died = night.lives[1]
        for entry in [one for one in night.books if one.life == died.number and one.told is None]:
            seen += [charge.at > died.ended_at for charge in entry.charges] == [True]
            assert night.lives[2].exit_codes == {"list1": 3}
    assert seen


def test_an_export_between_a_death_and_the_next_run_recovers_nothing(folder: Path) -> None:
    """What is open stays open, and that is no violation: doubt is for the run that sends next."""
    plan = quiet.night(rows=3, crashes=(CrashPlan(point="answered", visit=1),), most_lives=1)
    night = play_night(plan, folder, watch=Oracles())
    assert [(life.command, life.end) for life in night.lives[1:]] == [
        (Command.RUN, End.CRASHED),
        (Command.EXPORT, End.ENDED),
    ]
    with closing(sqlite3.connect(night.database)) as connection:
        still_open = connection.execute("SELECT count(*) FROM attempts WHERE closed_us IS NULL").fetchone()[0]
    assert still_open == len(night.books) > 0
    assert len(night.exports["list1"].read_text("utf-8").splitlines()) == 4


@pytest.mark.parametrize("fault", list(Fault))
def test_the_books_know_where_each_request_broke(folder: Path, fault: Fault) -> None:
    """Not sent is said only of what cannot have been received; what was charged was received; the deadline is kept."""
    account = quiet.account(Kind.HOSTILE, faults={fault: 0.5}, in_flight=5)
    night = play_night(quiet.night(account, rows=20, most_lives=3), folder, watch=Oracles())
    assert night.met[f"fault:{fault}"] > 1
    for entry in night.books:
        assert entry.told is not None
        assert (entry.told.fault is Told.NOT_SENT) == (entry.broke in BEFORE_WRITE)
        assert entry.told.fault not in UNSENT or (entry.received_at is None and entry.written is Written.NONE)
        assert not entry.charges or entry.received_at is not None
        assert (entry.told_at or 0.0) - entry.sent_at <= 5.0 + 1e-6
        assert entry.broke in (None, Phase.READ) or entry.told.status is None


@pytest.mark.parametrize("retry", list(Retry))
def test_a_refusal_is_waited_out_however_it_names_the_time(folder: Path, retry: Retry) -> None:
    """Seconds, a date, nonsense, nothing at all, or so long that the run parks."""
    episode = EpisodePlan(episode=Episode.TOO_FAST, at_send=2, seconds=30.0, retry=retry)
    night = play_night(quiet.night(quiet.account(episodes=(episode,)), rows=8), folder, watch=Oracles())
    refused = [entry for entry in night.books if entry.retry]
    assert {entry.retry for entry in refused} == {retry.value}
    assert night.lives[-2].exit_codes == {"list1": 0}
    for entry in refused:
        later = [one.sent_at for one in night.books if one.sent_at > (entry.told_at or 0.0)]
        assert entry.wait_until is None or min(later) >= entry.wait_until
    assert (6 in [code for life in night.lives for code in life.exit_codes.values()]) == (retry is Retry.LONG)


@pytest.mark.parametrize("episode", [Episode.FUNDS, Episode.REVOKED, Episode.CERTIFICATE])
def test_a_halt_is_seen_to_by_a_person(folder: Path, episode: Episode) -> None:
    """One run halts, the person mends it at the provider, the same command finishes."""
    plan = EpisodePlan(episode=episode, at_send=3, seconds=1e6)
    night = play_night(quiet.night(quiet.account(episodes=(plan,)), rows=8), folder, watch=Oracles())
    assert [code for life in night.lives for code in life.exit_codes.values()] == [4, 0]


def test_a_person_steers_beside_a_run(folder: Path) -> None:
    """Paused in the middle by another terminal, resumed between two lives, more rows, a signal, a clock set back."""
    verbs = (Verb.PAUSE, Verb.ADD, Verb.JUMP, Verb.SIGNAL)
    acts = tuple(Act(verb=verb, at_send=4 * number, seconds=-7.0) for number, verb in enumerate(verbs, 1))
    slow = quiet.account(latency_seconds=1.0, in_flight=1)
    plan = quiet.night(slow, rows=20, acts=acts, poll_seconds=0.5)
    night = play_night(plan, folder, watch=Oracles())
    assert [(done.act.verb, done.beside, done.changed is not None) for done in night.done] == [
        (Verb.PAUSE, True, True),
        (Verb.RESUME, False, True),
        (Verb.ADD, True, True),
        (Verb.JUMP, True, True),
        (Verb.SIGNAL, True, True),
    ]
    assert [code for life in night.lives for code in life.exit_codes.values()] == [5, 130, 0]
    assert len(night.rows["list1"]) > 20


@pytest.mark.parametrize("seconds", [40.0, 1200.0, 8 * 3600.0])
def test_a_machine_sleeps_while_its_run_waits(folder: Path, seconds: float) -> None:
    """Asked to wait five minutes, asleep after twenty seconds: the run goes on when they are over, or when it wakes."""
    night = play_night(asleep_in_a_wait(seconds), folder, watch=Oracles())
    refused = max(entry.told_at or 0.0 for entry in night.books if entry.retry)
    again = min(entry.sent_at for entry in night.books if entry.sent_at > refused)
    assert again == pytest.approx(max(refused + 300, 20 + seconds + refused), abs=10)
    assert [code for life in night.lives for code in life.exit_codes.values()] == [0]
    counted = count(night)
    assert counted["the machine sleeps"] == counted["a sleep is told"] == 1
    assert counted["asleep in a wait that was asked for"] == (seconds > 300)


def asleep_in_a_wait(seconds: float) -> NightOptions:
    """The third request meets a refusal for five minutes."""
    plan = EpisodePlan(episode=Episode.TOO_FAST, at_send=3, seconds=300.0, retry=Retry.SECONDS)
    act = Act(verb=Verb.SUSPEND, at_send=3, after=20.0, seconds=seconds)
    return quiet.night(quiet.account(episodes=(plan,), in_flight=1), rows=8, acts=(act,), poll_seconds=0.5)


@pytest.mark.parametrize("trouble", list(DiskTrouble))
def test_no_answer_is_lost_to_a_bad_disk(trouble: DiskTrouble) -> None:
    """Full, locked or failing in the middle of a run: what was paid for is stored in the end."""
    seconds = 600.0 if trouble in (DiskTrouble.FULL, DiskTrouble.LOCKED) else 0.0
    for at_commit in (8, 13, 21, 34):
        plan = DiskPlan(trouble=trouble, at_commit=at_commit, seconds=seconds)
        options = quiet.night(rows=8, disk=(plan,), rest_seconds=900.0, commit_seconds=0.0)
        with night_folder() as folder:
            night = play_night(options, folder, watch=Oracles())
        assert night.met[f"disk:{trouble}"] == 1
        assert night.lives[-2].exit_codes == {"list1": 0}, at_commit
        assert len(night.books) == 8


def test_what_goes_wrong_stops_when_a_night_heals(folder: Path) -> None:
    """Half of the requests vanish until then; afterwards it ends well."""
    bad = quiet.account(faults={Fault.UNANSWERED: 0.3, Fault.REFUSED: 0.3}, latency_seconds=1.0)
    plan = quiet.night(bad, rows=30, mode=Mode.LIVENESS, heal_after=20.0, most_lives=2)
    night = play_night(plan, folder, watch=Oracles())
    assert night.healed_at == 20.0
    assert not any(entry.broke for entry in night.books if entry.sent_at > 20.0)
    assert night.lives[-2].exit_codes["list1"] in (0, 3)


def test_nights_are_small_and_all_alike_in_nothing() -> None:
    """In JSON; most have a handful of rows, some hundreds; every kind of provider and of trouble is drawn."""
    nights = [draw(seed, Mode.SAFETY) for seed in range(1500)]
    rows = sorted(sum(batch.rows for batch in one.batches) for one in nights)
    assert rows[len(rows) // 2] < 20 < 300 < rows[-1] <= 600
    assert {plan.kind for one in nights for plan in one.accounts} == set(Kind)
    assert {fault for one in nights for plan in one.accounts for fault in plan.faults} == set(Fault)
    assert {plan.trouble for one in nights for plan in one.disk} == set(DiskTrouble)
    assert all(json.loads(one.as_json())["seed"] == one.seed for one in nights)
    assert draw(3, Mode.SAFETY) == draw(3, Mode.SAFETY)


def test_a_draw_for_one_purpose_shifts_no_other() -> None:
    """Each has a stream of its own."""
    one, other = Streams(9), Streams(9)
    one("faults").random()
    assert one("money").random() == other("money").random()
    assert one("money").random() != one("faults").random() != Streams(10)("faults").random()


@pytest.mark.parametrize("seed", [5, 7, 11])
def test_a_night_leaves_nothing_open(folder: Path, seed: int) -> None:
    """No file of it stays open in this process, however its lives ended."""
    run_night(seed, mode=Mode.SAFETY, folder=folder)
    kept = [link for link in Path("/proc/self/fd").iterdir() if link.exists() and folder in link.readlink().parents]
    assert kept == []
