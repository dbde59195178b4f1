"""`providers list|show|test`: what can be asked, at what price and pace, and how its answers are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runner.cli.ahead import price_text
from runner.cli.options import Common, Switch, Text
from runner.cli.render import facts, table
from runner.cli.terminal import Screen
from runner.cli.text import duration, listed
from runner.cli.trial import charged_text, does_text, trial_text, trials_object, verdict_text
from runner.domain.typed import typed_file
from runner.errors import ProfileError, UsageError

if TYPE_CHECKING:
    from runner.domain.provider import Lookup, Operation, Provider

Name = Annotated[str, Parameter(help="A provider's name, or a profile file of your own.")]


def providers_list(*, common: Common | None = None) -> int:
    """List providers with their operations, prices and limits: the shipped ones and those of runner.toml."""
    rows = [("operation", "provider", "price", "limits")]
    wrong: list[ProfileError] = []
    with (common or Common()).open() as library:
        for provider in library.providers(on_error=wrong.append):
            rows += [
                (operation.key, provider.title, price_text((library.price(operation),)), limits_text(provider))
                for operation in provider.operations.values()
            ]
    screen = Screen()
    screen.data(table(rows))
    for error in wrong:
        screen.say(f"not listed: {error.what}: {'; '.join(error.why.splitlines())}")
    return 0


def providers_show(name: Name, /, *, common: Common | None = None) -> int:
    """Show one provider: its address, key, limits, operations with their columns, and every rule with its meaning."""
    with (common or Common()).open() as library:
        provider = library.provider(name)
        prices = {one.key: price_text((library.price(one),)) for one in provider.operations.values()}
    Screen().data(provider_text(provider, prices))
    return 0


def providers_test(
    name: Annotated[str | None, Parameter(help="A provider's name, or a profile file (default: all known).")] = None,
    /,
    *,
    json: Annotated[Switch, Parameter(name="--json", help="One JSON object on stdout.")] = False,
    common: Common | None = None,
) -> int:
    """Run the examples of a profile: each must lead to the rule it names. Exit 2 with all mistakes if one does not.

    Shown are all rules in their order: what each does, whether it is charged, which answers it takes, its examples. Of
    an example that leads elsewhere: its answer, what took it, and the first condition of the right rule it misses.
    A note says what may be meant otherwise, and changes no exit code.
    """
    screen = Screen()
    with (common or Common()).open() as library:
        trials = library.trials(name)
    if json:
        screen.json(trials_object(trials))
    elif name is not None:
        screen.data("\n\n".join(map(trial_text, trials)))
    else:
        screen.data("\n".join(verdict_text(trial) for trial in trials))
    failed = [trial.error for trial in trials if trial.error is not None]
    for error in failed:
        screen.error(error)
    return max((error.exit_code for error in failed), default=0)


def providers_new(
    name: Annotated[str, Parameter(help="What to call it: a-z, 0-9 and _.")],
    /,
    *,
    from_: Annotated[Text, Parameter(name="--from", help="Begin with a copy of this provider's profile.")] = None,
    output: Annotated[Text, Parameter(name="-o", help="The file to write (default: NAME.toml here).")] = None,
    common: Common | None = None,
) -> int:
    """Write a profile of your own to fill in: complete, with comments that lead from a page about errors to rules."""
    from runner.settings.home import at_home

    target = Path(at_home(output or f"{name}.toml"))
    again = f"runner providers new {name}{f' --from {typed_file(from_)}' if from_ else ''} -o "
    with (common or Common()).open() as library:
        text = library.starter(name, base=from_)
        if target.suffix != ".toml":
            raise UsageError(
                f"a profile's file ends in .toml: {target}", why="That is how -p knows it.", fix=f"-o {name}.toml"
            )
        try:
            library.check_profile(target)
        except UsageError as error:
            error.fix = f"{again}{name}-profile.toml"
            raise
    _create(target, text, again=again)
    shown = target if target.is_absolute() else f"./{target}"
    with (common or Common()).open() as library:
        operation = next(iter(library.provider(str(target)).operations))
    screen = Screen()
    screen.say(f"{shown} is written. Next:")
    for command, why in (
        (f"runner providers test {quote(str(shown))}", "after each change"),
        (f"runner sandbox {quote(str(shown))}", "in a second terminal: plays it on this machine"),
        (f"runner run LIST.csv -p {quote(f'{shown}:{operation}')}", "against the sandbox, until you change base_url"),
    ):
        screen.say(f"  {command}   ({why})")
    return 0


def _create(target: Path, text: str, *, again: str) -> None:
    """Write a new file. UsageError: it is there, or cannot be. `again`: the command up to the file's name."""
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(
            f"{target} is there already",
            why="It may be somebody's work.",
            fix=f"{again}{typed_file(f'{target.stem}-2.toml')}",
        ) from error
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(f"{target} cannot be written", why=f"{why}.", fix=f"{again}FILE.toml") from error


def limits_text(provider: Provider) -> str:
    """`60 in 1 min, 2 in 1 s, 5 at once`."""
    windows = [f"{limit.at_most} in {duration(limit.per_seconds)}" for limit in provider.limits]
    return ", ".join([*windows, f"{provider.in_flight} at once"])


def provider_text(provider: Provider, prices: Mapping[str, str]) -> str:
    """A provider in full. `prices`: of one request, by operation."""
    auth = provider.http.auth
    where = auth.secret.describe() if auth.secret else "none needed"
    lines = [
        f"{provider.name}: {provider.title}",
        facts(
            [
                ("address", provider.http.base_url),
                ("key", where),
                ("limits", limits_text(provider)),
                ("headers", ", ".join(name for name, _ in provider.http.headers)),
                ("charges", _places_text(provider.http.charge)),
                ("balance", _places_text(provider.http.balance)),
                *(("docs", page) for page in provider.docs),
            ]
        ),
        *(_operation_text(operation, prices[operation.key]) for operation in provider.operations.values()),
        "",
        table([("rule", "does", "charged", "advice"), *_rules(provider)]),
    ]
    return "\n".join(lines)


def _places_text(places: Iterable[Lookup]) -> str:
    """`as answers state it: meta.credits_used or the header X-Credits-Used`; empty where none does."""
    named = [place.body or f"the header {place.header}" for place in places]
    return f"as answers state it: {' or '.join(named)}" if named else ""


def _operation_text(operation: Operation, price: str) -> str:
    needs = listed(f"{one.name} ({one.kind})" for one in operation.inputs if one.required)
    takes = ", ".join(f"{one.name} ({one.kind})" for one in operation.inputs if not one.required)
    return f"\n{operation.key}\n" + facts(
        [
            ("needs", needs),
            ("takes", takes),
            ("price", price),
            ("again", _again_text(operation)),
            ("columns", ", ".join(operation.columns)),
        ]
    )


def _again_text(operation: Operation) -> str:
    """What repeating a request means, and who does it."""
    if not operation.safe:
        return "repeating it may cost again"
    if operation.price == 0 and not operation.hold:
        return "repeated by itself, without a charge"
    return f"repeated by itself; {'each may be charged' if operation.hold else 'what that costs is not known'}"


def _rules(provider: Provider) -> list[tuple[str, str, str, str]]:
    return [(rule.name, does_text(rule), charged_text(rule), rule.advice) for rule in provider.rules]
