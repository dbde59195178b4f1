"""A run that is cut off around its export: the same command writes the file, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import BatchError
from runner.store.steering import Steering
from tests.app.place import KilledError, Place, emails


class _Killed(BaseException):
    """The process ends here."""


def _die(*_: object, **__: object) -> None:
    raise _Killed


@pytest.mark.parametrize("older", [False, True], ids=["no file yet", "an older file"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_file_is_the_batchs_own_wherever_its_export_is_cut_off(
    place: Place, monkeypatch: pytest.MonkeyPatch, where: str, older: bool
) -> None:
    """Killed right before the file is replaced, or right after: the same command replaces it, twice in a row too."""
    place.write_list(emails(3))
    target = place.folder / "out.csv"
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        if older:
            r.export(batch, target, columns=["risk_score"])
        for _ in range(2):
            with monkeypatch.context() as patch:
                if where == "before":
                    patch.setattr(Path, "replace", _die)
                else:
                    patch.setattr(Steering, "delivered", _die)
                with pytest.raises(_Killed):
                    r.export(batch, target)
        r.export(batch, target)
        target.write_text("somebody's work")
        with pytest.raises(BatchError, match="was not written by"):
            r.export(batch, target)


def test_rows_that_a_run_could_not_write_are_not_forgotten(place: Place) -> None:
    """A completed batch is unwritten until an export; one that wants no file is not."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        assert r.unwritten() == []
        place.run(r, batch)
        assert (r.unfinished(), r.unwritten()) == ([], [batch.batch])
        place.run(r, batch, output="auto")
        assert r.unwritten() == []
        assert (place.folder / f"{batch.batch}.csv").exists()


def test_no_file_wanted_is_none_missed(place: Place) -> None:
    """`-o none` is kept with the batch."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.run(r, batch, output="none")
        assert r.unwritten() == []


def test_a_kill_does_not_forget_where_the_rows_go(place: Place) -> None:
    """`-o` is kept when the run starts, as caps are: the next run writes there without being told again."""
    place.write_list(emails(6))
    place.dies_at = 3
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with pytest.raises(KilledError):
            place.run(r, batch, output="mine.csv", max_requests=5)
    place.dies_at, place.time.before = 0, 60.0
    with place.runner() as r:
        result = place.run(r, batch.batch, output="auto")
        assert (result.target, result.exit_code) == (str(place.folder / "mine.csv"), 5)
        assert [event.detail["output"] for event in r.log().records if "output" in event.detail] == [result.target]


def test_a_pipe_is_not_kept(place: Place) -> None:
    """Rows that went to stdout once go to the file again, also when nothing was said."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        assert place.run(r, batch, output="-").target == "-"
        assert place.run(r, batch, output="auto").target == str(place.folder / f"{batch.batch}.csv")
