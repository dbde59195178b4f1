"""Files that a list names: what is accepted, what is refused as what, and what is never touched."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.file_value import FileValue
from runner.domain.provider import Input, InputKind, Operation
from runner.errors import InputError
from runner.inputs import Accepted, Prepared, Refused, check_given, checker, match_columns, preparer

MESSAGE = Input(name="message", kind=InputKind.FILE, max=100)
SCAN = Operation(
    provider="acme",
    name="scan",
    column_prefix="acme_scan_",
    method="POST",
    path="/scan",
    inputs=(MESSAGE, Input(name="note", kind=InputKind.TEXT, required=False)),
)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A list's folder with messages in it, and secrets beside it."""
    folder = tmp_path / "box"
    (folder / "in box").mkdir(parents=True)
    (folder / "in box" / "one.eml").write_bytes(b"hello")
    (folder / "copy.eml").write_bytes(b"hello")
    (folder / "binary").write_bytes(bytes(range(100)))
    (folder / "large").write_bytes(bytes(101))
    (folder / "empty").touch()
    (folder / ".env").write_text("KEY=obviously-fake")
    (folder / ".ssh").mkdir()
    (folder / ".ssh" / "id").write_text("obviously fake")
    (tmp_path / "secret").write_text("passwords")
    return folder


def check(box: Path, cell: str) -> Accepted | Refused:
    """One cell of a list in the box."""
    return checker(MESSAGE, folder=box)(cell, None)


def digest(content: bytes) -> str:
    """The key of a content."""
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_known_by_its_content_and_shown_by_its_path(box: Path) -> None:
    """Two names of one content are one job; what is sent says where the file is; people see what the list says."""
    prepare = preparer(SCAN, {"message": 0}, folder=box)
    key = digest(b"hello")
    sent = FileValue(key, str(box / "in box" / "one.eml")).text
    assert prepare([" in box/one.eml"]) == Prepared(key, {"message": sent}, "in box/one.eml")
    copy = prepare(["./copy.eml"])
    assert isinstance(copy, Prepared)
    assert (copy.key, copy.value) == (key, "./copy.eml")
    assert FileValue.parse(copy.params["message"]) == (key, str(box / "copy.eml"))
    assert prepare(["binary"])[0] == digest(bytes(range(100)))


def test_a_note_makes_another_job_of_a_file(box: Path) -> None:
    """As with every parameter that a column feeds."""
    prepare = preparer(SCAN, {"message": 0, "note": 1}, folder=box)
    keys = [prepare(["copy.eml", note])[0] for note in ("", "a", "b")]
    assert keys[0] == digest(b"hello")
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("two.eml", "no-such-file"),
        ("copy.eml/one.eml", "no-such-file"),
        ("nul\0.eml", "no-such-file"),
        ("lone\ud800.eml", "no-such-file"),
        ("x" * 5000, "no-such-file"),
        ("~/copy.eml", "no-such-file"),
        ("in box", "not-a-file"),
        (".", "not-a-file"),
        ("large", "too-large"),
        ("empty", "empty-file"),
        (".env", "hidden-file"),
        (".ssh/id", "hidden-file"),
        ("in box/../.ssh/id", "hidden-file"),
        ("../secret", "outside-folder"),
        ("in box/../../secret", "outside-folder"),
        ("..", "outside-folder"),
        ("../no/such/file", "outside-folder"),
        ("/etc/passwd", "outside-folder"),
        ("/no/such/file", "outside-folder"),
    ],
)
def test_a_cell_that_cannot_be_sent_says_why(box: Path, cell: str, why: str) -> None:
    """And no cell, whatever it holds, raises."""
    assert check(box, cell) == Refused(why)


def test_links_may_lead_about_the_folder_but_not_out_of_it(box: Path) -> None:
    """Also through a folder that is a link, to a hidden file, in a circle, or to nowhere."""
    (box / "good").symlink_to("in box/one.eml")
    (box / "out").symlink_to("../secret")
    (box / "root").symlink_to("/")
    (box / "keys").symlink_to(".env")
    (box / "circle").symlink_to("circle")
    (box / "nowhere").symlink_to("gone")
    good = check(box, "good")
    assert isinstance(good, Accepted)
    assert FileValue.parse(good.sent).path == str(box / "in box" / "one.eml")
    assert check(box, "out") == check(box, "root/etc/passwd") == Refused("outside-folder")
    assert check(box, "keys") == Refused("hidden-file")
    assert check(box, "circle") == check(box, "nowhere") == Refused("no-such-file")


