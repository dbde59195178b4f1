"""Bugs around doubt, crashes and what the next run makes of them."""

from __future__ import annotations

from tests.simulation.mutants.patch import mutant

RECOVERING = (
    mutant(
        "doubt-turned-into-failed",
        "P7: what was open at a crash is in doubt",
        (
            "store/recovery.py",
            "UPDATE jobs SET state = 'in_doubt', run = NULL",
            "UPDATE jobs SET state = 'failed', run = NULL",
        ),
        rare=True,
    ),
    mutant(
        "doubt-sent-again-at-recovery",
        "P7: a person or the policy decides about doubt",
        (
            "store/recovery.py",
            "_close(connection, attempt, now_us=now_us, safe=repeat, due_us=due_us)",
            "_close(connection, attempt, now_us=now_us, safe=True, due_us=due_us)",
        ),
        rare=True,
    ),
    mutant(
        "open-attempts-not-charged",
        "P8: what may have been charged is counted",
        ("store/recovery.py", '"debited": "no" if free else "unknown"', '"debited": "no"'),
    ),
    mutant(
        "claims-not-released",
        "P1: what a dead run had claimed is given back",
        ("store/recovery.py", "    connection.exec_driver_sql(RELEASE)\n", ""),
    ),
    mutant(
        "open-attempts-left-open",
        "P7: no attempt stays open",
        (
            "store/recovery.py",
            "in connection.exec_driver_sql(_OPEN).all():",
            "in connection.exec_driver_sql(_OPEN).all()[:0]:",
        ),
    ),
    mutant(
        "one-dead-run-is-enough",
        "P7: every open attempt, not only the last one",
        (
            "store/recovery.py",
            "in connection.exec_driver_sql(_OPEN).all():",
            "in connection.exec_driver_sql(_OPEN).all()[-1:]:",
        ),
        rare=True,
    ),
    mutant(
        "silence-as-failure",
        "P8: a lost answer is doubt",
        ("domain/decide.py", "        return answer.fault is Fault.NO_ANSWER\n", "        return False\n"),
    ),
    mutant(
        "server-error-as-failure",
        "P8: a 5xx of unknown charge is doubt",
        (
            "domain/decide.py",
            "return status >= 500 or verdict.action is not Action.FAIL",
            "return status < 500 and verdict.action is not Action.FAIL",
        ),
        rare=True,
    ),
    mutant(
        "unclear-refusal-repeated",
        "P8: a 4xx of unknown charge is not sent again by itself",
        (
            "domain/decide.py",
            "return status >= 500 or verdict.action is not Action.FAIL",
            "return status >= 500",
        ),
    ),
    mutant(
        "safe-requests-in-doubt",
        "a request that is free to repeat is repeated",
        (
            "domain/decide.py",
            "    if safe or verdict.debited is not Debited.UNKNOWN",
            "    if verdict.debited is not Debited.UNKNOWN",
        ),
        rare=True,
    ),
    mutant(
        "resent-twice-in-a-run",
        "P8: `resend-once` means once",
        (
            "domain/decide.py",
            "situation.policy is InDoubtPolicy.RESEND_ONCE and not job.possible_double_charge",
            "situation.policy is InDoubtPolicy.RESEND_ONCE",
        ),
        rare=True,
    ),
    mutant(
        "resent-once-a-run",
        "P8: `resend-once` means once over all runs",
        ("store/requeue.py", "{_IN_DOUBT} AND possible_double_charge = 0 AND operation", "{_IN_DOUBT} AND operation"),
        rare=True,
    ),
    mutant(
        "hold-not-held",
        "P7: under `hold` nothing in doubt is sent again by itself",
        (
            "work/run.py",
            "    if order.options.in_doubt is InDoubtPolicy.RESEND_ONCE:\n        released",
            "    if order.options.in_doubt:\n        released",
        ),
        rare=True,
    ),
    mutant(
        "resent-without-a-mark",
        "P8: what may be charged twice says so",
        ("store/settling.py", "possible_double_charge = possible_double_charge | new.column10, reason", "reason"),
        rare=True,
    ),
    mutant(
        "resolved-without-a-mark",
        "P8: what a person sends again says so",
        ("store/requeue.py", "            move = _QUEUE_MARKED\n", "            move = _QUEUE\n"),
        rare=True,
    ),
    mutant(
        "charged-and-yet-sent-again",
        "P9: a request that a person calls charged is over",
        (
            "store/requeue.py",
            "UPDATE jobs SET state = 'failed', reason = '{LOST_ANSWER}', final = 1",
            "UPDATE jobs SET state = 'failed', reason = 'no-answer', final = 0",
        ),
    ),
    mutant(
        "half-a-load-kept",
        "P1: an interrupted load is started over",
        (
            "store/loading.py",
            "self._create(connection, new)\n            try:\n                _clear(connection, load)\n",
            "self._create(connection, new)\n            try:\n",
        ),
        rare=True,
    ),
    mutant(
        "kept-answers-not-put-back",
        "P6: an answer that the database did not take is put back by the next run",
        (
            "store/putback.py",
            "if attempt is not None and attempt.closed_us is None and _settle(connection, settlement):",
            "if attempt is None:",
        ),
        rare=True,
    ),
    mutant(
        "answers-not-kept",
        "P6: an answer that the database does not take is kept beside it",
        ("store/keeper.py", "            kept = self._spill.keep(answers, unsure)\n", "            kept = True\n"),
        rare=True,
    ),
    mutant(
        "crashes-not-counted",
        "P18: a job on the wire at three crashes ends as poison",
        ("store/recovery.py", "j.crashes + 1 AS crashes", "1 AS crashes"),
        rare=True,
    ),
)
