"""`load`: what a list becomes, when it is the same again, and what is refused whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from typing import Any

import pytest

from runner.domain.states import BatchState
from runner.errors import BatchError, InputError, UsageError
from tests.app.place import Place, emails

OPERATION = ["defastra.email"]


def test_the_same_list_is_the_same_batch(place: Place) -> None:
    """Loaded twice it is continued; without -p the file's batch tells what was asked."""
    place.write_list(emails(3))
    with place.runner() as r:
        first = r.load("leads.csv", OPERATION)
        again = r.load("leads.csv")
        assert (first.created, first.rows, first.jobs) == (True, 3, 3)
        assert (again.batch, again.created, again.added_rows) == (first.batch, False, 0)
        assert [status.batch for status in r.batches()] == ["leads-defastra-email"]


def test_a_list_that_changed_while_unfinished_is_refused_with_both_fixes(place: Place) -> None:
    """Nothing is imported; the message says what differs."""
    place.write_list(emails(3))
    with place.runner() as r:
        r.load("leads.csv", OPERATION)
        place.write_list(emails(4))
        with pytest.raises(BatchError) as caught:
            r.load("leads.csv", OPERATION)
        assert "the list changed" in caught.value.what
        assert "--add" in caught.value.fix
        assert "--new" in caught.value.fix
        place.write_list(emails(3))
        with pytest.raises(BatchError, match="the parameters changed"):
            r.load("leads.csv", OPERATION, params=["timeout=normal"])
        assert r.status("leads-defastra-email").rows == 3


def test_add_sends_only_what_is_new(place: Place) -> None:
    """Rows that are there are not added again, wherever they stand; the changed list is then the batch's own."""
    place.write_list(emails(3))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION))
        (place.folder / "leads.csv").write_text(
            "id,email\n9,new@example.com\n1,person1@example.com\n3,person3@example.com\n3,PERSON3@example.com\n"
        )
        added = r.load("leads.csv", OPERATION, add=True)
        assert (added.batch, added.created, added.added_rows, added.jobs) == ("leads-defastra-email", False, 2, 4)
        assert r.status(added).state is BatchState.READY
        assert place.run(r, r.load("leads.csv", OPERATION)).sent == 1
    assert place.values()[-1] == "new@example.com"


def test_add_needs_the_same_columns_and_questions(place: Place) -> None:
    """Another header or other parameters would mix two lists."""
    place.write_list(emails(3))
    with place.runner() as r:
        r.load("leads.csv", OPERATION)
        with pytest.raises(BatchError, match="cannot be extended"):
            r.load("leads.csv", OPERATION, params=["timeout=normal"], add=True)
        (place.folder / "leads.csv").write_text("nr,email\n1,a@example.com\n")
        with pytest.raises(InputError, match="other columns"):
            r.load("leads.csv", OPERATION, add=True)
        with pytest.raises(UsageError, match="both given"):
            r.load("leads.csv", OPERATION, add=True, new=True)


def test_new_begins_another_batch(place: Place) -> None:
    """Each time, under the next free name; values paid before are announced."""
    place.write_list(emails(3))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION))
        assert r.load("leads.csv", OPERATION, new=True).batch == "leads-defastra-email-2"
        assert r.load("leads.csv", OPERATION, new=True).batch == "leads-defastra-email-3"
        (known,) = r.preflight("leads-defastra-email-3").known
    assert (known.batches, known.values, known.of) == ({"leads-defastra-email": 3}, 3, 3)


def test_a_list_that_changed_after_completion_is_a_new_batch(place: Place) -> None:
    """It is named, and from then on it is the one that continues."""
    place.write_list(emails(2))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION))
        place.write_list(emails(3))
        second = r.load("leads.csv", OPERATION)
        assert (second.batch, second.created) == ("leads-defastra-email-2", True)
        assert "new batch" in second.notices[-1]
        assert r.load("leads.csv", OPERATION).batch == "leads-defastra-email-2"
        place.write_list(emails(2))
        assert r.load("leads.csv", OPERATION).batch == "leads-defastra-email"


def test_a_list_is_not_extended_where_more_of_it_changed(place: Place) -> None:
    """`--add` would be refused: what is proposed goes on with the batch, or begins another."""
    (place.folder / "p.csv").write_text("phone\n0171 2345678\n")
    with place.runner() as r:
        r.load("p.csv", ["defastra.phone"], region="DE")
        (place.folder / "p.csv").write_text("phone\n020 79460000\n")
        with pytest.raises(BatchError, match="the list and the country of its phones changed") as changed:
            r.load("p.csv", ["defastra.phone"], region="GB")
        with pytest.raises(BatchError, match="cannot be extended: the country of its phones changed"):
            r.load("p.csv", ["defastra.phone"], region="GB", add=True)
    again, new = "runner run p   (goes on with it as it was read)", "--new (begin p-defastra-phone-2)"
    assert changed.value.fix == f"{again}, or {new}"


