"""All mistakes of a profile, collected before anything is refused: file, key and hint on one line each.

Nothing here quotes what lies below `auth`: somebody may have written a key there.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from runner.errors import ProfileError

KeyPath = tuple[str | int, ...]
"""Where in the tables: names of keys, and positions in arrays counted from 0."""

_SHAPES: Final = {
    "model_type": "a table",
    "dict_type": "a table",
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "date_type": "a date such as 2026-11-21",
}

M = TypeVar("M", bound=BaseModel)


@dataclass(kw_only=True)
class Mistakes:
    """What is wrong with one profile. `overrides` are the tables of runner.toml that were laid over it."""

    file: str
    tables: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overrides_file: str = ""
    lines: list[str] = field(default_factory=list)

    def add(self, path: KeyPath, text: str) -> None:
        """Note one mistake. `path` may end in a key that is missing."""
        self._note(self.overrides_file if _reaches(self.overrides, path) else self.file, path, text)

    def add_override(self, path: KeyPath, text: str) -> None:
        """Note one mistake of the overrides, though its key be missing there."""
        self._note(self.overrides_file, path, text)

    def _note(self, file: str, path: KeyPath, text: str) -> None:
        line = f"{file}: {self._spell(path)}: {text}" if path else f"{file}: {text}"
        if line not in self.lines:
            self.lines.append(line)

    def read(self, model: type[M], raw: Any, path: KeyPath) -> M | None:
        """One table as a value, or None; whatever is wrong with its shape is noted."""
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                place = tuple(part for part in one["loc"] if part != "[key]")
                self.add(path + place, _describe(one, model, place))
            return None

    def refuse_if_any(self, *, fix: str) -> None:
        """Raise ProfileError with every mistake, one a line."""
        error = self.error(fix=fix)
        if error is not None:
            raise error

    def error(self, *, fix: str) -> ProfileError | None:
        """Every mistake, one a line; None where there is none."""
        if not self.lines:
            return None
        count = "a mistake" if len(self.lines) == 1 else f"{len(self.lines)} mistakes"
        return ProfileError(f"the profile {self.file} has {count}", why="\n".join(self.lines), fix=fix)

    def _spell(self, path: KeyPath) -> str:
        """`rules[no-funds].then`, `limits[2].at_most`: rules by name, other positions counted from 1."""
        spelt = ""
        place: Any = self.tables
        for part in path:
            if isinstance(part, str):
                spelt += f".{part}" if spelt else part
            else:
                spelt += f"[{_label(place, part)}]"
            place = _step(place, part)
        return spelt


def quoted(text: object) -> str:
    """A word of the profile in quotes, shortened."""
    word = text if isinstance(text, str) else repr(text)
    return f'"{word}"' if len(word) <= 60 else f'"{word[:59]}…"'


def near(word: object, known: Iterable[str]) -> str:
    """`; did you mean "x"?`, or nothing if nothing known is like it."""
    matches = difflib.get_close_matches(str(word), list(known), 1, 0.6)
    return f"; did you mean {quoted(matches[0])}?" if matches else ""


def _label(array: Any, index: int) -> str:
    """The name of an array's member; its position from 1 where it has none, or one above has the same."""
    names = [_step(member, "name") for member in array[: index + 1]]
    own = names[-1]
    return own if isinstance(own, str) and own and own not in names[:-1] else str(index + 1)


def _step(place: Any, part: str | int) -> Any:
    if isinstance(part, str):
        return place.get(part) if isinstance(place, Mapping) else None
    return place[part] if isinstance(place, list) and part < len(place) else None


def _reaches(overrides: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether the key was written in the overrides: their tables merge, everything else in them replaces."""
    place: Any = overrides
    for part in path:
        if not isinstance(place, Mapping):
            return True
        if part not in place:
            return False
        place = place[part]
    return bool(path)


def _describe(error: Any, model: type[BaseModel], place: KeyPath) -> str:
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key{near(place[-1], _keys_at(model, place[:-1]))}"
        case "missing":
            return "this key is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "too_short":
            return "must not be empty"
        case "list_type":
            return f"must be an array{_array_of(error['input'], _keys_at(model, place))}"
        case kind if kind in _SHAPES:
            return f"must be {_SHAPES[kind]}"
        case _:
            text = str(error["msg"]).removeprefix("Input should be ")
            return f"must be {text}".replace("True", "true")


def _array_of(given: object, keys: list[str]) -> str:
    """How the array would begin, where that is plain; what was given is not quoted: it may stand below `auth`."""
    if "header" in keys:
        key = next((key for key in keys if isinstance(given, Mapping) and key in given), "header")
        return f': [{{ {key} = "…" }}]'
    return ': ["…"]' if isinstance(given, str) and not keys else ""


def _keys_at(model: type[BaseModel], place: KeyPath) -> list[str]:
    """The keys that the table at a place may have."""
    for part in place:
        field_info = next((info for name, info in model.model_fields.items() if (info.alias or name) == part), None)
        inner = _model_in(field_info.annotation) if field_info else model
        if inner is None:
            return []
        model = inner
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The table a field holds, directly or as members of a list or a table."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_in(argument))), None)
