"""The corpus of awkward files through the library: each is a batch that gives its cells back."""

from __future__ import annotations

import csv
import io

from tests.app.place import Place
from tests.sources.corpus import CASES

OPERATION = ["defastra.email"]
READABLE = [case for case in CASES if not case.says and len(case.data) < 10_000]
EVERY = 3  # the rest differs in what `tests/sources` reads all of; a batch costs fifty times as much


def test_what_can_be_read_is_a_batch_and_comes_out_of_it(place: Place) -> None:
    """Every cell and every row, through the database and the export."""
    with place.runner() as r:
        for number, case in enumerate(READABLE[::EVERY]):
            path = place.folder / case.name
            path.write_bytes(case.data)
            options = case.options
            loaded = r.load(
                path,
                OPERATION,
                batch=f"b{number}",
                mapping={"email": case.header[0]},
                max_invalid=1.0,
                encoding=options.get("encoding"),
                delimiter=options.get("delimiter"),
                header=options.get("has_header", True),
            )
            assert loaded.rows == len(case.rows), case.name
            out = place.folder / f"{number}.out"
            r.export(loaded, out)
            text = out.read_bytes().decode("utf-8-sig")
            lines = io.StringIO(text[text.index("\n") + 1 :] if text.startswith("sep=") else text, newline="")
            table = [tuple(row[: len(case.header)]) for row in csv.reader(lines, delimiter=case.delimiter)]
            assert table == [case.header, *case.rows], case.name
