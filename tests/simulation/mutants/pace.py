"""Bugs that let requests leave too early."""

from __future__ import annotations

from tests.simulation.mutants.patch import mutant

PACE = (
    mutant(
        "windows-lost-on-restart",
        "P11: windows are rebuilt from what was sent",
        (
            "engine/account.py",
            "        throttle.restore(await store.recent(self.fingerprint, since_us, max(REMEMBERED, most)))\n",
            "        pass\n",
        ),
        rare=True,
    ),
    mutant(
        "windows-forget-what-was-cut-off",
        "P11: a request found open after a crash has its place in a window",
        (
            "store/jobs.py",
            "AND closed_us IS NOT NULL AND sent\n",
            "AND closed_us IS NOT NULL AND sent AND http_status IS NOT NULL\n",
        ),
        rare=True,
    ),
    mutant(
        "windows-counted-from-sending",
        "P11: the server's windows hold whatever the latency",
        ("engine/window.py", "self._from_sending = pace is Pace.SENDER", "self._from_sending = True"),
    ),
    mutant(
        "place-freed-by-a-lost-answer",
        "P11: what was sent and not answered has its place in a window",
        ("engine/attempt.py", "sent=answer.fault not in UNSENT)\n    shared", "sent=answer.fault is None)\n    shared"),
        rare=True,
    ),
    mutant(
        "place-freed-before-the-answer",
        "P11: a request in flight has its place in a window",
        (
            "engine/window.py",
            "free = self.limit.at_most - self._traffic.in_flight",
            "free = self.limit.at_most",
        ),
    ),
    mutant(
        "asked-wait-ignored",
        "P12: nothing leaves before a Retry-After has passed",
        (
            "engine/consequences.py",
            "            retry_after_seconds=asked,\n",
            "            retry_after_seconds=None,\n",
        ),
    ),
    mutant(
        "wait-forgotten-by-the-next-run",
        "P12: a wait that was asked for survives restarts",
        ("engine/lane.py", "        if wait.asked_until_us is None:\n", "        if wait is not None:\n"),
        rare=True,
    ),
    mutant(
        "a-sleep-is-not-counted",
        "P17: a wait that passed while the machine slept is over",
        ("engine/realtime.py", "        if asleep > self.asleep:\n", "        if asleep < 0:\n"),
        rare=True,
    ),
    mutant(
        "nobody-is-woken",
        "P17: who sleeps until a time that has passed is woken",
        ("engine/realtime.py", "            scope.cancel()\n", "            pass\n"),
        ("engine/waking.py", "                lane.wake()\n", "                pass\n"),
        rare=True,
    ),
    mutant(
        "a-clock-that-was-set-is-taken-for-time",
        "P11: only what really passed ages a window",
        (
            "engine/realtime.py",
            "            self.set_by += jump\n",
            "            self.set_by += jump\n            self.asleep += max(0.0, jump)\n",
        ),
        rare=True,
    ),
    mutant(
        "refusal-spends-an-attempt",
        "P14: a refusal for being too fast burns no job",
        (
            "domain/decide.py",
            "            return _decision(JobEvent.RELEASE, LaneMove.PAUSE, verdict, amount)\n",
            "            return _retry(job, operation, answer, verdict, situation, amount)\n",
        ),
    ),
)