def test_what_changed_in_a_list_is_said_in_numbers(place: Place) -> None:
    """Row by row, wherever they stand now; other columns are no rows to compare, another order is no change."""
    place.write_list(emails(6))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)

        def why(**given: Any) -> str:
            with pytest.raises(BatchError) as caught:
                r.load("leads.csv", OPERATION, **given)
            return caught.value.why

        lines = (place.folder / "leads.csv").read_text().splitlines(keepends=True)
        (place.folder / "leads.csv").write_text("".join([lines[0], *lines[:2:-1], "9,new@example.com\n"]))
        assert why().endswith("The list has 4 of its 6 rows: 2 are gone, 1 is new.")
        added = r.load("leads.csv", OPERATION, add=True)
        assert (added.added_rows, added.rows) == (1, 7)
        staying = "2 are gone from the list: what leads-defastra-email has of them is kept, and sent where it waits"
        assert added.notices == (staying,)
        assert place.run(r, batch, limit=1).sent == 1
        (place.folder / "leads.csv").write_text("".join([*lines, "9,new@example.com\n"]))
        assert why().endswith("The rows are the same, in another order or written otherwise.")
        assert why(params=["timeout=normal"]).endswith("The rows are the same, in another order or written otherwise.")
        (place.folder / "leads.csv").write_text("email\na@example.com\n")
        assert why().endswith("The list has other columns.")


def test_a_wrong_column_is_refused_whole(place: Place) -> None:
    """More than half of 20 filled cells refused: nothing is imported, until the share is raised."""
    place.write_list([*emails(9), *["not an address"] * 11])
    with place.runner() as r:
        with pytest.raises(InputError) as caught:
            r.load("leads.csv", OPERATION)
        assert "11 of 20" in caught.value.what
        assert r.batches() == []
        assert r.load("leads.csv", OPERATION, max_invalid="60%").not_sent == 11


def test_blank_cells_do_not_make_a_column_wrong(place: Place) -> None:
    """A sparse column is sparse, not wrong."""
    place.write_list([*emails(5), *[""] * 40])
    with place.runner() as r:
        loaded = r.load("leads.csv", OPERATION)
    assert (loaded.jobs, loaded.invalid) == (5, {"invalid:empty": 40})


def test_national_numbers_are_refused_with_the_region_flag(place: Place) -> None:
    """20 numbers of digits alone that are not valid as international: nothing is imported."""
    place.write_list([f"020794600{number:02}" for number in range(25)], column="phone")
    with place.runner() as r:
        with pytest.raises(InputError) as caught:
            r.load("leads.csv", ["defastra.phone"])
        assert "--region" in caught.value.fix
        assert r.load("leads.csv", ["defastra.phone"], region="GB").jobs == 25


def test_a_list_that_cannot_be_read_makes_no_database(place: Place) -> None:
    """Nor does asking about batches where there are none."""
    (place.folder / "leads.csv").write_text('id,email\n1,"open\n')
    with place.runner() as r:
        with pytest.raises(InputError):
            r.load("leads.csv", OPERATION)
        with pytest.raises(BatchError, match="no batch here"):
            r.status()
        assert not r.path.exists()


def test_what_is_asked_must_be_named_and_exist(place: Place) -> None:
    """No operation, no such operation, no such provider, no such parameter: each with a hint."""
    place.write_list(emails(1))
    with place.runner() as r:
        with pytest.raises(UsageError, match="no operation is named") as none:
            r.load("leads.csv")
        assert "defastra.email" in none.value.why
        with pytest.raises(UsageError) as operation:
            r.load("leads.csv", ["defastra.emial"])
        assert operation.value.fix == "-p defastra.email"
        with pytest.raises(UsageError) as provider:
            r.load("leads.csv", ["defastar.email"])
        assert "Did you mean defastra?" in provider.value.why
        with pytest.raises(UsageError, match="no parameter"):
            r.load("leads.csv", OPERATION, params=["speed=fast"])
        with pytest.raises(UsageError, match="not an operation"):
            r.load("leads.csv", ["defastra"])


def test_rows_as_mappings(place: Place) -> None:
    """The library takes rows from memory under a name; the same rows are the same batch."""
    rows: list[dict[str, object]] = [{"id": 1, "email": "a@example.com"}, {"id": 2, "email": None}]
    with place.runner() as r:
        with pytest.raises(UsageError, match="no name"):
            r.load(rows, OPERATION)
        loaded = r.load(rows, OPERATION, batch="given")
        assert (loaded.batch, loaded.rows, loaded.not_sent) == ("given", 2, 1)
        assert not r.load(rows, OPERATION, batch="given").created
        assert place.run(r, "given").exit_code == 0
        with pytest.raises(InputError, match="row 2 has other keys"):
            r.load([{"a": 1}, {"b": 1}], OPERATION, batch="x")
        with pytest.raises(InputError, match="no rows"):
            r.load([], OPERATION, batch="x")


