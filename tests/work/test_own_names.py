"""`--batch NAME`: what is no name, what is said of it, and what is to be typed instead."""

from __future__ import annotations

import shlex

import pytest

from runner.errors import UsageError
from tests.app.place import Place, emails

OPERATION = ["defastra.email"]
LONG = "ä" * 101


def refusal(place: Place, name: str) -> UsageError:
    """Why the list does not become a batch of that name; nothing is loaded."""
    with place.runner() as r:
        with pytest.raises(UsageError, match="no name for a batch") as refused:
            r.load("leads.csv", OPERATION, batch=name)
        assert not r.path.exists()
    return refused.value


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *[(name, "no terminal shows") for name in ("ev\x1b[31mil", "ev\nil", "\u202eev-il", "\udc80ev-il", "\x1b")],
        *[(name, "begins like an option") for name in ("-x", "--json")],
        *[(name, "Nothing is left of it") for name in ("", " ", ".", "..", " . ", "\u2003")],
        *[(name, "to another folder") for name in ("lists/may", "../may", "/", "/tmp/may")],
        (LONG, "more than 200 bytes"),
    ],
)
def test_what_cannot_be_shown_typed_or_written_is_no_name(name: str, why: str, place: Place) -> None:
    """With one that can; a name in another script, or with spaces, is a name."""
    place.write_list(emails(3))
    refused = refusal(place, name)
    assert refused.what.isprintable()
    assert why in refused.why
    flag, instead = shlex.split(refused.fix)
    assert flag == "--batch"
    with place.runner() as r:
        for good in (instead, "Список (2)", " my .leads", LONG[:-1]):
            loaded = r.load("leads.csv", OPERATION, batch=good)
            assert (loaded.batch, r.find(good)) == (good, good)


@pytest.mark.parametrize("name", ["leads.csv", "leads"])
def test_a_file_that_is_here_is_no_name(name: str, place: Place) -> None:
    """Every command would take the file, and `run` would pay for its values once more."""
    place.write_list(emails(3))
    (place.folder / "leads").write_text("email\n")
    refused = refusal(place, name)
    assert refused.why == f"A file here is called so, and runner run {name} reads that file."
    assert refused.fix == "--batch leads-list"
    (place.folder / "leads-list").mkdir()  # a folder is no list
    with place.runner() as r:
        assert r.load("leads.csv", OPERATION, batch="leads-list").batch == "leads-list"


def test_a_batch_goes_on_under_a_name_that_is_none_any_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an earlier version: under another name all of it would be paid for again."""
    place.write_list(emails(3))
    with place.runner() as r:
        with monkeypatch.context() as patch:
            patch.setattr("runner.work.plan.unfit", lambda _: None)
            place.run(r, r.load("leads.csv", OPERATION, batch="crm/may"), limit=2)
        result = place.run(r, r.load("leads.csv", OPERATION, batch="crm/may"))
        assert (result.batch, result.sent) == ("crm/may", 1)


def test_a_batch_goes_on_under_the_name_of_a_file_that_came_later(place: Place) -> None:
    """Its own output, say: the same command continues."""
    rows = [{"email": email} for email in emails(2)]
    with place.runner() as r:
        place.run(r, r.load(rows, OPERATION, batch="night"), output="night")
        assert (place.folder / "night").is_file()
        assert not r.load(rows, OPERATION, batch="night").created
        (place.folder / "nigh").touch()
        with pytest.raises(UsageError, match="no name for a batch: nigh"):
            r.load(rows, OPERATION, batch="nigh")
