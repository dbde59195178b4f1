"""`log` and `spend`: the same as the views, in sentences and in sums, also through the real command line."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from runner.cli.history import log_text
from runner.cli.spend import spend_text
from runner.domain.states import BatchState
from runner.store.values import Wish
from runner.work import event_words
from runner.work.money import Cost
from runner.work.records import By, Record, Spend, SpendLine
from tests.cli.place import RUN, inside, names, write_list

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"(answers|balance|batch|wish|jobs|doubts|streak|run|lane|machine|clock|pace|notify)\.[a-z]+")
LANES = ("open", "limited", "gated", "circuit", "parked", "halted", "done")
PRICED = '[prices]\n"defastra.check" = "0.02 EUR"\n'


def record(event: str, **detail: object) -> Record:
    return Record(
        at_us=1_795_000_000_000_000,
        run=1,
        batch="leads-defastra-email",
        handle="leads",
        provider="defastra",
        title="Defastra",
        event=event,
        detail=detail,
    )


def written() -> set[str]:
    """Every name of an event that the program writes: as a literal, or made of a state, a wish, a lane's
    state, a place outside."""
    found = set()
    for path in [*(ROOT / "runner" / "store").glob("*.py"), *(ROOT / "runner" / "engine").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.add(node.value)
    made = {f"batch.{state}" for state in BatchState} | {f"wish.{wish}" for wish in Wish}
    made |= {f"{place}.{what}" for place in ("source", "table") for what in ("trouble", "mended")}
    return found | made | {f"lane.{state}" for state in LANES}


def test_every_event_has_a_sentence_and_a_line_in_the_docs() -> None:
    """No more and no fewer than the program writes."""
    page = (ROOT / "docs" / "database.md").read_text("utf-8")
    section = page.split("## v_events\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    documented = {name for cell in cells for name in re.findall(r"`([a-z]+\.[a-z]+)`", cell)}
    assert set(event_words._SENTENCES) == written()
    assert documented == written()


@pytest.mark.parametrize(
    ("event", "detail", "words"),
    [
        ("lane.halted", {"reason": "no-funds", "code": "NO_FUNDS"}, "halted: Defastra says NO_FUNDS"),
        ("lane.halted", {"reason": "provider-down"}, "halted: provider down"),
        ("lane.circuit", {"reason": "down"}, "waiting for now, then one request: it fails again and again (down)"),
        (
            "lane.circuit",
            {"reason": "unreachable", "message": "Connection refused"},
            "nobody is there (Connection refused): waiting for now, then a look",
        ),
        (
            "lane.gated",
            {"until": "2026-11-18T11:07:00.000Z", "code": "SLOW"},
            "waiting until 11:07:00: Defastra says SLOW",
        ),
        ("lane.gated", {"until": "2026-11-18T11:07:00.000Z"}, "waiting until 11:07:00, as it asked before"),
        (
            "lane.parked",
            {"until": "2026-11-19T00:00:00.000Z", "reason": "daily-check-limit"},
            "waiting until 2026-11-19 00:00:00: daily check limit",
        ),
        ("batch.paused", {"reason": "max-spend"}, "stopped: --max-spend is reached"),
        ("batch.paused", {"reason": "person"}, "you: pause"),
        (
            "batch.paused",
            {"reason": "reset", "resume_at": "2026-11-19T00:00:00.000Z"},
            "waiting until 2026-11-19 00:00:00: the provider resets",
        ),
        (
            "batch.recovered",
            {"doubts": 3, "released": 1},
            "a run was cut off; 3 of its requests are in doubt, 1 it had taken up waits again",
        ),
        ("batch.recovered", {"doubts": 0, "released": 0}, "a run was cut off; nothing was on the way"),
        (
            "batch.recovered",
            {"doubts": 0, "released": 1, "on_the_way": 1},
            "a run was cut off; nothing on the way is in doubt, 1 it had taken up waits again",
        ),
        ("batch.paused", {"reason": "interrupted"}, "interrupted; what was answered is stored"),
        (
            "batch.paused",
            {"reason": "interrupted", "cut_off": True},
            "paused: its run was cut off; what was answered is stored",
        ),
        ("jobs.retried", {"jobs": 12}, "you: retry failed, 12 requests queued again"),
        ("jobs.retried", {"jobs": 1, "rule": "bad"}, "you: retry failed:bad, 1 request queued again"),
        (
            "batch.settings",
            {"max_spend": {"defastra": 1500, "dfirlab": 0.5}, "output": "/a/b/out.csv"},
            "you: --max-spend defastra=1500 --max-spend dfirlab=0.5 -o out.csv",
        ),
        ("doubts.resolved", {"jobs": 2, "resolution": "charged"}, "you: 2 requests in doubt counted as charged"),
        (
            "batch.tuned",
            {"rate": "30/min", "rate_before": "1/s", "in_flight": 2, "max_spend": 5, "max_spend_before": {"acme": 3}},
            "you: tune --rate 30/min (was 1/s), --in-flight 2 (was off), --max-spend 5 (was acme=3)",
        ),
        ("lane.limits", {"rate": "54/60 s"}, "its limits changed: at most 54 in 60 s now"),
        (
            "lane.limits",
            {"rate": "54/60 s", "in_flight": 2},
            "its limits changed: at most 54 in 60 s, 2 on the way at once now",
        ),
        (
            "balance.differs",
            {"unit": "check", "opening": 500, "closing": 370, "debited": 128, "in_doubt": 2, "difference": 2},
            "Defastra's wallet fell by 130 checks, the answers account for 128: 2 more were charged; "
            "perhaps what is in doubt was charged, or something else uses this key",
        ),
        (
            "balance.grew",
            {"unit": "check", "opening": 10, "closing": 509, "topped_up": 500, "debited": 1, "difference": 0},
            "its wallet grew by at least 500 checks: it was topped up",
        ),
        (
            "balance.low",
            {"unit": "check", "balance": 120, "requests": 1856, "cost": 1856},
            "its wallet holds 120 checks, what waits costs at least 1,856 checks: it will run dry",
        ),
        ("machine.slept", {"seconds": 28_680.4}, "the machine slept 7 h 58 min; going on"),
        ("clock.set", {"seconds": 3600}, "the clock of this machine was set ahead by 1 h"),
        ("clock.set", {"seconds": -7.5}, "the clock of this machine was set back by 8 s"),
        ("lane.done", {"reason": "limit"}, "sends nothing more: --limit is reached"),
        ("batch.exported", {"rows": 2, "file": "20261121.csv"}, "2 rows written to 20261121.csv"),
        ("tomorrow.invented", {"jobs": 2}, "tomorrow invented: jobs 2"),
        (
            "lane.halted",
            {"message": "ask bob@example.com\x1b[2J"},
            'halted: Defastra says "ask b…@example.com\\u001b[2J"',
        ),
    ],
)
def test_events_are_sentences(
    event: str, detail: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain words, in local time; nothing from outside moves the cursor or names a person."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert event_words.sentence(record(event, **detail)) == words
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_that_is_not_utc_is_told_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider resets at midnight UTC; the wall says something else."""
    import time

    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        parked = event_words.sentence(record("lane.parked", until="2026-11-19T00:00:00.000Z", code="DAILY"))
        lines = log_text([record("batch.running"), record("batch.completed")]).splitlines()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert parked == "waiting until 2026-11-19 01:00:00 (00:00 UTC): Defastra says DAILY"
    assert lines == [
        "2026-11-18 +01:00",
        "  12:06:40  leads  defastra  a run began",
        "  12:06:40  leads  defastra  completed",
    ]


