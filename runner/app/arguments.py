"""What each argument of the library takes, by its name, and the one place where that is checked: Python hands on
whatever it is given, and a text that is meant for a number would be found out by a file of that name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar, cast

from runner.app.keywords import RunKeywords
from runner.app.listing import ListKeywords
from runner.app.watching import BatchLike
from runner.domain.provider import Operation
from runner.engine.stop import StopSignal
from runner.errors import UsageError
from runner.work.tools import Seams

P = ParamSpec("P")
T = TypeVar("T")


class Takes(NamedTuple):
    """A kind of value."""

    fits: Callable[[object], bool]
    why: str
    example: str


def _is_text(given: object) -> bool:
    return isinstance(given, str)


def _is_path(given: object) -> bool:
    return isinstance(given, str | Path)


def _is_row(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _is_several(given: object, fits: Callable[[object], bool]) -> bool:
    """Whether it can be gone through twice, and holds nothing else."""
    return isinstance(given, Collection) and not isinstance(given, Mapping | str) and all(map(fits, given))


def _are_texts(given: object) -> bool:
    return _is_text(given) or _is_several(given, _is_text)


def _are_pairs(given: object) -> bool:
    if isinstance(given, Mapping):
        return _is_several(given.keys(), _is_text) and all(map(_is_text, given.values()))
    return _are_texts(given)


def _are_batches(given: object) -> bool:
    """A generator is gone through once only: what it yields is looked at by whoever finds the batches."""
    if isinstance(given, BatchLike) or not isinstance(given, Collection):
        return isinstance(given, BatchLike | Iterable)
    return all(one is not None for one in given)


def _text(example: str) -> Takes:
    return Takes(_is_text, "It is a text.", f'"{example}"')


def _path(example: str) -> Takes:
    return Takes(_is_path, "It is a text or a pathlib.Path.", f'"{example}"')


def _texts(example: str) -> Takes:
    return Takes(_are_texts, "It is a text, or a list of texts.", example)


def _pairs(example: str) -> Takes:
    return Takes(_are_pairs, "It is a mapping of texts to texts, or one or several texts NAME=VALUE.", example)


def _called(of: str) -> Takes:
    return Takes(callable, f"A function that takes {of} is called.", "print")


def _flag(example: bool) -> Takes:
    return Takes(lambda given: isinstance(given, bool), "It is True or False.", str(example))


def _of(kind: type[object], example: str) -> Takes:
    return Takes(lambda given: isinstance(given, kind), f"It is a runner.{kind.__name__}.", example)


_READ_LATER: Final = Takes(lambda _: True, "Whoever reads it says what it cannot be, None included.", "")

TAKES: Final[Mapping[str, Takes]] = MappingProxyType(
    {
        # Lists, batches and what is written to are looked at where they are opened or found; quantities are parsed.
        **dict.fromkeys(("source", "target"), _READ_LATER),
        **dict.fromkeys(
            ("max_requests", "max_spend", "in_flight", "limit", "rate", "reuse", "max_failed"), _READ_LATER
        ),
        **dict.fromkeys(("max_wait", "wait", "poll", "until", "for_", "older_than", "max_invalid"), _READ_LATER),
        **dict.fromkeys(("in_doubt", "by", "resolution"), _READ_LATER),
        "batch": Takes(
            lambda given: given is not None, "It is the name of a batch, or what `load` gave back.", '"leads"'
        ),
        "batches": Takes(_are_batches, "It is a batch, or a list of them.", '["leads"]'),
        "check_output.batch": _text("leads"),
        "operations": _texts('["defastra.email"]'),
        "columns": _texts('["risk_score"]'),
        "mapping": _pairs('{"email": "E-mail"}'),
        "params": _pairs('{"label": "crm"}'),
        "query": _text("people"),
        "database": _text("crm"),
        "key": _text("id"),
        "region": _text("DE"),
        "encoding": _text("utf-8"),
        "delimiter": _text(";"),
        "to_table": _text("scored"),
        "table": _text("scored"),
        "only": _text("failed"),
        "provider": _text("defastra"),
        "name": _text("defastra"),
        "base": _text("defastra"),
        "match": _text("ada@example.com"),
        "since": _text("7d"),
        "path": _path("runner.db"),
        "config": _path("runner.toml"),
        "env_file": _path(".env"),
        "directory": _path("."),
        "file": _path("runner.log"),
        "check_profile.file": _path("acme.toml"),
        "output": _path("leads.out.csv"),
        "backup.target": _path("runner.copy.db"),
        "lists": Takes(lambda given: _is_several(given, _is_path), "It is a list of paths.", '["leads.csv"]'),
        "row": Takes(lambda given: _is_row(given) or _is_text(given), "It is a row's number, or a value.", "1"),
        "resolve.row": Takes(
            lambda given: _is_row(given) or _is_several(given, _is_row), "It is a row's number, or a list of them.", "1"
        ),
        "attempt": Takes(_is_row, "It is the number of a request, from 1.", "1"),
        "on_event": _called("an event"),
        "on_result": _called("a result"),
        "on_line": _called("a line"),
        "on_error": _called("an error"),
        "stop": _of(StopSignal, "runner.StopSignal()"),
        "seams": _of(Seams, "runner.Seams()"),
        "operation": _of(Operation, 'r.provider("defastra").operations["email"]'),
        "environ": Takes(lambda given: isinstance(given, Mapping), "It is a mapping, as os.environ is.", "os.environ"),
        **dict.fromkeys(("follow", "overwrite", "add", "new", "raw", "offline", "notify"), _flag(True)),
        **dict.fromkeys(("guard", "header"), _flag(False)),
    }
)
"""By the argument's name, or "METHOD.NAME" where a method takes another kind under that name. None is taken as well
where its type says so."""

_OPEN: Final = MappingProxyType({"Unpack[RunKeywords]": RunKeywords, "Unpack[ListKeywords]": ListKeywords})


def fitted(kind: type[T]) -> type[T]:
    """A class whose public methods refuse what their arguments do not take. UsageError, before anything is done."""
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            setattr(kind, name, fitting(method))
    return kind


def fitting(function: Callable[P, T]) -> Callable[P, T]:
    """A function, or a method, that does. KeyError: an argument is not in the table."""
    written = inspect.unwrap(function)
    arguments = _arguments(written)
    positions = written.__code__.co_varnames[: written.__code__.co_argcount]

    def check(given: tuple[object, ...], named: Mapping[str, object]) -> None:
        for argument, value in (*zip(positions, given, strict=False), *named.items()):
            takes, optional = arguments.get(argument, (_READ_LATER, True))
            if not takes.fits(value) and not (optional and value is None):
                raise _unfit(argument, value, takes)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*given: Any, **named: Any) -> Any:
            check(given, named)
            return await function(*given, **named)

        return cast("Callable[P, T]", awaited)

    @functools.wraps(function)
    def blocking(*given: P.args, **named: P.kwargs) -> T:
        check(given, named)
        return function(*given, **named)

    return blocking


def _arguments(written: Callable[..., object]) -> dict[str, tuple[Takes, bool]]:
    """What each of them takes, and whether it may be None: as its type says, which is text here, and not evaluated."""
    types: dict[str, str] = {}
    for name, annotation in written.__annotations__.items():
        if annotation in _OPEN:
            types |= {key: value.__forward_arg__ for key, value in _OPEN[annotation].__annotations__.items()}
        elif name != "return":
            types[name] = annotation
    return {
        name: (TAKES.get(f"{written.__name__}.{name}") or TAKES[name], annotation.endswith("| None"))
        for name, annotation in types.items()
    }


def _unfit(name: str, value: object, takes: Takes) -> UsageError:
    held = value.values() if isinstance(value, Mapping) else value
    odd = ""
    if isinstance(held, Collection) and not isinstance(held, str | bytes) and held:
        odd = " of " + " and ".join(sorted({type(one).__name__ for one in held}))
    return UsageError(
        f"{name} cannot be a value of type {type(value).__name__}{odd}", why=takes.why, fix=f"{name}={takes.example}"
    )