def test_a_table_is_read_again_by_its_key(place: Place) -> None:
    """Rows that came meanwhile are added to the same batch, known keys are not, even when finished."""
    table = sqlite3.connect(place.folder / "crm.db")
    with table:
        table.execute("CREATE TABLE people (nr INTEGER PRIMARY KEY, email TEXT)")
        table.executemany("INSERT INTO people (email) VALUES (?)", [(email,) for email in emails(3)])
    table.close()
    url = f"sqlite:///{place.folder / 'crm.db'}"
    with place.runner() as r:
        with pytest.raises(UsageError, match="needs --key"):
            r.load(None, OPERATION, query="people", database=url, batch="crm")
        batch = r.load(None, OPERATION, query="people", database=url, key="nr", batch="crm")
        assert place.run(r, batch).sent == 3
        assert r.load(None, OPERATION, query="people", database=url, key="nr", batch="crm").added_rows == 0
        again = sqlite3.connect(place.folder / "crm.db")
        with again:
            again.execute("INSERT INTO people (email) VALUES ('late@example.com')")
        again.close()
        late = r.load(None, OPERATION, query="people", database=url, key="nr", batch="crm")
        assert (late.batch, late.added_rows, late.rows) == ("crm", 1, 4)
        assert place.run(r, late).sent == 1


def test_several_operations_share_a_batch(place: Place) -> None:
    """Named after both, columns of both; the settings' operations are the default."""
    with (place.folder / "runner.toml").open("a") as settings:
        settings.write('[run]\noperations = ["defastra.phone", "defastra.email"]\n')
    (place.folder / "leads.csv").write_text("email,phone\na@example.com,+12025550123\nb@example.com,\n")
    with place.runner() as r:
        loaded = r.load("leads.csv")
        assert loaded.batch == "leads-defastra-email+defastra-phone"
        assert (loaded.rows, loaded.jobs, loaded.not_sent) == (2, 3, 1)
        result = place.run(r, loaded, output="auto")
    assert result.exit_code == 0
    assert sorted(place.values()) == ["12025550123", "a@example.com", "b@example.com"]
    header = (place.folder / f"{loaded.batch}.csv").read_text().splitlines()[0]
    assert "defastra_email_state" in header
    assert "defastra_phone_state" in header


def test_a_profile_of_ones_own(place: Place) -> None:
    """`./mine.toml:operation` is found again by the batch alone, and by the file."""
    shipped = (resources.files("runner.providers") / "defastra.toml").read_text()
    (place.folder / "mine.toml").write_text(shipped.replace('name = "defastra"', 'name = "mine"', 1))
    place.write_list(emails(2))
    with place.runner() as r:
        loaded = r.load("leads.csv", ["./mine.toml:email"])
        assert loaded.batch == "leads-mine-email"
    with place.runner() as r:
        assert r.preflight("leads-mine-email").lanes[0].provider == "mine"
        assert r.load("leads.csv").batch == "leads-mine-email"


def test_batches_are_found_by_name_prefix_and_file(place: Place) -> None:
    """An ambiguous or unknown word is refused."""
    place.write_list(emails(1), name="leads.csv")
    place.write_list(emails(2), name="legacy.csv")
    with place.runner() as r:
        r.load("leads.csv", OPERATION)
        r.load("legacy.csv", OPERATION)
        assert r.find("lea") == r.find("leads.csv") == r.find("leads-defastra-email") == "leads-defastra-email"
        assert r.find() == "legacy-defastra-email"
        place.write_list(emails(3), name="list.of.may.csv")
        r.load("list.of.may.csv", OPERATION)
        assert r.find("list.of") == r.find("list.of.may-defastra-e") == "list.of.may-defastra-email"
        for wrong in ("le", "nothing", "other.csv"):
            with pytest.raises(BatchError):
                r.find(wrong)


@pytest.mark.parametrize(
    ("column", "keys"),
    [("id TEXT COLLATE NOCASE", ["a", "A", "a"]), ("id", [1, 2, "1"])],
    ids=["order-that-ignores-case", "number-and-text"],
)
def test_keys_that_are_equal_but_far_apart(place: Place, column: str, keys: list[object]) -> None:
    """The database orders by its own rules: what comes twice as text is refused all the same, and nothing is kept."""
    with closing(sqlite3.connect(place.folder / "crm.db")) as connection:
        connection.execute(f"CREATE TABLE leads ({column}, email TEXT)")
        connection.executemany("INSERT INTO leads VALUES (?, 'ada@example.com')", [(key,) for key in keys])
        connection.commit()
    with place.runner() as r:
        with pytest.raises(InputError, match="two rows of the list have the same key") as caught:
            r.load(None, OPERATION, batch="crm", query="leads", database=f"sqlite:///{place.folder}/crm.db", key="id")
        assert "--key COLUMN" in caught.value.fix
        assert r.batches() == []
