"""A file that is replaced whole or not at all, and what a killed export leaves beside it."""

from __future__ import annotations

import os

import pytest

from runner.exports.target import write_whole


def _write(stream):
    stream.write(b"rows")
    return 1


def test_the_whole_file_is_announced_before_it_is_in_place(tmp_path):
    """Whoever is told sees all of it, and the target as it was."""
    target, seen = tmp_path / "out.csv", []
    target.write_text("old")
    write_whole(target, _write, finished=lambda part: seen.append((part.read_text(), target.read_text())))
    assert (seen, target.read_text()) == ([("rows", "old")], "rows")


def test_what_the_announcement_raises_leaves_all_as_it_was(tmp_path):
    """The target is untouched, and no part is left."""
    target = tmp_path / "out.csv"
    target.write_text("old")

    def refuse(_):
        raise LookupError

    with pytest.raises(LookupError):
        write_whole(target, _write, finished=refuse)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.csv", "old")]


def test_parts_of_killed_exports_are_swept(tmp_path):
    """An old part of this file goes; a young one may be at work, and what is another's stays."""
    dead, young, foreign = (
        tmp_path / name for name in (".o[1].csv.abcd1234.part", ".o[1].csv.x.part", ".o1.csv.x.part")
    )
    alive = tmp_path / ".o[1].csv.efgh5678.part"
    for path in (dead, young, foreign, alive):
        path.write_text("half")
    for path in (dead, foreign):
        os.utime(path, (1, 1))
    write_whole(tmp_path / "o[1].csv", _write)
    assert {path.name for path in tmp_path.iterdir()} == {"o[1].csv", young.name, foreign.name, alive.name}
