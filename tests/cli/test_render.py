"""A batch as a person reads it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runner.cli import evidence, render
from runner.domain.model import Debited, Fault, Resolution
from runner.domain.states import BatchState, JobState
from runner.work import state_words
from runner.work.money import Cost
from runner.work.money_words import wallet_texts
from runner.work.results import (
    Doubt,
    Loaded,
    Next,
    Wallet,
)
from runner.work.status import as_json
from tests.cli.samples import ATTEMPT, COUNTS, RECEIPT, RESULT, STATUS, STORY


def test_a_halt_shows_words_meaning_advice_and_the_next_command():
    """Who reads the end of a halted run knows what to do, and that nothing was lost."""
    shown = render.ended_text(RESULT, "2 requests were sent but the line broke before the answer.")
    assert shown.splitlines() == [
        "leads-defastra-email: halted (insufficient-funds)",
        "  sent      52 requests now: 47 charged, 3 not charged, 2 in doubt",
        "  again     4 failures that could pass were queued again",
        "  in all    200 rows; requests: 47 succeeded, 1 failed, 2 in doubt, 140 waiting",
        "  refused   3 cells, not sent",
        "  charged   47 checks in all, up to 2 checks more in doubt",
        "  saved     7 requests, 7 checks: rows with a value that another row has",
        "  file      leads-defastra-email.csv",
        '  halted    defastra says INSUFFICIENT_FUNDS "No credit left for j…@example.com\\u001b[2J"',
        "  means     insufficient funds; nothing waiting was failed or charged for it",
        "  do        Top up the wallet, then run the same command again.",
        "2 requests were sent but the line broke before the answer.",
        "  next      runner run leads   (one request goes first)",
    ]


def test_a_folder_with_a_name_that_would_move_the_cursor_is_escaped():
    """Where its list is, in the next command, and where its rows were written."""
    folder = "/lists/\x1b[31mred"
    command = f"runner export leads -o '{folder}/leads.csv'"
    status = replace(STATUS, source=f"{folder}/leads.csv", next=Next(command=command, why="It ended \x1b[2Jwell."))
    assert RESULT.exported is not None
    exported = replace(RESULT.exported, path=Path(folder) / "leads.csv")
    for text in (render.status_text(status), render.ended_text(replace(RESULT, status=status, exported=exported), "")):
        assert "\x1b" not in text
        assert "-o '/lists/\\u001b[31mred/leads.csv'   (It ended \\u001b[2Jwell.)" in text


@pytest.mark.parametrize(
    ("batch", "handle", "command", "shown"),
    [
        (r"b\d", r"b\d", r"runner run 'b\d'", r"runner run 'b\d'"),
        (r"my \g<0>-x", r"my \g<0>", r"runner run 'my \g<0>-x' --db x.db", r"runner run 'my \g<0>' --db x.db"),
        ("run-x", "run", "runner doubt list run-x", "runner doubt list run"),
        ("b-x", "b", "runner export b-x -o 'lists/b-x.csv'", "runner export b -o 'lists/b-x.csv'"),
        ("b-x", "b", "runner check 'a b-x c.csv' -p acme.email", "runner check 'a b-x c.csv' -p acme.email"),
        ("b-x", "b", "runner load FILE --batch b-x", "runner load FILE --batch b-x"),
    ],
)
def test_a_name_is_shortened_where_it_names_the_batch(batch: str, handle: str, command: str, shown: str) -> None:
    """Whatever it is made of; not in a path, and not where another name would begin another batch."""
    status = replace(STATUS, batch=batch, handle=handle, next=Next(command=command, why=""))
    assert render.go_on_text(status) == f"  next      {shown}"


def test_a_batch_in_doubt_is_named_as_one_types_it() -> None:
    """Where another one was worked on since."""
    doubtful = replace(STATUS, batch="my leads-x", handle="my leads")
    last = replace(STATUS, outcomes=dict.fromkeys(JobState, 0))
    assert "runner doubt list 'my leads'   (2 requests are" in render.overview_next([last, doubtful])


def test_a_run_that_ended_well_and_wrote_its_rows_leaves_nothing_to_do():
    """The export that was just made is not proposed again; where nothing was written, it is."""
    export = Next(command="runner export leads-defastra-email -o out.csv", why="Every request ended well.")
    done = replace(STATUS, state=BatchState.COMPLETED, reason=None, halts=(), next=export)
    well = replace(RESULT, status=done, exit_code=0)
    assert render.ended_text(well, "").splitlines()[-1] == "  next      nothing to do: every request ended well."
    assert "runner export leads -o out.csv" in render.ended_text(replace(well, exported=None), "")
    assert "runner export leads -o out.csv" in render.ended_text(replace(well, exit_code=3), "")


def test_a_wait_for_the_provider_names_its_time():
    """Parked: until when, and why."""
    parked = replace(STATUS, state=BatchState.PAUSED, reason="reset", resume_at_us=86_400_000_000, halts=())
    assert state_words.state_text(parked).startswith("waiting until 1970-01-0")
    assert state_words.state_text(parked).endswith("(until the provider resets)")


def test_a_person_who_stopped_it_and_a_process_that_died_are_told_as_that():
    """A cancelled batch is not called paused, a halted one that was paused says so, a dead run is not at work."""

    def shown(state: BatchState, reason: str) -> str:
        return state_words.state_text(replace(STATUS, state=state, reason=reason))

    assert shown(BatchState.CANCELLED, "person") == "cancelled (by a person)"
    assert shown(BatchState.PAUSED, "person") == "paused (by a person)"
    assert shown(BatchState.HALTED, "person") == "halted (paused by a person)"
    assert "running" not in shown(BatchState.RUNNING, "cut-off")


@pytest.mark.parametrize("word", ["lane", "job", "attempt", "throttle", "gate", "breaker", "lease", "ledger"])
def test_inner_words_stay_inside(word):
    """On screen only provider, batch, row, request, charged, waiting, in doubt, halted."""
    shown = render.ended_text(RESULT, "") + render.status_text(STATUS) + render.batches_text([STATUS])
    assert word not in shown.lower()


def test_all_batches_are_one_line_each():
    """`runner` alone: a table that can be cut at its columns."""
    head, first = render.batches_text([STATUS]).splitlines()
    assert head.split() == ["batch", "state", "rows", "waiting", "failed", "in", "doubt", "charged"]
    assert first.split()[0] == "leads-defastra-email"
    assert first.endswith("47 checks")


def test_an_import_says_what_it_found():
    """Rows, requests, shared, refused, columns, and how the file was read."""
    loaded = Loaded(
        batch="b",
        created=True,
        added_rows=20,
        rows=20,
        jobs=15,
        shared=2,
        not_sent=3,
        invalid={"invalid:empty": 3},
        countries={"US": 812, "unknown": 3, "DE": 1040},
        columns=("email <- email", "email <- email"),
        notices=("read as cp1252",),
    )
    assert render.loaded_text(loaded).splitlines() == [
        "b: loaded",
        "  list      20 rows",
        "  column    email <- email",
        "  countries DE 1,040, US 812, unknown 3",
        "  requests  15, 2 rows shared with an earlier one",
        "  refused   3 empty",
        "  note      read as cp1252",
    ]


def test_evidence_of_a_row_shortens_every_value():
    """When, what was sent, what came back, the rule, the cost, what is next; never a whole address."""
    shown = evidence.story_text(STORY)
    lines = shown.splitlines()
    assert lines[0] == ("row 17 (line 18), defastra.email, j…@example.com, shared by 2 rows: failed (invalid-email)")
    assert "    sent      POST /deep_email_check   (label abcdefghij234567)" in lines
    assert "    came back HTTP 200 INVALID_EMAIL j…@example.com is not an e-mail   (their id req-9)" in lines
    assert '    rule      invalid-email -> fail   (code "INVALID_EMAIL")' in lines
    assert "    charged   no" in lines
    assert lines[-1] == "  next      Nothing: this failure is final."
    assert "jane" not in shown


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_its_sentence(fault):
    """What broke, and whether anything left this machine."""
    shown = evidence.attempt_text(replace(ATTEMPT, status=None, fault=fault, error_code=None, error_message=None))
    assert "came back" in shown
    left = fault is Fault.NO_ANSWER
    assert ("    sent      POST /" in shown, "    not sent  POST /" in shown, "label" in shown) == (
        left,
        not left,
        left,
    )


def test_a_doubt_shows_what_to_look_for_and_what_was_decided():
    """The label of the request, what it may cost, and a person's decision."""
    cost = Cost(unit="check", amount=Decimal(1), money=Decimal("0.02"), currency="EUR", told=True)
    open_ = replace(ATTEMPT, status=None, fault=Fault.NO_ANSWER, debited=Debited.UNKNOWN, amount=Decimal(1), cost=cost)
    doubt = Doubt(
        batch="b",
        row=17,
        line=18,
        rows=(17, 40),
        operation="defastra.email",
        provider="defastra",
        value=STORY.value,
        attempt=open_,
    )
    row = evidence.doubts_text([doubt]).splitlines()[1]
    assert row.startswith("row 17 (line 18) and 1 more  ")
    assert "j…@example.com" in row
    assert "abcdefghij234567" in row
    assert row.endswith("1 check (0.02 EUR)")
    assert "in doubt, up to 1 check (0.02 EUR)" in evidence.attempt_text(open_)
    decided = replace(open_, debited=Debited.YES, resolution=Resolution.CHARGED)
    assert "charged   1 check (0.02 EUR) (you said: charged)" in evidence.attempt_text(decided)
    accepted = evidence.attempt_text(replace(open_, resolution=Resolution.RESEND))
    assert (
        "up to 1 check (0.02 EUR) (sending it again was accepted)" in accepted
    )  # perhaps by the profile: nobody said it