def test_a_path_that_comes_back_is_inside(box: Path) -> None:
    """`..` and absolute paths are refused for where they lead, not for how they are written; the folder may be a
    link itself, or written with `..`."""
    alias = box.parent / "alias"
    alias.symlink_to(box)
    for folder in (box, box / "in box" / "..", alias):
        for cell in ("in box/../copy.eml", "../box/copy.eml", str(box / "copy.eml")):
            assert isinstance(check(folder, cell), Accepted), (folder, cell)
    assert isinstance(check(alias, str(alias / "copy.eml")), Accepted)


def test_what_is_no_file_is_never_opened(box: Path) -> None:
    """A pipe without a writer would be waited for; opening a device can do something."""
    os.mkfifo(box / "pipe")
    assert check(box, "pipe") == Refused("not-a-file")
    assert checker(MESSAGE, folder=Path("/dev"))("zero", None) == Refused("not-a-file")


def test_a_file_that_cannot_be_read(box: Path) -> None:
    """Its own memory is a regular file to a process, of which the first byte cannot be read."""
    assert checker(MESSAGE, folder=Path("/proc/self"))("mem", None) == Refused("unreadable")


def test_a_file_that_says_it_is_empty_is_read_to_the_most(box: Path) -> None:
    """Its size is what is read of it, not what the folder says: neither unbounded nor taken for empty."""
    assert checker(MESSAGE, folder=Path("/proc/self"))("status", None) == Refused("too-large")
    roomy = checker(replace(MESSAGE, max=100_000), folder=Path("/proc/self"))
    assert isinstance(roomy("status", None), Accepted)


def test_hashing_holds_no_file_in_memory(box: Path) -> None:
    """Sixteen megabytes pass through a quarter of one."""
    with (box / "big").open("wb") as stream:
        stream.truncate(16_000_000)
    checks = checker(replace(MESSAGE, max=16_000_000), folder=box)
    checks("copy.eml", None)
    tracemalloc.start()
    try:
        assert isinstance(checks("big", None), Accepted)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_column_is_found_by_its_files(box: Path) -> None:
    """By name or alias, else as the only column with 80 % existing files; none of them is read for it."""
    rows = [("1", "copy.eml", "x"), ("2", "in box/one.eml", "y"), ("3", "binary", ""), ("4", "/etc/passwd", "z")]

    def found(header: list[str], sample: Sequence[tuple[str, ...]]) -> list[str]:
        matched = match_columns(header, sample, [SCAN], {}, folder=box)
        return [match.text for match in matched.matches]

    assert found(["id", "Message", "file"], rows) == ["message <- Message, 75 % valid"]
    assert found(["id", "EML", "z"], rows) == ["message <- EML, 75 % valid"]
    assert found(["id", "mail", "z"], [*rows, ("5", "copy.eml", "")]) == ["message <- mail, 80 % valid"]
    with pytest.raises(InputError, match="no column for the message"):
        found(["id", "mail", "z"], rows)
    with pytest.raises(InputError, match="2 columns could be"):
        found(["id", "path", "file"], rows)


def test_a_first_line_that_names_a_file_is_no_header(box: Path) -> None:
    """Taking it for names would lose a row."""
    with pytest.raises(InputError, match="looks like data") as told:
        match_columns(["copy.eml"], [("binary",)], [SCAN], {}, folder=box)
    assert told.value.fix == "--no-header"


def test_judging_a_column_reads_no_file(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand messages of 5 MB would hold up a load before it begins."""
    monkeypatch.setattr("builtins.open", None)
    assert match_columns(["file"], [("copy.eml",), ("large",)], [SCAN], {}, folder=box).matches[0].valid == 0.5


def test_a_file_that_the_user_names_may_be_anywhere(box: Path) -> None:
    """`--set` was typed by whoever pays; what it names must still be a file of a fitting size."""
    given = check_given(SCAN, {"message": "../secret"}, folder=box)
    assert FileValue.parse(given["message"]) == (digest(b"passwords"), str(box.parent / "secret"))
    with pytest.raises(InputError, match="too-large") as told:
        check_given(SCAN, {"message": "large"}, folder=box)
    assert told.value.why == "it must be the path of a file of 1 to 100 bytes"


def test_a_profile_without_a_most_still_has_one(box: Path) -> None:
    """Ten million bytes: a disk image in a list does not become a request."""
    with (box / "image").open("wb") as stream:
        stream.truncate(10_000_001)
    assert checker(replace(MESSAGE, max=None), folder=box)("image", None) == Refused("too-large")
