"""`load`, and the flags that it shares with `run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter, Token, convert

from runner.cli.ahead import known_text
from runner.cli.notices import tell_notices
from runner.cli.options import (
    CAPS,
    OUTPUT,
    Common,
    InFlight,
    Limit,
    MaxRequests,
    MaxSpend,
    Rate,
    Reuse,
    Rows,
    Switch,
    Text,
)
from runner.cli.progress import ProgressMode
from runner.cli.render import loaded_text
from runner.cli.targets import named_list
from runner.cli.terminal import Screen
from runner.domain.model import InDoubtPolicy
from runner.errors import UsageError

File = Annotated[str | None, Parameter(help="A list (- is stdin), unless --from is given.")]


def _policy(_: Any, tokens: Sequence[Token]) -> InDoubtPolicy:
    # Of a flag that may be left out, cyclopts reads `none` as "not given".
    policy: InDoubtPolicy = convert(InDoubtPolicy, tokens)
    return policy


@Parameter(name="*", group=CAPS)
@dataclass(frozen=True, kw_only=True)
class Caps:
    """Where a run stops by itself, and how fast it may go."""

    max_spend: MaxSpend = ()
    max_requests: MaxRequests = None
    in_doubt: Annotated[
        InDoubtPolicy | None,
        Parameter(
            help="What becomes of requests sent and never answered: hold (first default) or resend-once.",
            show_default=False,
            converter=_policy,
        ),
    ] = None
    rate: Rate = None
    in_flight: InFlight = None
    limit: Limit = None
    reuse: Reuse = None
    max_wait: Annotated[
        Text, Parameter(help="End with exit 6 when a provider asks for a longer wait (default: 15m).")
    ] = None
    wait: Annotated[Text, Parameter(help="Queue this long behind another run, e.g. 2h, instead of exit 7.")] = None
    max_failed: Annotated[
        Text, Parameter(help="Halt when more than this share of ended requests failed, e.g. 10%.")
    ] = None

    until: Annotated[Text, Parameter(help="HH:MM, local time: send nothing more from then on; exit 5.")] = None
    for_: Annotated[Text, Parameter(name="--for", help="Send for so long at most, e.g. 2h, then end with exit 5.")] = (
        None
    )

    def bounds(self) -> dict[str, Any]:
        """Keyword arguments of `Runner.preflight`."""
        return {
            "max_spend": self.max_spend or None,
            "max_requests": self.max_requests,
            "rate": self.rate,
            "limit": self.limit,
            "reuse": self.reuse,
        }

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `Runner.run`."""
        return self.bounds() | {
            "in_doubt": self.in_doubt,
            "in_flight": self.in_flight,
            "max_wait": self.max_wait,
            "wait": self.wait,
            "max_failed": self.max_failed,
            "until": self.until,
            "for_": self.for_,
        }


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Output:
    """Where the rows go, and what is said meanwhile."""

    output: Annotated[
        Text,
        Parameter(
            name="-o",
            help="The file to write (default: BATCH.csv beside the list); none, or - for stdout.",
            allow_leading_hyphen=True,
        ),
    ] = None
    to_table: Annotated[
        Text,
        Parameter(help="Insert or update each settled row in this table of --source, too; none ends that."),
    ] = None
    overwrite: Annotated[Switch, Parameter(help="Replace a file that this batch did not write.")] = False
    no_guard: Annotated[
        Switch, Parameter(help="Leave the provider's texts as they are, even if they look like formulas.")
    ] = False
    progress: Annotated[ProgressMode, Parameter(help="What is shown while it works.")] = ProgressMode.AUTO
    json: Annotated[Switch, Parameter(help="At the end, one JSON object on one line of stdout.")] = False
    quiet: Annotated[Switch, Parameter(name="-q", help="Show nothing but errors and halts.")] = False
    verbose: Annotated[
        Switch, Parameter(name="-v", help="Show each request, and the trace of an unexpected error.")
    ] = False
    log_file: Annotated[Text, Parameter(help="Append a record of each request to this file.")] = None


def load(file: File = None, /, *, rows: Rows | None = None, common: Common | None = None) -> int:
    """Import a list and send nothing: columns are found, cells checked, equal values put together."""
    screen = Screen()
    flags = rows or Rows()
    with (common or Common()).open() as library:
        if file is None and flags.from_ is None:
            raise UsageError(
                "nothing to load",
                why="neither a file nor --from was given",
                fix="runner load leads.csv -p defastra.email",
            )
        loaded = library.load(named_list(file), **flags.arguments())
        tell_notices(library, screen, set())
        screen.say(loaded_text(loaded))
        for sentence in known_text(library.known(loaded)) if loaded.added_rows else ():
            screen.say(sentence)
    return 0
