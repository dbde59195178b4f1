"""Nights that somebody wrote: small, and without any trouble but what the test at hand adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.simulation.options import AccountPlan, BatchPlan, Fault, Kind, Mode, NightOptions
from tests.virtual import NOON_US


def account(kind: Kind = Kind.DEFASTRA, *, faults: Mapping[Fault, float] | None = None, **more: Any) -> AccountPlan:
    """An account with wide limits, at which nothing goes wrong but `faults`."""
    plan = AccountPlan(
        name=kind.value,
        kind=kind,
        operation="check" if kind is Kind.HOSTILE else "email",
        safe=kind is Kind.DEFENDIS,
        limits=((1000, 1.0),),
        pace="strict",
        in_flight=3,
        timeout_seconds=5.0,
        latency="flat",
        latency_seconds=0.1,
        faults=faults or {},
        episodes=(),
        stubborn=0.0,
        stubborn_for=0,
        wallet=None,
    )
    return replace(plan, **more)


def night(*accounts: AccountPlan, rows: int = 3, **more: Any) -> NightOptions:
    """One list of so many rows for these accounts (Defastra)."""
    plans = accounts or (account(),)
    operations = tuple(range(len(plans)))
    options = NightOptions(
        seed=1,
        mode=Mode.SAFETY,
        began_us=NOON_US,
        accounts=plans,
        batches=(BatchPlan(name="list1", rows=rows, duplicates=0.0, invalid=0.0, operations=operations),),
        in_doubt="hold",
        max_requests=None,
        max_spend=None,
        max_spend_per_day=None,
        rate=None,
        max_wait=900.0,
        max_failed=None,
        commit_seconds=0.01,
        poll_seconds=10.0,
        crashes=(),
        crash_in_load=None,
        disk=(),
        acts=(),
        person=1.0,
        together=True,
        output=False,
        rest_seconds=60.0,
        most_lives=8,
        heal_after=None,
        strict_commits=False,
    )
    return replace(options, **more)
