"""Which rules can never be reached. Sound, not complete: what is reported is dead; some dead rules may pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.domain.body import is_position
from runner.domain.model import Action
from runner.domain.provider import Condition, Http, Rule
from runner.domain.rules import fits, kind_of, looks_at_body, same_json


def shadowed(rules: Sequence[Rule], http: Http) -> Iterator[tuple[int, Rule]]:
    """The position of each rule that never gets its turn, with an earlier rule that takes its answers."""
    for index, rule in enumerate(rules):
        takers = [_taker(rules[:index], rule, condition, http) for condition in rule.when]
        first = next((taker for taker in takers if taker), None)
        if first and all(takers):
            yield index, first


def covers(wide: Condition, narrow: Condition, http: Http) -> bool:
    """Whether every answer that `narrow` matches is matched by `wide`."""
    return (
        (wide.safe is None or wide.safe == narrow.safe)
        and (not wide.faults or (bool(narrow.faults) and narrow.faults <= wide.faults))
        and _covers_status(wide, narrow)
        and _covers_text(wide.code, narrow.code, narrow, http.error_code)
        and _covers_text(wide.type_, narrow.type_, narrow, http.error_type)
        and _covers_body(wide, narrow, http)
    )


def _taker(earlier: Sequence[Rule], rule: Rule, condition: Condition, http: Http) -> Rule | None:
    for other in earlier:
        # A success needs a body that can be read: what does not look at the body may still come by.
        passes = other.then is Action.SUCCEED and rule.then is not Action.SUCCEED and not looks_at_body(condition)
        if not passes and any(covers(wide, condition, http) for wide in other.when):
            return other
    return None


def _covers_status(wide: Condition, narrow: Condition) -> bool:
    if not wide.statuses and not wide.status_classes:
        return True
    if not narrow.statuses and not narrow.status_classes:
        return False
    exact = all(status in wide.statuses or status // 100 in wide.status_classes for status in narrow.statuses)
    return exact and narrow.status_classes <= wide.status_classes


def _covers_text(wide: tuple[str, ...], narrow: tuple[str, ...], condition: Condition, path: str | None) -> bool:
    if not wide:
        return True
    known = condition.equals.get(path) if path else None
    given = narrow or ((known,) if isinstance(known, str) else ())
    return bool(given) and all(any(_covers_pattern(one, other) for one in wide) for other in given)


def _covers_pattern(wide: str, narrow: str) -> bool:
    if narrow.endswith("*") and not wide.endswith("*"):
        return False
    return fits(wide, narrow.removesuffix("*"))


def _covers_body(wide: Condition, narrow: Condition, http: Http) -> bool:
    present = _present(narrow, http)
    return (
        all(path in present for path in wide.has)
        and all(path in narrow.equals and same_json(narrow.equals[path], value) for path, value in wide.equals.items())
        and all(_surely_contains(narrow, path, part, http) for path, part in wide.contains.items())
        and all(_surely_is(narrow, path, kind) for path, kind in wide.is_.items())
    )


def _present(narrow: Condition, http: Http) -> set[str]:
    """Paths that hold something other than null whenever the condition matches, parents included."""
    paths = {*narrow.has, *narrow.equals, *narrow.contains}
    paths |= {path for path, kind in narrow.is_.items() if kind != "null"}
    paths |= {path for path, texts in _texts(narrow, http) if path and texts}
    return paths | {parent for path in paths for parent in _parents(path)}


def _parents(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _texts(narrow: Condition, http: Http) -> tuple[tuple[str | None, tuple[str, ...]], ...]:
    return ((http.error_code, narrow.code), (http.error_type, narrow.type_))


def _surely_contains(narrow: Condition, path: str, part: str, http: Http) -> bool:
    wanted = part.casefold()
    known = [narrow.contains.get(path), narrow.equals.get(path)]
    if any(isinstance(text, str) and wanted in text.casefold() for text in known):
        return True
    return any(
        path == where and texts and all(wanted in text.removesuffix("*").casefold() for text in texts)
        for where, texts in _texts(narrow, http)
    )


def _surely_is(narrow: Condition, path: str, kind: str) -> bool:
    if narrow.is_.get(path) == kind:
        return True
    if path in narrow.equals:
        return kind_of(narrow.equals[path]) == kind
    if kind == "string":
        return path in narrow.contains
    deeper = (*narrow.has, *narrow.equals, *narrow.contains, *narrow.is_)
    below = [other.removeprefix(f"{path}.") for other in deeper if other.startswith(f"{path}.")]
    # A number below may be a position: then it can be an array as well.
    return kind == "object" and any(not is_position(other.partition(".")[0]) for other in below)