def test_what_happened_is_told_in_order_and_in_part(folder, provider) -> None:
    """The newest last; `--limit` says what it left out; `--json` is the view; one batch or all; nothing is made."""
    missing = inside(folder, "log")
    assert (missing.returncode, "fix:" in missing.stderr) == (2, True)
    assert not (folder / "runner.db").exists()
    write_list(folder, *names("log", 3))
    write_list(folder, *names("other", 1), name="other.csv")
    inside(folder, *RUN, "--limit", "1")
    inside(folder, "load", "other.csv", "-p", "defastra.email")
    inside(folder, "pause", "other")
    lines = inside(folder, "log", "leads").stdout.splitlines()
    assert lines[1].endswith("its list is read")
    assert lines[-1].endswith("3 rows written to leads-defastra-email.csv")
    assert any(line.endswith("stopped: --limit is reached") for line in lines)
    everything = inside(folder, "log").stdout.splitlines()
    assert everything[-1].endswith("you: pause")
    few = inside(folder, "log", "--limit", "2")
    assert len(few.stdout.splitlines()) == 3
    assert "--limit 20 shows more" in few.stderr
    told = [json.loads(line) for line in inside(folder, "log", "--json").stdout.splitlines()]
    with closing(sqlite3.connect(folder / "runner.db")) as database:
        view = database.execute("SELECT * FROM v_events ORDER BY at").fetchall()
    assert [(*list(one.values())[:-1], one["detail"]) for one in told] == [
        (*line[:-1], json.loads(line[-1])) for line in view
    ]
    assert inside(folder, "log", "--since", "1h", "leads").stdout.splitlines() == lines
    assert inside(folder, "log", "--since", "2199-01-01").stderr.startswith("nothing happened")
    for wrong in (("--since", "soon"), ("--limit", "0")):
        refused = inside(folder, "log", *wrong)
        assert (refused.returncode, "fix: --" in refused.stderr) == (2, True)


