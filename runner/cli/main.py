"""The entry: names every command, maps every error to its exit code, and is the only place that exits.

Commands are named by their module and imported when one is called, so that `--help` costs nothing of what a run needs.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from shlex import quote
from typing import Any, Final, NoReturn

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    Group,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from runner.cli.dashes import refuse_dashes, unknown_dash
from runner.cli.examples import EXAMPLES
from runner.cli.options import COMMON, Common, common_in, spelled_out
from runner.cli.terminal import Screen, error_object, prepare_streams, settle_streams
from runner.cli.text import redact
from runner.errors import RunnerError, StalledError, UsageError
from runner.work.words import release

GROUPS = ("Every day", "Start", "Work", "Watch", "Steer", "Providers", "Settings")
"""The parts of `runner --help`, in order; docs/commands.md begins with the same."""

_COMMANDS = (
    ("Every day", "check", "check:check", "Say what would be sent, at what price, in what time; send nothing."),
    ("Every day", "run", "run:run", "Import a list if it is new, send what is due, write the rows with their answers."),
    ("Every day", "status", "watch:status", "Show what a batch did and what it waits for."),
    ("Every day", "explain", "watch:explain", "Tell one row's story: every request, what came back, what it cost."),
    ("Every day", "doubt", None, "Requests that were sent and never answered."),
    ("Every day", "export", "output:export", "Write a batch's rows with their answers: CSV, JSON lines, Parquet."),
    (
        "Start",
        "demo",
        "demo:demo",
        "See it work on a small list, with a provider on this machine that charges nothing.",
    ),
    ("Start", "init", "init:init", "Write settings for this folder: the provider, the key, what it costs."),
    ("Start", "doctor", "doctor:doctor", "Look at everything a run needs, and say how to mend what is wrong."),
    ("Work", "load", "work:load", "Import a list and send nothing."),
    ("Watch", "log", "history:log", "Show what happened, the newest last."),
    ("Watch", "spend", "spend:spend", "Show what was sent and charged, by day, batch or operation."),
    ("Watch", "report", "report:report", "Write a batch as one page of HTML, to read or to send."),
    ("Steer", "pause", "steer:pause", "Stop sending for a batch until resume."),
    ("Steer", "resume", "steer:resume", "Lift a pause."),
    ("Steer", "cancel", "steer:cancel", "Give a batch up: what waits is never sent, answers stay."),
    ("Steer", "tune", "steer:tune", "Change the limits of a batch, while its run is at work too."),
    ("Steer", "retry", "steer:retry", "Queue failed rows again, final failures included."),
    ("Providers", "providers", None, "The paid APIs that can be asked."),
    ("Providers", "sandbox", "sandbox:sandbox", "Serve a provider on this machine, to try things without a key."),
    ("Settings", "config", None, "The settings that hold here."),
    ("Settings", "db", None, "The database file."),
    ("Settings", "completion", "complete:completion", "Print what teaches your shell to complete commands."),
)

_INNER = (
    ("doubt", "list", "steer:doubt_list", "List the requests in doubt, with what to look for at the provider."),
    ("doubt", "resolve", "steer:doubt_resolve", "Say what became of requests in doubt, after a look at the provider."),
    ("providers", "list", "provide:providers_list", "List providers and their operations."),
    ("providers", "show", "provide:providers_show", "Show a provider's limits, prices, columns and rules."),
    ("providers", "test", "provide:providers_test", "Run the examples of a profile; all mistakes at once."),
    ("providers", "new", "provide:providers_new", "Write a profile of your own to fill in."),
    ("config", "show", "config:show", "Show every setting, and where it comes from."),
    ("config", "path", "config:path", "Show where settings are read, and where the database is."),
    ("config", "schema", "config:schema", "Print a JSON Schema of runner.toml, for editors."),
    ("db", "status", "database:status", "Show the file, its size and its schema."),
    ("db", "upgrade", "database:upgrade", "Bring the file to this version's schema; a copy is kept."),
    ("db", "backup", "database:backup", "Write a consistent copy while anything may be at work."),
    ("db", "verify", "database:verify", "Put the promises to the file, line by line; exit 3 if one does not hold."),
    ("db", "purge", "database:purge", "Remove stored answers of batches that are over."),
    ("db", "erase", "database:erase", "Erase one person; sums still hold."),
)

_EXIT_CODES = (
    "The same command continues where the last one stopped.\n\n"
    "Exit codes: 0 done; 1 unexpected error; 2 usage, settings or list wrong, nothing was sent; 3 done, but some "
    "failed or are in doubt; 4 halted, a person must act; 5 stopped by a limit of yours, or by a person; 6 waiting "
    "until the provider resets; 7 another run is at work; 130, 143 interrupted and saved."
)


_MORE = {
    "run": _EXIT_CODES,
    "check": "Exit codes: 0 it can be sent; 2 it cannot, and why: a key is missing, the list is wrong or changed, "
    "the batch is paused.",
    "doctor": "Exit codes: 0 no problem; 2 a problem, each with its fix.",
    "completion": 'bash: eval "$(runner completion bash)" in ~/.bashrc; zsh: eval "$(runner completion zsh)" in '
    "~/.zshrc; fish: runner completion fish > ~/.config/fish/completions/runner.fish. A new shell then has it.",
}
"""What `COMMAND --help` says beyond its sentence, where the command's module is not to be imported for it."""


