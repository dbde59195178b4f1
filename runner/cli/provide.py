"""`providers list|show|test`: what can be asked, at what price and pace, and how its answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.options import Common
from runner.cli.render import facts, table
from runner.cli.terminal import Screen
from runner.cli.text import amount, count, duration, listed, plural
from runner.errors import ProfileError

if TYPE_CHECKING:
    from runner.domain.provider import Operation, Provider

Name = Annotated[str, Parameter(help="A provider's name, or a profile file of your own.")]


def providers_list(*, common: Common | None = None) -> int:
    """List providers with their operations, prices and limits: the shipped ones and those of runner.toml."""
    rows = [("operation", "provider", "price", "limits")]
    with (common or Common()).open() as library:
        for provider in library.providers():
            rows += [
                (operation.key, provider.title, price_text(operation), limits_text(provider))
                for operation in provider.operations.values()
            ]
    Screen().data(table(rows))
    return 0


def providers_show(name: Name, /, *, common: Common | None = None) -> int:
    """Show one provider: its address, key, limits, operations with their columns, and every rule with its meaning."""
    with (common or Common()).open() as library:
        Screen().data(provider_text(library.provider(name)))
    return 0


def providers_test(name: Name, /, *, common: Common | None = None) -> int:
    """Run the examples of a profile: each must lead to the rule it names. Exit 2 with all mistakes if one does not."""
    with (common or Common()).open() as library:
        provider = library.provider(name)
    from runner.providers.examples import check_examples

    results = check_examples(provider)
    wrong = [result for result in results if not result.passed]
    if wrong:
        raise ProfileError(
            f"{count(len(wrong), 'example')} of {len(results)} of {provider.name} lead to another rule",
            why="\n".join(
                f"example {one.number} at {one.operation}: {one.verdict.rule}, not {one.example.rule}" for one in wrong
            ),
            fix="correct the profile or its example, then test again",
        )
    Screen().data(f"{provider.name}: {count(len(results), 'example')}, each leads to the rule it names")
    return 0


def price_text(operation: Operation) -> str:
    """`1 check`, `up to 2 checks`, or `unknown`."""
    if operation.price_max is not None and operation.price_max != operation.price:
        return f"up to {amount(operation.price_max)} {plural(operation.unit, amount(operation.price_max))}"
    if operation.price is None:
        return "unknown"
    return f"{amount(operation.price)} {plural(operation.unit, amount(operation.price))}"


def limits_text(provider: Provider) -> str:
    """`60 in 1 min, 2 in 1 s, 5 at once`."""
    windows = [f"{limit.at_most} in {duration(limit.per_seconds)}" for limit in provider.limits]
    return ", ".join([*windows, f"{provider.in_flight} at once"])


def provider_text(provider: Provider) -> str:
    """A provider in full."""
    auth = provider.http.auth
    where = auth.secret.describe() if auth.secret else "none needed"
    lines = [
        f"{provider.name}: {provider.title}",
        facts(
            [
                ("address", provider.http.base_url),
                ("key", where),
                ("limits", limits_text(provider)),
                *(("docs", page) for page in provider.docs),
            ]
        ),
        *(_operation_text(operation) for operation in provider.operations.values()),
        "",
        table([("rule", "does", "charged", "advice"), *_rules(provider)]),
    ]
    return "\n".join(lines)


def _operation_text(operation: Operation) -> str:
    needs = listed(f"{one.name} ({one.kind})" for one in operation.inputs if one.required)
    takes = ", ".join(f"{one.name} ({one.kind})" for one in operation.inputs if not one.required)
    return f"\n{operation.key}\n" + facts(
        [
            ("needs", needs),
            ("takes", takes),
            ("price", price_text(operation)),
            ("again", "may be repeated without a charge" if operation.safe else "repeating it may cost again"),
            ("columns", ", ".join(operation.columns)),
        ]
    )


def _rules(provider: Provider) -> list[tuple[str, str, str, str]]:
    words = {"unknown": "in doubt"}
    return [(rule.name, rule.then, words.get(rule.debited, rule.debited), rule.advice) for rule in provider.rules]
