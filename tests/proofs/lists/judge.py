"""What must hold of a drawn file, whatever it is."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from pathlib import Path

import runner
from runner.errors import InputError
from runner.sources import Source, open_file
from tests.proofs.lists.draw import Drawn, Table, draw
from tests.sources.corpus.counter import records
from tests.sources.exported import exported

_ALLOWED = ("is mostly UTF-8", "neither UTF-8 nor")
"""What may be said of a file that nothing befell and whose delimiter was told: its letters may be read in two ways."""


def lists(folder: Path, *, seed: int, files: int, loads: int) -> str:
    """Draw `files`, read each and write it again; every `files / loads`-th goes through a batch of a database too."""
    counts: Counter[str] = Counter()
    every = max(1, files // loads)
    database = 0
    for number in range(files):
        drawn = draw(number, seed)
        (folder / drawn.name).write_bytes(drawn.data)
        try:
            source = open_file(folder / drawn.name, **drawn.options)
            table = [list(source.header), *(list(row.cells) for row in source.rows())]
        except InputError as error:
            _judge_refusal(number, drawn, error)
            counts["damaged and refused" if drawn.accident else "refused as they can be read in two ways"] += 1
            continue
        counts["rows"] += len(table) - 1
        _judge_table(number, drawn, source, table)
        if number % every == 0:
            database += 1
            _judge_batch(number, drawn, table, source.dialect.delimiter, folder / f"{database // 50}.db")
            counts["batches"] += 1
        counts["damaged and read" if drawn.accident else "whole"] += 1
    return f"{files} files: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _judge_refusal(number: int, drawn: Drawn, error: InputError) -> None:
    assert error.what, _named(number, drawn)
    assert error.why, _named(number, drawn)
    assert error.fix, _named(number, drawn)
    told = "delimiter" in drawn.options or ".jsonl" in drawn.name
    assert drawn.accident or not told or any(words in error.what for words in _ALLOWED), (
        f"{_named(number, drawn)}: {error.what}"
    )


def _judge_table(number: int, drawn: Drawn, source: Source, table: Table) -> None:
    if not drawn.accident and ("delimiter" in drawn.options or drawn.name.startswith("list.jsonl")):
        assert table == drawn.table, _named(number, drawn)
    again = _read(exported(source), source.dialect.delimiter)
    assert again == table, _named(number, drawn)
    if source.description["kind"] == "csv":
        data = gzip.decompress(drawn.data) if drawn.data.startswith(b"\x1f\x8b") else drawn.data
        counted = records(data, codec=source.description["encoding"], delimiter=source.dialect.delimiter)
        assert len(table) == counted, _named(number, drawn)
        if not drawn.accident:
            whole = "".join("".join(row) for row in drawn.table)
            # Whatever was taken for the delimiter: no letter that is not one is lost.
            found = "".join("".join(row) for row in table)
            signs = source.dialect.delimiter + ',;\t|"'
            assert _without(found, signs) == _without(whole, signs), _named(number, drawn)


def _named(number: int, drawn: Drawn) -> str:
    return f"file {number}, {drawn.name}, {drawn.accident or 'unharmed'}, told {drawn.options}"


def _without(text: str, signs: str) -> str:
    return text.translate(dict.fromkeys(map(ord, signs)))


def _judge_batch(number: int, drawn: Drawn, table: Table, delimiter: str, database: Path) -> None:
    folder = database.parent
    with runner.open(database, directory=folder, environ={}) as r:
        loaded = r.load(
            folder / drawn.name,
            ["defastra.email"],
            batch=f"b{number}",
            mapping={"email": table[0][0]},
            max_invalid=1.0,
            **drawn.options,
        )
        assert loaded.rows == len(table) - 1, _named(number, drawn)
        out = folder / "out.csv"
        out.unlink(missing_ok=True)
        r.export(loaded, out)
    own = [row[: len(table[0])] for row in _read(out.read_bytes(), delimiter)]
    assert own == table, _named(number, drawn)


def _read(data: bytes, delimiter: str) -> Table:
    text = data.decode("utf-8-sig")
    for end in ("\r\n", "\n", "\r"):
        text = text.removeprefix(f"sep={delimiter}{end}")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
