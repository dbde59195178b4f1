"""Bugs around one request: its intent, its answer, and who may send at all."""

from __future__ import annotations

from tests.simulation.mutants.patch import mutant

_SEND = "    answer = refused if request is None else await lane"

SENDING = (
    mutant(
        "a-token-before-its-time-ends-the-run",
        "P2: a run that ends by itself leaves nothing in the queue",
        (
            "engine/feed.py",
            "        self._dry = self._waits_for_token = False\n        if",
            "        self._waits_for_token = False\n        if",
        ),
        (
            "engine/worker.py",
            "    return lane.idle or (await lane.feed.is_over() and not lane.active)\n",
            "    return True\n",
        ),
        rare=True,
    ),
    mutant(
        "send-before-commit",
        "P4: no byte leaves before its intent is durable",
        ("engine/attempt.py", _SEND, _SEND.replace("refused if request is None", "early if early")),
        (
            "engine/attempt.py",
            "    asked = shared.clock.monotonic()\n",
            "    asked = shared.clock.monotonic()\n"
            "    early = refused if request is None else await lane.transport.send(request)\n",
        ),
    ),
    mutant(
        "one-id-for-all-attempts",
        "P10: each attempt has a name of its own",
        (
            "engine/attempt.py",
            "client_request_id=lane.shared.randomness.attempt_id(),",
            'client_request_id=f"job{job.id:013d}",',
        ),
    ),
    mutant(
        "another-id-sent-than-stored",
        "P10: what the provider is told is what is stored",
        (
            "engine/attempt.py",
            "_prepare(lane, operation, job, client_request_id)",
            "_prepare(lane, operation, job, shared.randomness.attempt_id())",
        ),
    ),
    mutant(
        "sent-twice",
        "P5: one attempt, one request",
        (
            "engine/attempt.py",
            "    lane.own.over(flight, sent=answer.fault not in UNSENT)\n",
            "    if answer.fault is not None and request is not None:\n"
            "        answer = await lane.transport.send(request)\n"
            "    lane.own.over(flight, sent=answer.fault not in UNSENT)\n",
        ),
    ),
    mutant(
        "looked-at-before-the-commit-only",
        "P15: a lane that shut while the intent was committed sends nothing",
        (
            "engine/attempt.py",
            "if not lane.may_send(leave) or shared.clock.monotonic() - asked > STALE_SECONDS:",
            "if shared.clock.monotonic() - asked > STALE_SECONDS:",
        ),
        rare=True,
    ),
    mutant(
        "halt-leaves-the-gate-open",
        "P15: after a halt nothing more leaves",
        ("engine/consequences.py", '        lane.gate.close("halted")\n', ""),
    ),
    mutant(
        "halt-fails-the-job",
        "P15: the job whose answer halted waits for better times",
        (
            "domain/decide.py",
            "        case Action.HALT:\n            return _decision(JobEvent.RELEASE,",
            "        case Action.HALT:\n            return _decision(JobEvent.FAIL,",
        ),
    ),
    mutant(
        "halt-forgotten-by-the-next-run",
        "P15: a halt survives restarts; only a success lifts it",
        ("engine/lane.py", "            self._halted_before = last\n", "            pass\n"),
        rare=True,
    ),
    mutant(
        "probe-not-alone",
        "a shut lane lets one request through",
        ("engine/gate.py", "if self._probing or now < self.until:", "if now < self.until:"),
    ),
    mutant(
        "lane-opened-by-a-fault",
        "a lane is opened by an answer",
        (
            "engine/gate.py",
            "            if self.shut is Shut.HALT and not doubt:\n",
            "            self._open(now + 3600.0)\n            if self.shut is Shut.HALT and not doubt:\n",
        ),
    ),
    mutant(
        "stop-not-looked-at",
        "P16: after a signal nothing new leaves",
        (
            "engine/lane.py",
            "if self.shared.stop.reason is not None or self.own_halt is not None:",
            "if self.own_halt is not None:",
        ),
        (
            "engine/lane.py",
            "return self.shared.stop.reason is not None or self.closed is not None",
            "return self.closed is not None",
        ),
    ),
    mutant(
        "two-transactions",
        "P6: an answer and what it does to its job are one commit",
        (
            "store/settling.py",
            "    # A withdrawn attempt taught nothing about its job",
            "    if not connection.in_nested_transaction():  # one that is put back is part of the recovery\n"
            "        connection.commit()\n"
            "        connection.begin()\n"
            "    # A withdrawn attempt taught nothing about its job",
        ),
        rare=True,
    ),
    mutant(
        "answer-tidied-before-it-is-stored",
        "P6: stored as received, byte for byte",
        (
            "store/settling.py",
            "bytearray(s.answer.body)",
            'bytearray(s.answer.body.decode("utf-8", "replace").encode())',
        ),
        rare=True,
    ),
    mutant(
        "attempts-not-counted",
        "P13: a job has so many attempts and no more",
        (
            "store/settling.py",
            "        s.due_us,\n        int(s.spent),\n        int(s.answer.fault in UNSENT),",
            "        s.due_us,\n        0,\n        int(s.answer.fault in UNSENT),",
        ),
    ),
    mutant(
        "duplicates-not-seen",
        "P8: each distinct value is paid for once",
        (
            "store/pieces.py",
            "piece.asked.append((place, operation, job_key, value, ",
            'piece.asked.append((place, operation, f"{job_key}#{number}", value, ',
        ),
    ),
    mutant(
        "done-in-spite-of-doubts",
        "P2: exit 0 only if every job ended well",
        (
            "work/status.py",
            "return 3 if outcomes.get(JobState.FAILED) or outcomes.get(JobState.IN_DOUBT) else 0",
            "return 3 if outcomes.get(JobState.FAILED) else 0",
        ),
    ),
    mutant(
        "claims-kept-at-the-end",
        "P1: what was claimed and not used is given back",
        (
            "engine/feed.py",
            "                await self._asked.on(self._store.release(self._claim.run, jobs))\n",
            "                pass\n",
        ),
    ),
)