def test_spending_is_shown_in_units_and_money(folder, provider) -> None:
    """By day, batch and operation; unknown money is said to be unknown; totals and JSON agree with the view."""
    assert inside(folder, "spend").returncode == 2
    write_list(folder, *names("spend", 3), "rule-invalid-request-email+spend@example.com")
    assert inside(folder, *RUN).returncode == 3
    plain = inside(folder, "spend", "leads").stdout.splitlines()
    assert plain[0].split("  ")[0] == "day (UTC)"
    assert "money" not in plain[0]
    assert plain[-1].split() == ["total", "defastra", "4", "3", "1", "0", "3", "checks"]
    toml = (folder / "runner.toml").read_text()
    (folder / "runner.toml").write_text(PRICED + toml)
    by_batch = inside(folder, "spend", "--by", "batch").stdout
    assert "leads-defastra-email  defastra  4         3        1            0         3 checks  0.06 EUR" in by_batch
    assert "in money  0.06 EUR" in by_batch
    found = json.loads(inside(folder, "spend", "--by", "operation", "--json").stdout)
    (line,) = found["lines"]
    assert line["operation"] == "defastra.email"
    assert (line["requests"], line["amount"], line["money"]) == (4, 3, {"amount": 0.06, "currency": "EUR"})
    assert [{**line, "operation": None}] == [{"operation": None, **total} for total in found["totals"]]
    assert json.loads(inside(folder, "spend", "--since", "2199-01-01", "--json").stdout)["lines"] == []
    assert inside(folder, "spend", "--by", "hour").returncode == 2


def test_a_price_that_nothing_was_charged_at_is_not_missed() -> None:
    """Requests that cost nothing need no price; what was charged and has none does."""
    free = Cost(unit="request", amount=Decimal(0), money=None, currency="", told=True)
    paid = Cost(unit="credit", amount=Decimal(3), money=None, currency="", told=True)
    totals = tuple(
        SpendLine(provider=name, requests=2, charged=0, not_charged=2, in_doubt=0, cost=cost, in_doubt_cost=free)
        for name, cost in (("defendis", free), ("dfirlab", paid))
    )
    shown = spend_text(Spend(by=By.DAY, since=None, batch=None, lines=(), totals=totals))
    assert shown.endswith('in money  unknown: [prices] has no "dfirlab.credit"')


def test_money_that_is_not_known_is_never_nothing(folder, provider) -> None:
    """A price for another unit only: the amount stays, the money is unknown and named as missing."""
    write_list(folder, *names("unknown", 1))
    inside(folder, *RUN)
    toml = (folder / "runner.toml").read_text()
    (folder / "runner.toml").write_text('[prices]\n"dfirlab.credit" = "1 EUR"\n' + toml)
    shown = inside(folder, "spend").stdout
    assert re.search(r"1 check +unknown", shown)
    assert 'in money  unknown: [prices] has no "defastra.check"' in shown