def build() -> App:
    """The command line as a tree of names; no command's module is imported."""
    app = App(
        name="runner",
        help="Enrich a list of e-mails or phones through a paid, rate-limited API: resumable, and never pays twice "
        "without saying so. Alone, it shows this folder's batches and the next command.",
        version=release,
        help_format="plaintext",
        group_parameters=Group("Options", sort_key=len(GROUPS)),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    groups = {name: Group(name, sort_key=place) for place, name in enumerate(GROUPS)}
    for place, (group, name, target, sentence) in enumerate(_COMMANDS):
        _name(app, name, target, sentence, group=groups[group], sort_key=place)
    for place, (outer, name, target, sentence) in enumerate(_INNER):
        _name(app[outer], name, target, sentence, words=f"{outer} {name}", sort_key=place)
    for flag in ("--help", "--version"):
        app[flag].group = (COMMON,)
    app["--help"].help = "Show this, or what a command takes: runner COMMAND --help."
    app["--version"].help = "Show the version."
    app.default(_home)
    return app


def _name(
    outer: App,
    name: str,
    target: str | None,
    sentence: str,
    *,
    words: str = "",
    group: Group | None = None,
    sort_key: int,
) -> None:
    """Add one command; `words`: how it is called behind `runner`, where that is more than its name."""
    words = words or name
    examples = "\n".join(f"$ {example}" for example in EXAMPLES[words])
    text = "\n\n".join(filter(None, [sentence, examples, _MORE.get(words, "")]))
    options: dict[str, Any] = {"name": name, "help": text, "sort_key": sort_key} | ({"group": group} if group else {})
    if target is None:
        outer.command(App(**options))
    else:
        outer.command(f"runner.cli.{target}", **options)


def _home(*, common: Common | None = None) -> int:
    from runner.cli.watch import home

    return home(common)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    prepare_streams()
    code = invoke(sys.argv[1:] if arguments is None else arguments)
    settle_streams()
    sys.exit(code)


def invoke(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Never raises."""
    screen = Screen()
    try:
        refuse_dashes(arguments)
        return build()(spelled_out(arguments)) or 0
    except CycloptsError as error:
        return _refuse(screen, usage(error, arguments), arguments)
    except StalledError as error:
        from runner.cli.crash import stalled

        return _refuse(screen, stalled(error, arguments), arguments)
    except RunnerError as error:
        return _refuse(screen, error, arguments)
    except KeyboardInterrupt:  # before or after the part of a run that drains
        screen.say("interrupted")
        return 130
    except BrokenPipeError:  # whoever read our data has enough
        return 0
    except Exception as error:  # the last line of defence: a short message, never a trace
        from runner.cli.crash import unexpected

        return _refuse(screen, unexpected(error, arguments), arguments)


def _refuse(screen: Screen, error: RunnerError, arguments: Sequence[str]) -> int:
    error.fix = common_in(arguments).aim(error.fix)
    if "--json" in arguments:
        screen.json(error_object(error))
    for notice in getattr(error, "__notes__", ()):
        screen.say(notice)
    screen.error(error)
    return error.exit_code


def usage(error: CycloptsError, arguments: Sequence[str]) -> UsageError:
    """A mistake on the command line in our three parts. What was typed is shortened: it may be a person's."""
    if isinstance(error, UnknownOptionError):
        meant = unknown_dash(error.token.keyword or error.token.value, arguments)
        if meant is not None:
            return meant
        setting = _setting(error.token.keyword or error.token.value, arguments)
        if setting is not None:
            return setting
    chain = " ".join(["runner", *(error.command_chain or ())])
    help_ = f"{chain} --help"
    if isinstance(error, UnusedCliTokensError | UnknownCommandError):
        extra = (error.unused_tokens or ["?"])[0]
        if chain in _PARENTS:
            return _no_command(chain, extra)
        return UsageError(f"`{chain}` was given too much: {redact(extra)}", why="it takes fewer words", fix=help_)
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        if error.keyword is not None:
            return UsageError(f"{error.keyword} has no value", why=f"`{chain}` was to be told one", fix=help_)
        return UsageError(f"`{chain}` needs {error.argument.name}", why="it was not given", fix=help_)
    why = next((why for kind, why in _WHY.items() if isinstance(error, kind)), "it cannot be called like this")
    return UsageError(redact(str(error)).rstrip("."), why=f"`{chain}`: {why}", fix=help_)


_SETTINGS: Final = frozenset({"max_spend_per_day", "operations", "http"})
"""Those of `[run]` that have no option of their name."""


def _setting(option: str, arguments: Sequence[str]) -> UsageError | None:
    """The error of an option that is a setting, with its value where that is nobody's; None: it is none."""
    flag, _, value = option.partition("=")
    name = flag.removeprefix("--").replace("-", "_")
    if not flag.startswith("--") or name not in _SETTINGS:
        return None
    after = [*arguments, "", ""][arguments.index(option) + 1] if option in arguments else ""
    given = value or after
    told = quote(given) if given and not given.startswith("-") and redact(given) == given else "..."
    variable = f"RUNNER_{name.upper()}"
    return UsageError(
        f"{flag} is no option but a setting",
        why=f"it is {name} under [run] in runner.toml, or the variable {variable}",
        fix=f"{'set' if os.name == 'nt' else 'export'} {variable}={told}",
    )


_WHY: dict[type[CycloptsError], str] = {
    UnknownOptionError: "it has no such option",
    CoercionError: "the option takes another kind of value",
}

_PARENTS = {
    "runner": tuple(name for _, name, _, _ in _COMMANDS),
    **{
        f"runner {outer}": tuple(name for parent, name, _, _ in _INNER if parent == outer)
        for outer in dict.fromkeys(parent for parent, _, _, _ in _INNER)
    },
}


def _no_command(chain: str, word: str) -> UsageError:
    names = _PARENTS[chain]
    if word in names:
        return UsageError(
            "an option stands before the command", why="options stand behind it", fix=f"{chain} {word} ..."
        )
    near = difflib.get_close_matches(word, names, n=1)
    why = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(names)}"
    return UsageError(f"unknown command: {redact(word)}", why=why, fix=f"{' '.join([chain, *near])} --help")
