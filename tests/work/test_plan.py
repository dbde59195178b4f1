"""What is proposed for a list that was not told what to ask, or whose columns are not found."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from runner.domain.states import BatchState
from runner.errors import InputError, UsageError
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


@pytest.mark.parametrize(
    ("text", "mapping", "fits"),
    [
        (
            "id,email,phone\n1,ada@example.com,+14155550100\n",
            [],
            "defastra.email, defastra.phone, defendis.email, dfirlab.email",
        ),
        ("id,Tel\n1,+14155550100\n2,+14155550101\n", [], "defastra.phone"),
        ("site\nexample.com\nexample.org\n", [], "defendis.domain, defendis.stats, dfirlab.domain"),
        ("id,Kontakt\n1,x\n", ["phone=Kontakt"], "defastra.phone"),
    ],
    ids=["e-mails and phones", "phones", "domains", "told by --map"],
)
def test_where_nothing_is_asked_what_fits_the_columns_is_listed(
    place: Place, text: str, mapping: list[str], fits: str
) -> None:
    """And nothing else: who has phones is not sent to the e-mails. The fix is the first of them, and is taken."""
    (place.folder / "leads.csv").write_text(text)
    with place.runner() as r:
        with pytest.raises(UsageError, match="no operation is named") as none:
            r.check("leads.csv", mapping=mapping)
        assert none.value.why == f"Its columns fit {fits}."
        assert none.value.fix == f"-p {fits.partition(',')[0]}"
        assert r.check("leads.csv", [none.value.fix.removeprefix("-p ")], mapping=mapping, max_invalid="100%").plan.rows


def test_where_no_column_fits_all_that_there_is_is_listed(place: Place) -> None:
    """Columns can be told with --map, so that any of them may be meant."""
    (place.folder / "leads.csv").write_text("id,note\n1,x\n2,y\n")
    with place.runner() as r, pytest.raises(UsageError, match="no operation is named") as none:
        r.load("leads.csv")
    assert none.value.why.startswith("Known are defastra.email, defastra.phone, defendis.email")
