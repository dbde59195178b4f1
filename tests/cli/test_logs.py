"""`--log-file`: a file of its owner alone that does not grow without end."""

import errno
import logging
import os
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.cli import logs
from runner.cli.logs import logging_to
from runner.errors import UsageError


def write(path: Path, records: int) -> None:
    """So many records of thirty characters and more."""
    with logging_to(str(path), verbose=False):
        for number in range(records):
            logging.getLogger("runner.run").info("attempt.closed job=%06d", number)


def read(path: Path) -> list[int]:
    """The numbers of the records in a file."""
    return [int(text.rpartition("=")[2]) for text in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of a kilobyte."""
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)


def test_a_full_file_is_put_aside_and_the_oldest_goes(tmp_path):
    """The newest records are in FILE, then FILE.1 and so on, without a gap; each is its owner's alone."""
    before = os.umask(0)
    try:
        write(tmp_path / "run.log", 200)
    finally:
        os.umask(before)
    names = ["run.log.5", "run.log.4", "run.log.3", "run.log.2", "run.log.1", "run.log"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    numbers = [number for name in names for number in read(tmp_path / name)]
    assert numbers == list(range(numbers[0], 200))
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_next_run_goes_on_in_the_same_file(tmp_path):
    """Appended, with instants in UTC."""
    write(tmp_path / "run.log", 2)
    write(tmp_path / "run.log", 1)
    assert read(tmp_path / "run.log") == [0, 1, 0]
    assert (tmp_path / "run.log").read_text().split()[0].endswith("Z")


def test_a_file_that_cannot_be_put_aside_grows_on(tmp_path, capfd):
    """A folder in the way: no record is lost, and nothing is said about it for each of them."""
    (tmp_path / "run.log.5").mkdir()
    write(tmp_path / "run.log", 300)
    names = ["run.log.4", "run.log.3", "run.log.2", "run.log.1", "run.log"]
    found = [number for name in names if (tmp_path / name).exists() for number in read(tmp_path / name)]
    assert found == list(range(300))
    assert capfd.readouterr() == ("", "")


def test_a_file_that_another_program_holds_grows_on_and_the_older_ones_stay(tmp_path, monkeypatch):
    """Where only FILE cannot be renamed, each try moves the older ones on: it is tried once, not for every record."""
    write(tmp_path / "run.log", 200)
    before = read(tmp_path / "run.log.1")
    rename = os.rename

    def held(source, target):
        """As Windows does while FILE is open elsewhere."""
        if os.fspath(source) == str(tmp_path / "run.log"):
            raise PermissionError(errno.EACCES, "held")
        rename(source, target)

    monkeypatch.setattr(os, "rename", held)
    write(tmp_path / "run.log", 200)
    assert read(tmp_path / "run.log.2") == before
    assert not (tmp_path / "run.log.1").exists()
    assert read(tmp_path / "run.log")[-200:] == list(range(200))


@contextmanager
def no_room():
    """No file may grow: what a full disk is to whoever writes."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def test_a_full_disk_costs_the_records_alone(tmp_path, capfd):
    """Neither a record nor the end of the run raises, and nothing is said of it on the screen."""
    with no_room():
        write(tmp_path / "run.log", 3)
    assert capfd.readouterr() == ("", "")
    assert read(tmp_path / "run.log") == []


def test_what_is_no_file_is_only_written_to(tmp_path):
    """A pipe or a device is never put aside."""
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", 100)
    assert os.read(reading, 1_000_000).count(b"job=") == 100
    os.close(reading)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_place_that_cannot_be_written_is_told_before_anything_is_sent(tmp_path):
    """A folder that is not there."""
    with (
        pytest.raises(UsageError, match="log file cannot be written"),
        logging_to(str(tmp_path / "no" / "run.log"), verbose=False),
    ):
        pass


def test_a_log_may_be_shared(tmp_path):
    """A file of another name, which a scheduler writes to as well."""
    (tmp_path / "night.log").write_text("began\n")
    write(tmp_path / "night.log", 1)
    assert (tmp_path / "night.log").read_text().startswith("began\n2")
