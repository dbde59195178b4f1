"""A stdout or stderr that has not every letter: nothing is left out, and JSON stays JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from runner.cli.lines import Line, json_line
from runner.cli.main import main
from runner.cli.terminal import Screen, prepare_streams
from tests.cli.place import clean_environment, inside, write_list

NAME = "łódź.csv"


def stdout_of(monkeypatch: pytest.MonkeyPatch, encoding: str, *arguments: str) -> str:
    """What a command writes there, which must end well."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(encoding)


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A list that is loaded, named with letters that are in few encodings; no provider is asked."""
    write_list(tmp_path, "a@example.com", name=NAME)
    assert inside(tmp_path, "load", NAME, "-p", "defastra.email", "--batch", "łó").returncode == 0
    monkeypatch.chdir(tmp_path)
    for name, value in clean_environment().items():
        monkeypatch.setenv(name, value)
    return "łó"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_letter_that_is_not_there_is_escaped(encoding: str, batch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In texts as JSON does it. JSON is ASCII, whatever else could be written: who reads it takes it for UTF-8."""
    for command in (["status", batch], ["explain", batch, "1"], ["log", batch]):
        shown = stdout_of(monkeypatch, encoding, *command, "--json").splitlines()
        assert shown[-1].isascii()
        assert "\\u0142\\u00f3" in shown[-1]
        assert all(json.loads(line).get("batch", batch) == batch for line in shown)
    text = stdout_of(monkeypatch, encoding, "status")
    assert text.startswith("\\u0142\\u00f3: ready" if encoding == "ascii" else "\\u0142ó: ready")
    assert "\\u0142" in stdout_of(monkeypatch, encoding, "explain", batch, "1")
    assert stdout_of(monkeypatch, "utf-8", "status").startswith("łó: ready")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_on_stderr_stays_json(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of `--progress json`: what Python itself would write there, `\\xf3`, is none."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stderr", stream)
    prepare_streams()
    Screen().say(json_line(Line(at_us=0, event="start", fields={"batch": "łódź 📋"}, counts={})))
    assert isinstance(stream.buffer, io.BytesIO)
    assert json.loads(stream.buffer.getvalue())["batch"] == "łódź 📋"
    assert stream.buffer.getvalue().isascii() is (encoding != "utf-8")


def test_a_way_that_was_chosen_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """`PYTHONIOENCODING=ascii:replace`."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    monkeypatch.setattr(sys, "stdout", stream)
    prepare_streams()
    assert stream.errors == "replace"
