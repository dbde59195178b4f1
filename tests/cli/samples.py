"""A batch, its run and the story of a row, as they are handed to what shows them."""

from decimal import Decimal
from pathlib import Path

from runner.domain.model import Debited
from runner.domain.states import BatchState, JobState
from runner.work.money import Cost
from runner.work.results import (
    AttemptStory,
    BatchStatus,
    Exported,
    Halt,
    JobStory,
    LaneStatus,
    Next,
    Receipt,
    RunResult,
    Saved,
)

HALT = Halt(
    provider="defastra",
    reason="insufficient-funds",
    code="INSUFFICIENT_FUNDS",
    message="No credit left for jane@example.com\x1b[2J",
    advice="Top up the wallet, then run the same command again.",
    at_us=0,
)


COUNTS = {
    JobState.SUCCEEDED: 47,
    JobState.FAILED: 1,
    JobState.IN_DOUBT: 2,
    JobState.QUEUED: 140,
    JobState.RUNNING: 0,
    JobState.CANCELLED: 0,
}


RECEIPT = Receipt(
    sent=52,
    charged=47,
    not_charged=3,
    in_doubt=2,
    cost=(Cost(unit="check", amount=Decimal(47), money=None, currency="", told=False),),
    doubtful=(Cost(unit="check", amount=Decimal(2), money=None, currency="", told=False),),
)


STATUS = BatchStatus(
    batch="leads-defastra-email",
    handle="leads",
    state=BatchState.HALTED,
    reason="insufficient-funds",
    resume_at_us=None,
    rows=200,
    jobs=190,
    outcomes=COUNTS,
    by_provider={"defastra": COUNTS},
    not_sent=3,
    attempts=52,
    debited={Debited.YES: 47, Debited.NO: 3, Debited.UNKNOWN: 2},
    spent={"check": Decimal(47)},
    held={"check": Decimal(0)},
    in_doubt_amount={"check": Decimal(2)},
    charged=(Cost(unit="check", amount=Decimal(47), money=None, currency="", told=False),),
    perhaps_charged=(Cost(unit="check", amount=Decimal(2), money=None, currency="", told=False),),
    receipt=RECEIPT,
    duplicates=Saved(requests=7, cost=(Cost(unit="check", amount=Decimal(7), money=None, currency="", told=False),)),
    reused=Saved(requests=0, cost=()),
    wallets=(),
    lanes=(
        LaneStatus(
            provider="defastra", state="halted", reason="insufficient-funds", until_us=None, rate=None, in_flight=5
        ),
    ),
    halts=(HALT,),
    eta_us=None,
    next=Next(command="runner run leads-defastra-email", why="one request goes first"),
    exit_code=4,
    operations=("defastra.email",),
    source="leads.csv",
    created_us=0,
)


RESULT = RunResult(
    batch=STATUS.batch,
    exit_code=4,
    status=STATUS,
    sent=52,
    charged=47,
    not_charged=3,
    in_doubt=2,
    receipt=RECEIPT,
    run=1,
    interrupted=None,
    requeued=4,
    released=0,
    reused=0,
    target="leads-defastra-email.csv",
    exported=Exported(batch=STATUS.batch, path=Path("leads-defastra-email.csv"), rows=200, diverted=False),
    notices=(),
)


ATTEMPT = AttemptStory(
    number=1,
    opened_us=0,
    closed_us=2_500_000,
    method="POST",
    path="/deep_email_check",
    status=200,
    fault=None,
    cut_off=False,
    rule="invalid-email",
    why='code "INVALID_EMAIL"',
    advice="Check it in your list.",
    then="failed for good",
    action="fail",
    debited=Debited.NO,
    amount=Decimal(0),
    unit="check",
    cost=Cost(unit="check", amount=Decimal(0), money=None, currency="", told=False),
    error_code="INVALID_EMAIL",
    error_message="jane.doe@example.com is not an e-mail",
    client_request_id="abcdefghij234567",
    provider_request_id="req-9",
    wait_seconds=None,
    resolution=None,
)


STORY = JobStory(
    batch=STATUS.batch,
    row=17,
    line=18,
    operation="defastra.email",
    value="jane.doe@example.com",
    state="failed",
    reason="invalid-email",
    final=True,
    due_us=None,
    http_status=200,
    result=None,
    possible_double_charge=False,
    shared_rows=2,
    attempts=(ATTEMPT,),
    next="Nothing: this failure is final.",
)
