"""The flags that several commands share, as values."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Group, Parameter, Token

from runner.domain.addresses import has_password
from runner.domain.personal import redact
from runner.domain.typed import PLACE_FLAGS, as_file
from runner.errors import UsageError
from runner.work.aim import aimed

if TYPE_CHECKING:
    from runner.app import Runner

INPUT, CAPS, OUTPUT, COMMON = (
    Group(name, sort_key=place)
    for place, name in enumerate(("Input", "Limits of yours", "Output", "Common"), start=100)
)  # after every group of commands


_MOST: Final = 2**63 - 1  # what the database can hold


def whole(example: int, *, why: str = "It is a whole number, in digits.") -> Callable[[Any, Sequence[Token]], int]:
    """A converter for numbers. UsageError: the word is none; `none` and `null` are not "not given", as cyclopts has it
    of a flag that may be left out, and 2.7 is not rounded: a cap would be gone, or higher, without a word.

    `example`: a value that the flag takes, for the fix.
    """

    def read(_: Any, tokens: Sequence[Token]) -> int:
        flag, word = tokens[0].keyword, tokens[0].value
        try:
            number = int(word)
        except ValueError:
            raise UsageError(
                f"{flag}: not a whole number: {redact(word)!r}", why=why, fix=f"{flag} {example}"
            ) from None
        if abs(number) > _MOST:
            raise UsageError(f"{flag} is too much: {word}", why=f"{_MOST:,} is the most.", fix=f"{flag} {example}")
        return number

    return read


Switch = Annotated[bool, Parameter(negative="", show_default=False)]
"""A flag without a value and without a `--no-` twin."""

Text = Annotated[str | None, Parameter(show_default=False)]
"""A flag with one value, off unless given."""

Texts = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]
"""A flag that may be given several times."""

MaxSpend = Annotated[
    Texts, Parameter(help="[PROVIDER=]X: never owe more than X of the provider's unit for this batch.")
]
MaxRequests = Annotated[
    int | None,
    Parameter(
        help="Never make more than N requests for this batch.",
        show_default=False,
        converter=whole(
            500, why="It is a whole number. Where a cap is kept, it is raised by a higher one, and not taken back."
        ),
    ),
]
InFlight = Annotated[
    int | None,
    Parameter(help="Requests on the way at once, per provider.", show_default=False, converter=whole(1)),
]
Rate = Annotated[Text, Parameter(help="N/s, N/min or N/h: slower than the provider allows; none takes it back.")]
Limit = Annotated[
    int | None, Parameter(help="Work on at most N values in this run.", show_default=False, converter=whole(500))
]
Reuse = Annotated[
    Text, Parameter(help="Take answers of other batches no older than this, e.g. 30d, in place of sending.")
]
"""What of a run `check` counts with too."""


@Parameter(name="*", group=COMMON)
@dataclass(frozen=True, kw_only=True)
class Common:
    """Flags that every command which works on a database takes."""

    db: Annotated[Text, Parameter(help="The database file (default: runner.db beside the nearest runner.toml).")] = None
    config: Annotated[Text, Parameter(help="Read only this settings file, instead of runner.toml and yours.")] = None
    env_file: Annotated[Text, Parameter(help="A file of NAME=VALUE lines in which keys are looked up too.")] = None
    yes: Annotated[Switch, Parameter(name=["--yes"], help="Answer yes to every question.")] = False

    def words(self) -> list[str]:
        """Those that a following command needs too, as one types them."""
        given = zip(PLACE_FLAGS, (self.db, self.config, self.env_file), strict=True)
        return [word for flag, value in given if value is not None for word in (flag, as_file(value))]

    def aim(self, text: str) -> str:
        """`text` with these flags in the commands that it proposes."""
        return aimed(text, self.words())

    def open(self) -> Runner:
        """The library on the database these flags name. Nothing is read or created until a method needs it."""
        with _without_collections():
            from runner import app

        refuse_password(self.db, flag="--db")
        return app.open(self.db, config=self.config, env_file=self.env_file)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Imports leave no garbage: that it is looked for again and again takes a fifth of their time. What they made
    stays, and is never looked through again."""
    if "runner.app" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@Parameter(name="*", group=INPUT)
@dataclass(frozen=True, kw_only=True)
class Rows:
    """Flags that say how a list is read: those of `load`, which `run` takes too."""

    operations: Annotated[
        Texts,
        Parameter(name="-p", help="What to ask, e.g. defastra.email; may be given several times."),
    ] = ()
    batch: Annotated[Text, Parameter(help="The batch's name (default: made from file and operations).")] = None
    map: Annotated[Texts, Parameter(help="[PROVIDER.OP:]PARAM=COLUMN: which column holds a parameter.")] = ()
    set: Annotated[Texts, Parameter(help="PARAM=VALUE: one value of a parameter for all rows.")] = ()
    region: Annotated[Text, Parameter(help="Country of national phone numbers, e.g. US.")] = None
    from_: Annotated[Text, Parameter(name="--from", help="A table or SELECT to read instead of a file.")] = None
    source: Annotated[
        Text, Parameter(help="The database of --from, and of --to-table: a name in [sources] of runner.toml, or a URL.")
    ] = None
    key: Annotated[Text, Parameter(help="The column that tells the rows of --from apart.")] = None
    add: Annotated[Switch, Parameter(help="The list changed: send only what is new in it.")] = False
    new: Annotated[Switch, Parameter(help="The list changed: begin a new batch.")] = False
    encoding: Annotated[Text, Parameter(help="The file's encoding (default: UTF-8, else cp1252, shown).")] = None
    delimiter: Annotated[Text, Parameter(help="The character between columns (default: found among , ; TAB |).")] = None
    no_header: Annotated[
        Switch, Parameter(help="The first line is a row; columns are named column_1, column_2, ...")
    ] = False

    def given(self) -> bool:
        """Whether any of them was."""
        return self != Rows()

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `Runner.load`. UsageError for a URL with a password in it."""
        refuse_password(self.source, flag="--source")
        return {
            "operations": self.operations,
            "batch": self.batch,
            "mapping": self.map,
            "params": self.set,
            "region": self.region,
            "query": self.from_,
            "database": self.source,
            "key": self.key,
            "add": self.add,
            "new": self.new,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header": not self.no_header,
        }


STDIN = "/dev/stdin"
"""What a list on stdin is called within: cyclopts takes the `-` that people type for an option without a name."""


def spelled_out(words: Sequence[str]) -> list[str]:
    """The words of a command line with `-` as `STDIN` where it stands for a list; only `-o` takes a `-` itself."""
    if not words or words[0] not in ("check", "load", "run"):
        return list(words)
    return [
        STDIN if word == "-" and before != "-o" else word for before, word in zip(["", *words], words, strict=False)
    ]


def common_in(words: Sequence[str]) -> Common:
    """The common flags of a command line that need not make sense otherwise; a URL with a password is left out."""
    found: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], ""], strict=False):
        flag, joined, value = word.partition("=")
        value = value if joined else following
        if flag in PLACE_FLAGS and value and (joined or not value.startswith("-")) and not has_password(value):
            found[flag] = value
    db, config, env_file = map(found.get, PLACE_FLAGS)
    return Common(db=db, config=config, env_file=env_file)


def refuse_password(url: str | None, *, flag: str) -> None:
    """UsageError if a URL carries a password: others on this machine can read a command line."""
    if url and has_password(url):
        raise UsageError(
            f"{flag} has a password in it",
            why="everybody on this machine can read the command line, and the shell keeps it",
            fix='put this into runner.toml, then --source crm:\n[sources.crm]\nurl = { env = "CRM_URL" }',
        )
