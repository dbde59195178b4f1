"""Bugs in the ledger and under the caps."""

from __future__ import annotations

from tests.simulation.mutants.patch import mutant

MONEY = (
    mutant(
        "doubt-not-under-the-cap",
        "P8: a cap counts what is in doubt",
        ("domain/ledger.py", "            account.in_doubt += amount\n", "            pass\n"),
        rare=True,
    ),
    mutant(
        "earlier-doubt-not-under-the-cap",
        "P8: a cap counts the doubts of earlier runs",
        ("engine/budgets.py", "in_doubt=line.in_doubt)", "in_doubt=type(line.in_doubt)(0))"),
        rare=True,
    ),
    mutant(
        "requests-in-flight-not-under-the-cap",
        "P8: a cap counts what is on its way",
        ("domain/ledger.py", "        return self.sent + self.holds\n", "        return self.sent\n"),
        rare=True,
    ),
    mutant(
        "cap-for-each-run",
        "P8: a cap counts over the life of the batch",
        ("engine/budgets.py", "        for line in await store.spending(batch):\n", "        for line in []:\n"),
    ),
    mutant(
        "stated-charge-ignored",
        "P8: what the provider says it charged goes before the price",
        ("domain/rules.py", "    charge = _stated(http.charge, seen)", "    charge = None"),
    ),
    mutant(
        "charge-not-added-up",
        "P8: a job's amount is the sum of its charges",
        ("store/settling.py", "        s.amount if charged else 0,\n", "        0,\n"),
    ),
    mutant(
        "day-forgotten-by-the-next-run",
        "P8: what an account may spend in a day counts over all runs",
        ("engine/budgets.py", "allowance.limit(caps[provider], spent)", "allowance.limit(caps[provider], {})"),
        rare=True,
    ),
)
