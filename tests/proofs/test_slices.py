"""A slice of each proof with a random seed; `make soak` runs the full figures."""

from __future__ import annotations

import signal

import pytest

from tests.proofs.astray import astray
from tests.proofs.canary import canary
from tests.proofs.caps import caps, locks
from tests.proofs.checks import checks
from tests.proofs.errors import errors
from tests.proofs.example import example
from tests.proofs.fates import defastra, defendis, dfirlab
from tests.proofs.follow import follow
from tests.proofs.full_disk import full_disk
from tests.proofs.half_files import exports, imports
from tests.proofs.headers import headers
from tests.proofs.kills import kills
from tests.proofs.locked import locked
from tests.proofs.manners import bad_answers, idle_closes
from tests.proofs.outages import outages
from tests.proofs.pace import pace
from tests.proofs.place import NO_LIMITS
from tests.proofs.prove import prove
from tests.proofs.several import several, turns
from tests.proofs.signals import drained, left
from tests.proofs.steering import steered
from tests.proofs.stops import stops
from tests.proofs.storms import storms
from tests.proofs.two_providers import two_providers
from tests.proofs.wallet import wallet
from tests.proofs.windows import windows_real

pytestmark = pytest.mark.slice


def test_the_example_list_comes_back_whole(tmp_path):
    """20 rows in order, own columns equal, each distinct value sent once; from SQL the same."""
    prove(example, tmp_path)


