"""`spend`: what was sent and charged, in the provider's units and, where `[prices]` knows, in money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.options import Common, Switch
from runner.cli.render import facts, table
from runner.cli.terminal import Screen
from runner.cli.text import number, plural
from runner.work.money import costs_text, money_text
from runner.work.records import By

if TYPE_CHECKING:
    from runner.work.records import Spend, SpendLine


def spend(
    batch: Annotated[
        str | None, Parameter(help="Its name, the beginning of it, or its input file (default: all batches).")
    ] = None,
    /,
    *,
    since: Annotated[
        str | None, Parameter(help="From this day on: 7d, or a date such as 2026-11-20.", show_default=False)
    ] = None,
    by: Annotated[By, Parameter(help="What a line is of.")] = By.DAY,
    json: Annotated[Switch, Parameter(help="One JSON object on one line.")] = False,
    common: Common | None = None,
) -> int:
    """Show how many requests were sent, how many of them were charged, and what that came to.

    Days are UTC, from midnight to midnight, by when a request was sent. Amounts are in the provider's unit, and in
    money where [prices] in runner.toml knows it.
    """
    from runner.work.records import spend_json

    screen = Screen()
    with (common or Common()).open() as library:
        name = None if batch is None else library.find(batch)
        found = library.spend(name, since=since, by=by)
    if json:
        screen.json(spend_json(found))
    elif found.lines:
        screen.data(spend_text(found))
    else:
        screen.say(f"nothing was sent{f' since {found.since} (UTC)' if found.since else ''}")
    return 0


def spend_text(spend: Spend) -> str:
    """The lines with their totals, and what they come to in money."""
    told = any(line.cost.told for line in spend.totals)
    head = (_HEAD[spend.by], "provider", "requests", "charged", "not charged", "in doubt", "amount")
    rows: list[tuple[str, ...]] = [(*head, "money") if told else head]
    rows += [_row(line, getattr(line, spend.by.value), told=told) for line in spend.lines]
    rows += [_row(line, "total", told=told) for line in spend.totals]
    doubtful = [line.in_doubt_cost for line in spend.totals if line.in_doubt]
    return "\n".join(
        filter(
            None,
            [
                table(rows),
                facts(
                    [
                        ("in money", _money_text(spend) if told else ""),
                        ("in doubt", f"up to {costs_text(doubtful)} more" if doubtful else ""),
                    ]
                ),
            ],
        )
    )


_HEAD = {By.DAY: "day (UTC)", By.BATCH: "batch", By.OPERATION: "operation"}


def _row(line: SpendLine, first: str, *, told: bool) -> tuple[str, ...]:
    cost = line.cost
    counts = (line.requests, line.charged, line.not_charged, line.in_doubt)
    row = (first, line.provider, *map(number, counts), f"{number(cost.amount)} {plural(cost.unit, cost.amount)}")
    known = "unknown" if cost.money is None else money_text(cost.money, cost.currency)
    money = known if cost.amount else "nothing"
    return (*row, money) if told else row


def _money_text(spend: Spend) -> str:
    """The sum, or what of it is known."""
    if spend.money is not None:
        return " + ".join(money_text(amount, currency) for currency, amount in spend.money.items()) or "nothing"
    missing = sorted({f'"{line.provider}.{line.cost.unit}"' for line in spend.totals if _lacks_price(line)})
    return f"unknown: [prices] has no {', '.join(missing)}"


def _lacks_price(line: SpendLine) -> bool:
    """Whether its money is unknown for want of a price: where nothing was charged, none is needed."""
    return line.cost.money is None and bool(line.cost.amount)
