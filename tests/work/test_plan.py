"""What is proposed for a list whose columns are not found: its batch, where that asks the same and can go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from runner.domain.states import BatchState
from runner.errors import InputError
from tests.app.place import Place, emails

EMAIL, PHONE = "defastra.email", "defastra.phone"
BOTH = [EMAIL, PHONE]


def fix(place: Place, *operations: str, mapping: Sequence[str] = ()) -> str:
    """What helps where the columns are not found."""
    with place.runner() as r, pytest.raises(InputError) as refused:
        r.load("leads.csv", operations, mapping=mapping)
    return refused.value.fix


def test_a_batch_that_asks_something_else_is_not_proposed(place: Place) -> None:
    """Pasted, it would pay for other answers than those that were asked for."""
    place.write_list(emails(2))
    with place.runner() as r:
        r.load("leads.csv", [EMAIL])
    for asked in ([PHONE], BOTH):
        assert "runner run" not in fix(place, *asked)


def test_of_several_batches_the_one_that_asks_the_same_is_proposed(place: Place) -> None:
    """Not the latest of the list."""
    (place.folder / "leads.csv").write_text("Kontakt,Ruf\nada,bob\n")
    with place.runner() as r:
        for key, told in ((PHONE, "phone=Ruf"), (EMAIL, "email=Kontakt")):
            r.load("leads.csv", [key], mapping=[told], max_invalid="100%")
    assert fix(place, PHONE).startswith("runner run leads-defastra-phone   (goes on")
    assert fix(place).startswith("runner run leads-defastra-email   (goes on")


def test_a_batch_that_cannot_go_on_is_not_proposed(place: Place) -> None:
    """It is over, and nothing would be sent; or its list was not read to its end, and it cannot start."""
    place.write_list(["ada", "bob"], column="Kontakt")
    with place.runner() as r:
        batch = r.load("leads.csv", [EMAIL], mapping=["email=Kontakt"], max_invalid="100%").batch
        assert fix(place, EMAIL).startswith("runner run leads   (goes on")
        place.run(r, batch)
    assert "runner run" not in fix(place, EMAIL)
    with closing(sqlite3.connect(place.folder / "runner.db")) as database, database:
        database.executescript("""
            CREATE TEMP TABLE one AS SELECT * FROM batches;
            UPDATE one SET id = id + 1, name = name || '-2', state = 'loading';
            INSERT INTO batches SELECT * FROM one;
        """)
    with place.runner() as r:
        assert [info.state for info in r.batches()] == [BatchState.LOADING, BatchState.COMPLETED]
    assert "runner run" not in fix(place, EMAIL)


def test_whoever_names_the_columns_is_not_told_to_go_on_without(place: Place) -> None:
    """A mistyped column: the batch was read by another one, and is not what was asked for."""
    place.write_list(["ada", "bob"], column="Kontakt")
    with place.runner() as r:
        r.load("leads.csv", [EMAIL], mapping=["email=Kontakt"], max_invalid="100%")
    assert fix(place, EMAIL).startswith("runner run leads   (goes on")
    assert "runner run" not in fix(place, EMAIL, mapping=["email=Contact"])
