"""The command that looks at a list again as it was read: what it says again, and what it leaves out."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from tests.app.place import Place

NATIONAL = ("(415) 555-0100", "(415) 555-0101", "+14155550102")


def proposed(place: Place, text: str, **told: Any) -> list[str]:
    """The words of the command behind the list, which has a phone without a country."""
    (place.folder / "p.csv").write_text(text)
    with place.runner() as r:
        step = place.run(r, r.load("p.csv", ["defastra.phone"], max_invalid="100%", **told).batch).status.next
    command, _, file, *words = shlex.split(step.command)
    assert (command, file) == ("runner", str(place.folder / "p.csv"))
    assert words[:2] + words[-2:] == ["-p", "defastra.phone", "--region", "CC"]
    return words[2:-2]


def test_a_list_without_a_header_is_looked_at_without_one(place: Place) -> None:
    """Its columns have numbers only then: they are named so again, and nothing but the country is new."""
    text = "".join(f"{phone},1\n" for phone in NATIONAL)
    words = proposed(place, text, header=False, mapping=["phone=column_1"])
    assert words == ["--map", "phone=column_1", "--no-header"]
    with place.runner() as r:
        again = r.check("p.csv", ["defastra.phone"], header=False, mapping=["phone=column_1"], region="US")
    (notice,) = again.plan.notices
    assert notice.startswith("p-defastra-phone is over and the country of its phones changed")


@pytest.mark.parametrize(("told", "typed"), [("|", "|"), ("pipe", "pipe"), (":", ":"), ("\t", "tab"), ("tab", "tab")])
def test_a_delimiter_that_was_told_is_told_again(place: Place, told: str, typed: str) -> None:
    """Another one would fit the list as well, or none of those that are looked for; a TAB is written as a word."""
    sign = {"pipe": "|", "tab": "\t"}.get(told, told)
    text = f"phone{sign}n;x\n" + "".join(f"{phone}{sign}1;2\n" for phone in NATIONAL)
    assert proposed(place, text, delimiter=told) == ["--delimiter", typed]


def test_an_encoding_that_was_told_is_told_again(place: Place) -> None:
    """Bytes that are read as another letter make another list."""
    text = "phone,n\n" + "".join(f"{phone},1\n" for phone in NATIONAL)
    assert proposed(place, text, encoding="latin-1") == ["--encoding", "latin-1"]


def test_what_a_list_tells_itself_is_not_told_again(place: Place) -> None:
    """A delimiter that was found is found again."""
    text = "phone;n\n" + "".join(f"{phone};1\n" for phone in NATIONAL)
    assert proposed(place, text) == []


def test_what_was_set_for_all_is_told_again_but_for_persons(place: Place) -> None:
    """The command goes to webhooks too: in the place of what looks like somebody's is what to put there."""
    text = "phone,n\n" + "".join(f"{phone},1\n" for phone in NATIONAL)
    assert proposed(place, text, params=["label=march sales"]) == ["--set", "label=march sales"]
    for value in ("anna.smith@example.com", "of +4930901820", "anna%40example.com"):
        assert proposed(place, text, params=[f"label={value}"]) == ["--set", "label=VALUE"]
