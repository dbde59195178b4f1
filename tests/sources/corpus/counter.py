"""Counts the records of a delimited file by itself: no module of the project and no CSV library takes part."""

from __future__ import annotations


def records(data: bytes, *, codec: str, delimiter: str) -> int:
    """How many records the bytes hold, the header and a blank cell of a one-column list included.

    A record ends at a line end outside quotes. Blank lines are none, but in a list of one column those between rows
    are. Excel's `sep=` line is none.
    """
    text = data.decode(codec).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    if first.lower() in (f"sep={delimiter}", f'"sep={delimiter}"'):
        text = rest
    lengths = _fields(text, delimiter)
    while lengths and lengths[0] == 0:
        lengths.pop(0)
    while lengths and lengths[-1] == 0:
        lengths.pop()
    return len(lengths) if lengths and lengths[0] == 1 else sum(1 for length in lengths if length)


def _fields(text: str, delimiter: str) -> list[int]:
    """The number of fields of every line, 0 for a blank one."""
    lengths: list[int] = []
    fields, inside, quoted, at_start, blank = 1, False, False, True, True
    for sign in text:
        if inside:
            inside = sign != '"'
        elif sign == "\n":
            lengths.append(0 if blank else fields)
            fields, quoted, at_start, blank = 1, False, True, True
            continue
        elif sign == delimiter:
            fields, quoted, at_start, blank = fields + 1, False, True, False
            continue
        elif sign == '"' and (at_start or quoted):  # a doubled quote leaves a quoted field and enters it again
            inside = quoted = True
        at_start = blank = False
    if not blank:
        lengths.append(fields)
    return lengths