TABLES = {
    "defastra": defastra.table,
    "defendis": defendis.table,
    "defendis-written": defendis.written,
    "dfirlab": dfirlab.table,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_errors_mean_what_their_provider_says(tmp_path, table):
    """Exit code, state, action, debited and number of requests of some of the documented answers."""
    prove(errors, tmp_path, table=table, most=5)


def test_a_key_and_an_address_are_seen_where_they_belong(tmp_path):
    """Some kinds of runs, each followed by some of the commands that read: the key nowhere, the address where asked."""
    prove(canary, tmp_path, most=2, reads=4)


def test_one_provider_out_of_funds_leaves_the_other_alone(tmp_path):
    """Exit 4 with the other's answers whole; the same command resumes both; nobody is charged twice."""
    prove(two_providers, tmp_path, rounds=1)


def test_several_lists_halt_and_drain_together(tmp_path):
    """Two lists in one run: one refusal halts both, Ctrl-C drains both, the same command ends both."""
    prove(several, tmp_path, rounds=1)


def test_a_short_list_does_not_wait_for_a_long_one(tmp_path):
    """`run --all`: it ends within twice the time it takes alone."""
    prove(turns, tmp_path, small=20, large=800, slack=4.0)


def test_an_empty_wallet_loses_nothing(tmp_path):
    """Exit 4 with 150 rows waiting; one probe a resume; after the top-up nothing is charged twice."""
    prove(wallet, tmp_path, rounds=1)


def test_kills_lose_nothing_and_charge_nothing_unexplained(tmp_path):
    """Killed at any moment: every row is there, what was open is in doubt, second charges are explained."""
    prove(kills, tmp_path, kills=4, of_each=2)


def test_a_frozen_run_wakes_within_its_windows(tmp_path):
    """SIGSTOP and SIGCONT, also beyond the deadline of what was on the way: no window exceeded, nothing lost."""
    prove(stops, tmp_path, stops=4, of_each=2, side_by_side=2)


def test_storms_of_signals_lose_nothing(tmp_path):
    """Bursts of SIGINT, SIGTERM, SIGHUP: one alone leaves nothing in doubt; the same command ends it."""
    prove(storms, tmp_path, storms=4, of_each=2)


def test_a_full_disk_loses_no_answer_in_hand(tmp_path):
    """Filled at any moment, or files that may not grow: exit 4 or 1, nothing in doubt, the same command goes on."""
    prove(full_disk, tmp_path, fills=4, of_each=2)


def test_a_locked_database_loses_no_answer_in_hand(tmp_path):
    """Another program holds the write lock: nothing is sent meanwhile, nothing is in doubt."""
    prove(locked, tmp_path, locks=2, longest_seconds=1.5, of_each=1, side_by_side=2)


def test_a_database_that_goes_astray_loses_no_answer_in_hand(tmp_path):
    """Moved, replaced, or without its log: exit 1, nothing in doubt, the same command goes on from all answers."""
    prove(astray, tmp_path, strikes=2, of_each=2)


def test_a_killed_import_leaves_no_half_list(tmp_path):
    """There whole or not at all, and once."""
    prove(imports, tmp_path, kills=4)


def test_a_killed_export_leaves_no_half_file(tmp_path):
    """The old file or the new one; the same command writes it."""
    prove(exports, tmp_path, kills=4)


def test_an_outage_of_an_hour_is_ridden_through(tmp_path):
    """No row fails, little is sent meanwhile, and the list ends in time."""
    prove(outages, tmp_path, rows=60, most=1)


def test_no_window_is_exceeded_across_a_kill(tmp_path):
    """Narrow windows, jitter, a server with an exact log, a restart: no refusal."""
    prove(pace, tmp_path, rounds=1, rows=24, windows=((16, 3.0), (2, 0.1)))


@pytest.mark.parametrize("pace", ["strict", "arrival"])
def test_two_lists_keep_one_window_across_a_kill(tmp_path, pace):
    """Real HTTP against an exact log, windows ten times as fast and more: no refusal at either pace."""
    prove(windows_real, tmp_path, windows=((20, 2.0), (2, 0.1)), latency=(0.02, 0.1), share=0.0, at=pace)


def test_a_cap_is_never_passed(tmp_path):
    """`--max-requests 100` with 32 in flight: 100."""
    prove(caps, tmp_path, rounds=1)


def test_what_check_counts_is_sent(tmp_path):
    """Lists after each other, changed, extended, with answers that are there: the server saw as many as was said."""
    prove(checks, tmp_path, lists=7)


def test_runs_never_share_a_database_or_an_account(tmp_path):
    """Exit 7 with the first one's pid; `--wait` queues."""
    prove(locks, tmp_path, rounds=1)


@pytest.mark.parametrize(("limits", "rate"), [(((5, 1.0),), "10/s"), (NO_LIMITS, "5/s")], ids=["provider", "person"])
def test_idle_closes_put_nothing_in_doubt(tmp_path, limits, rate):
    """A server that closes idle connections at random moments; slow by the provider's limits, or by `--rate`."""
    prove(idle_closes, tmp_path, rows=10, idle_seconds=0.4, limits=limits, rate=rate)


def test_bad_answers_are_stored_and_bounded(tmp_path):
    """A bomb, a drip, an endless body, HTML with 200: in doubt, and the run goes on."""
    prove(bad_answers, tmp_path, rounds=1, unpacked_bytes=1 << 26)


def test_a_signal_drains(tmp_path):
    """130 or 143: nothing lost, rows written, the same command ends it."""
    prove(drained, tmp_path, numbers=(signal.SIGINT, signal.SIGTERM), rounds=1)


def test_a_second_signal_leaves_at_once(tmp_path):
    """Within a second; what was on the way is in doubt."""
    prove(left, tmp_path, rounds=1)


def test_wishes_of_another_process_hold_within_a_second(tmp_path):
    """Pause, resume, cancel beside a run."""
    prove(steered, tmp_path, rounds=1)


def test_no_header_raises_or_shortens_a_wait(tmp_path):
    """Waits and hints in every form: what can be read is a floor, what cannot is the rule's wait."""
    print(prove(headers, tmp_path, values=3_000))


def test_a_table_that_fills_is_followed_across_kills(tmp_path):
    """Another process inserts all the while: each key sent once, every outcome in the other table."""
    prove(follow, tmp_path, seconds=0.8, kills=1, per_second=40.0)