def test_providers_of_one_batch_are_told_apart():
    """One may be halted while the other is through; a batch that asks one provider has no line for it."""
    through = dict.fromkeys(JobState, 0) | {JobState.SUCCEEDED: 190}
    shown = render.status_text(replace(STATUS, by_provider={"acme": through, "defastra": COUNTS}))
    assert "  acme      190 succeeded, 0 failed, 0 in doubt, 0 waiting\n" in shown
    assert "  defastra  47 succeeded, 1 failed, 2 in doubt, 140 waiting\n" in shown
    assert render.status_text(STATUS).count("140 waiting") == 1


@pytest.mark.parametrize(("topped_up", "said"), [("1", "1 check"), ("0.5", "0.5 checks"), ("1000", "1,000 checks")])
def test_a_top_up_is_told_in_its_unit(topped_up: str, said: str) -> None:
    """One check is no checks."""
    added = Decimal(topped_up)
    wallet = Wallet(
        provider="defastra",
        title="Defastra",
        run=1,
        unit="check",
        first_us=0,
        until_us=1,
        opening=Decimal(5),
        closing=added + 5,
        topped_up=added,
        debited=Decimal(0),
        admitted=Decimal(0),
        in_doubt=Decimal(0),
        difference=Decimal(0),
        doubts=0,
        tells=False,
        tells_innocence=False,
    )
    assert wallet_texts([wallet]) == [f"Defastra's was topped up by at least {said}"]


