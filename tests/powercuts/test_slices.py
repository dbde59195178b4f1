"""A slice of each proof with a random seed; `make soak` runs the full figures."""

from __future__ import annotations

import pytest

from tests.powercuts.cuts import power_cuts, power_cuts_everywhere, power_cuts_weaker
from tests.powercuts.loads import power_cuts_loading
from tests.powercuts.syncs import failing_syncs
from tests.proofs.prove import prove

pytestmark = pytest.mark.slice


def test_a_power_cut_loses_nothing_that_was_stored(tmp_path):
    """Runs that are cut off again and again, in their recovery too: nothing is lost, every charge is explained."""
    prove(power_cuts, tmp_path, cuts=40)


def test_a_power_cut_after_every_step(tmp_path):
    """One row, cut after every write and sync there is."""
    prove(power_cuts_everywhere, tmp_path, rows=1, scripts=1, fates=0, again=200, ends=60)


def test_a_weaker_setting_is_found_out(tmp_path):
    """`synchronous = NORMAL` loses commits, and the proof sees it."""
    prove(power_cuts_weaker, tmp_path, runs=6, synchronous="NORMAL")


def test_a_power_cut_while_a_list_is_read_in(tmp_path):
    """All of the list is there, or nothing that could be sent; the same load ends it."""
    prove(power_cuts_loading, tmp_path, cuts=10)


def test_a_sync_that_fails_is_final(tmp_path):
    """The run ends, nothing more is committed, and what was stored or kept beside the database survives the cut."""
    prove(failing_syncs, tmp_path, lives=2)
