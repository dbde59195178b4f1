"""The command that looks at a list again as it was read: what it says again, and what it leaves out."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing
from importlib import resources
from typing import Any

import pytest

from tests.app.place import Place

NATIONAL = ("(415) 555-0100", "(415) 555-0101", "+14155550102")


EMAIL, PHONE = "defastra.email", "defastra.phone"
PROFILE = "./mine.toml:phone"


def proposed(place: Place, text: str, *asked: str, **told: Any) -> list[str]:
    """The words of the command behind the list, which has a phone without a country; behind -p where nothing is
    asked but that phone."""
    (place.folder / "p.csv").write_text(text)
    with place.runner() as r:
        place.run(r, r.load("p.csv", asked or [PHONE], max_invalid="100%", **told).batch)
    words = proposed_now(place)
    assert words[-2:] == ["--region", "CC"]
    if asked:
        return words[:-2]
    assert words[:2] == ["-p", PHONE]
    return words[2:-2]


def proposed_now(place: Place) -> list[str]:
    """The words behind the list of the batch that is there."""
    with place.runner() as r:
        command, check, file, *words = shlex.split(r.status().next.command)
    assert (command, check, file) == ("runner", "check", str(place.folder / "p.csv"))
    return words


def changed(place: Place, words: list[str]) -> str:
    """What is not as it was, for who types them: the columns, the country, or both."""
    told = {flag: [value for one, value in zip(words[::2], words[1::2], strict=True) if one == flag] for flag in words}
    with place.runner() as r:
        plan = r.check("p.csv", told["-p"], mapping=told.get("--map", []), region="US", max_invalid="100%").plan
    (notice,) = [one for one in plan.notices if " is over and " in one]
    return notice.partition(" is over and ")[2].partition(" changed")[0]


def own_profile(place: Place) -> None:
    """A profile of one's own beside the list, for the same world under another name."""
    shipped = (resources.files("runner.providers") / "defastra.toml").read_text()
    (place.folder / "mine.toml").write_text(shipped.replace('name = "defastra"', 'name = "mine"', 1))


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


@pytest.mark.parametrize(
    ("header", "told", "typed"),
    [
        ("phone,label", ["label=label"], ["label=label"]),
        ("phone,label", ["defastra.phone:label=LABEL"], ["defastra.phone:label=LABEL"]),
        ("phone,Phone", ["phone=phone"], ["phone=phone"]),
        ("Telefon,label", ["phone=Telefon", "label=label"], ["phone=Telefon", "label=label"]),
        ("Telefon,label", ["defastra.phone:phone=Telefon"], ["defastra.phone:phone=Telefon"]),
        ("Tel,label", ["label=label"], ["label=label", "phone=Tel"]),
        ("Phone,label", [], []),
    ],
    ids=[
        "optional",
        "of-its-operation",
        "two-alike",
        "other-names",
        "another-name-of-its-operation",
        "found-by-an-alias",
        "found-by-its-name",
    ],
)
def test_a_column_that_was_told_is_told_again(place: Place, header: str, told: list[str], typed: list[str]) -> None:
    """An optional one is never found by its name, nor is one of two that are alike: only the country is new."""
    text = f"{header}\n" + "".join(f"{phone},x\n" for phone in NATIONAL)
    words = proposed(place, text, mapping=told)
    assert words == [word for one in typed for word in ("--map", one)]
    assert changed(place, ["-p", PHONE, *words]) == "the country of its phones"


def test_a_column_of_one_operation_of_several_is_told_of_that_one(place: Place) -> None:
    """Told or found: what another one asks of a parameter of that name is its own."""
    text = "Kontakt,Tel,label\n" + "".join(f"p{at}@example.com,{phone},x\n" for at, phone in enumerate(NATIONAL))
    words = proposed(place, text, EMAIL, PHONE, mapping=["defastra.email:label=label"])
    found = ["--map", "defastra.email:email=Kontakt", "--map", "defastra.phone:phone=Tel"]
    assert words == ["-p", EMAIL, "-p", PHONE, "--map", "defastra.email:label=label", *found]
    assert changed(place, words) == "the country of its phones"


def test_a_column_that_was_told_of_all_is_told_once(place: Place) -> None:
    """In the words that were used."""
    text = "email,phone,label\n" + "".join(f"p{at}@example.com,{phone},x\n" for at, phone in enumerate(NATIONAL))
    words = proposed(place, text, EMAIL, PHONE, mapping=["label=label"])
    assert words == ["-p", EMAIL, "-p", PHONE, "--map", "label=label"]
    assert changed(place, words) == "the country of its phones"


def test_a_profile_of_ones_own_is_named_by_its_file(place: Place) -> None:
    """Nobody knows it by its name."""
    own_profile(place)
    words = proposed(place, "phone,n\n" + "".join(f"{phone},1\n" for phone in NATIONAL), PROFILE)
    assert words == ["-p", f"{place.folder / 'mine.toml'}:phone"]
    assert changed(place, words) == "the country of its phones"


def test_every_column_of_an_older_batch_is_told(place: Place) -> None:
    """It does not say which of them were: an optional one would be left out else."""
    proposed(place, "phone,label\n" + "".join(f"{phone},x\n" for phone in NATIONAL), mapping=["label=label"])
    with closing(sqlite3.connect(place.folder / "runner.db")) as database, database:
        (before,) = database.execute("SELECT source FROM batches").fetchone()
        database.execute("UPDATE batches SET source = json_remove(source, '$.map')")
        (after,) = database.execute("SELECT source FROM batches").fetchone()
    assert len(after) < len(before)
    words = proposed_now(place)[:-2]
    assert words == ["-p", PHONE, "--map", "label=label", "--map", "phone=phone"]
    assert changed(place, words) == "the country of its phones"


@pytest.mark.parametrize("told", [{"region": "FR"}, {"mapping": ["region=country"]}], ids=["of-all", "of-each"])
def test_a_country_that_was_told_is_not_asked_for_again(place: Place, told: dict[str, Any]) -> None:
    """Not of the list: none of its phones lacks one then. Not of its rows: one that nobody knows stays so."""
    (place.folder / "p.csv").write_text("phone,country\n(415) 555-0100,Atlantis\n+14155550102,US\n0,US\n")
    with place.runner() as r:
        status = place.run(r, r.load("p.csv", [PHONE], max_invalid="100%", **told).batch).status
    assert (status.not_sent > 0, "--region" in status.next.command) == (True, False)