def test_amounts_and_money_leave_out_zeros_alike() -> None:
    """What is free has a line in neither."""
    free = Cost(unit="check", amount=Decimal(0), money=Decimal(0), currency="EUR", told=True)
    told = as_json(replace(STATUS, receipt=replace(RECEIPT, doubtful=(free,))))["receipt"]
    assert (told["amounts"]["in_doubt"], told["money"]["in_doubt"]) == ({}, {})


def test_each_of_several_providers_has_its_own_line_of_charges() -> None:
    """In the order of the operations, whatever the order of the sums; what has no price is not called unknown."""

    def cost(provider: str, unit: str, amount: int, money: str | None) -> Cost:
        known: Any = {"money": None if money is None else Decimal(money), "currency": "USD" if money else ""}
        return Cost(unit=unit, amount=Decimal(amount), told=True, provider=provider, **known)

    credits_, checks = cost("dfirlab", "credit", 12, "1.20"), cost("defastra", "check", 5, None)
    both = replace(
        STATUS,
        operations=("defastra.email", "dfirlab.email"),
        charged=(credits_, checks),
        perhaps_charged=(cost("defastra", "check", 1, None),),
    )
    ended = replace(RESULT, status=both, receipt=replace(RECEIPT, cost=(cost("defastra", "check", 2, None), credits_)))
    assert [line for line in render.ended_text(ended, "").splitlines() if line.startswith("  charged")] == [
        "  charged   defastra: 2 checks (no price set) now, 5 checks (no price set) in all, "
        "up to 1 check (no price set) more in doubt",
        "  charged   dfirlab: 12 credits (1.20 USD) in all",
    ]
    assert [line for line in render.status_text(both).splitlines() if line.startswith("  charged")] == [
        "  charged   defastra: 5 checks (no price set) in all, up to 1 check (no price set) more in doubt",
        "  charged   dfirlab: 12 credits (1.20 USD) in all",
    ]
