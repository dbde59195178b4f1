"""DFIR Lab: what was charged, what was not, and what nobody knows."""

from __future__ import annotations

import pytest

from runner.domain.decide import is_in_doubt
from runner.domain.model import Action, Answer, Debited, Fault
from runner.domain.rules import classify
from tests.providers.dfirlab import DFIR, HTML, answer, error, judge


@pytest.mark.parametrize(
    "body", [HTML, "", error("internal_error", "internal_error"), error(None, "service_unavailable")]
)
@pytest.mark.parametrize("status", [500, 502, 503])
def test_their_5xx_is_sent_again_although_nobody_knows_the_charge(status, body):
    """They call it safe to retry: no doubt is held, but the charge stays unknown."""
    verdict = judge(status, body)
    assert (verdict.action, verdict.debited, verdict.resend) == (Action.RETRY, Debited.UNKNOWN, True)
    assert not is_in_doubt(answer(status, body), verdict, safe=False)


@pytest.mark.parametrize(
    ("used", "headers", "debited", "charge"),
    [
        (3, {}, Debited.YES, 3_000_000),
        (5, {}, Debited.YES, 5_000_000),
        (0, {}, Debited.NO, 0),
        (None, {"X_Credits_Used": "5"}, Debited.YES, 5_000_000),
        (None, {"X_Credits_Used": "0"}, Debited.NO, 0),
        (3, {"X_Credits_Used": "9"}, Debited.YES, 3_000_000),
        (None, {}, Debited.YES, None),
        ("many", {"X_Credits_Used": "many"}, Debited.YES, None),
    ],
)
def test_a_success_costs_what_they_say(used, headers, debited, charge):
    """`meta.credits_used`, else the header, decides over the price; 0 is not charged."""
    meta = {"request_id": "req_2"} | ({} if used is None else {"credits_used": used})
    verdict = judge(200, {"data": {"results": []}, "meta": meta}, **headers)
    assert (verdict.rule, verdict.action, verdict.debited, verdict.charge) == (
        "success",
        Action.SUCCEED,
        debited,
        charge,
    )
    assert verdict.provider_request_id == "req_2"


@pytest.mark.parametrize(
    ("used", "debited"), [("0", Debited.NO), ("3", Debited.YES), (None, Debited.UNKNOWN), ("?", Debited.UNKNOWN)]
)
@pytest.mark.parametrize("status", [200, 500, 502])
def test_an_error_that_states_its_charge_leaves_no_doubt_about_it(status, used, debited):
    """X-Credits-Used is read on errors and unreadable answers too."""
    headers = {} if used is None else {"X_Credits_Used": used}
    verdict = judge(status, HTML, **headers)
    assert (verdict.action, verdict.debited) == (Action.RETRY, debited)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, ""),
        (200, HTML),
        (200, '{"data": {'),
        (200, "[]"),
        (200, "{}"),
        (200, '{"data": null}'),
        (200, '{"data": []}'),
        (200, '{"status": true}'),
        (201, '{"data": {"results": []}}'),
        (202, '{"data": {"status": "IN_PROGRESS"}}'),
        (204, ""),
    ],
)
def test_200_with_data_is_the_one_success(status, body):
    """Anything else that looks like one may be paid for: in doubt, never a success."""
    verdict = judge(status, body)
    assert (verdict.rule, verdict.action, verdict.debited) == ("unrecognised", Action.RETRY, Debited.UNKNOWN)
    assert is_in_doubt(answer(status, body), verdict, safe=False)


def test_a_lost_answer_is_in_doubt():
    """Credits may be deducted before the work, and there is no key that would make a second request free."""
    lost = Answer(fault=Fault.NO_ANSWER)
    verdict = classify(DFIR, DFIR.operations["email"], lost)
    assert (verdict.rule, verdict.debited) == ("no-answer", Debited.UNKNOWN)
    assert is_in_doubt(lost, verdict, safe=DFIR.operations["email"].safe)
