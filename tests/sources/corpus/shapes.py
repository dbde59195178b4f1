"""How many cells, names, lines and letters there are."""

from __future__ import annotations

from tests.sources.corpus.case import Case, joined, refused, whole

_WIDE = [[f"c{number}" for number in range(10_000)], ["x"] * 10_000, [""] * 9_999 + ["y"]]
_LONG = "x" * 100_000

SHAPES: tuple[Case, ...] = (
    refused("empty-file.csv", "", "is empty", fix="column names"),
    refused("blank-lines-only.csv", "\n\r\n\n", "is empty", fix="column names"),
    refused("mark-alone.csv", "\ufeff", "is empty", fix="column names"),
    refused("spaces-only.csv", "   \n", "has no name", line=1, fix="--no-header"),
    whole("header-only.csv", "id,email\n", [["id", "email"]]),
    whole("header-only-without-line-end.csv", "id,email", [["id", "email"]]),
    whole("one-column-header-only.csv", "email\n\n\n", [["email"]]),
    whole(
        "no-header-told.csv",
        "1,a@example.com\n2,b@example.com\n",
        [["1", "a@example.com"], ["2", "b@example.com"]],
        header=["column_1", "column_2"],
        has_header=False,
    ),
    whole(
        "no-header-told-one-column.csv",
        "a@example.com\nb@example.com\n",
        [["a@example.com"], ["b@example.com"]],
        header=["column_1"],
        has_header=False,
    ),
    whole(
        "no-header-told-blank-line-first.csv",
        "\na@example.com\n",
        [["a@example.com"]],
        header=["column_1"],
        has_header=False,
    ),
    whole("blank-line-first.csv", "\nid,email\n1,a@example.com\n", [["id", "email"], ["1", "a@example.com"]]),
    whole(
        "blank-lines-in-the-middle.csv",
        "id,email\n1,a@example.com\n\n\r\n2,b@example.com\n",
        [["id", "email"], ["1", "a@example.com"], ["2", "b@example.com"]],
    ),
    whole("blank-lines-last.csv", "id,email\n1,a@example.com\n\n\n\n", [["id", "email"], ["1", "a@example.com"]]),
    whole(
        "one-column-blank-in-the-middle-is-an-empty-cell.csv",
        "email\na@example.com\n\nb@example.com\n",
        [["email"], ["a@example.com"], [""], ["b@example.com"]],
    ),
    whole("one-column-blank-lines-last.csv", "email\na@example.com\n\n\n", [["email"], ["a@example.com"]]),
    whole("one-column-blank-after-the-header.csv", "email\n\na@example.com\n", [["email"], [""], ["a@example.com"]]),
    whole(
        "one-column-quoted-empty-cells-last.csv",
        'email\na@example.com\n""\n""\n',
        [["email"], ["a@example.com"], [""], [""]],
    ),
    whole(
        "rows-of-delimiters-alone.csv",
        "id,email\n1,a@example.com\n,\n,\n",
        [["id", "email"], ["1", "a@example.com"], ["", ""], ["", ""]],
    ),
    whole(
        "empty-cells-everywhere.csv",
        "id,email,n\n,,x\n1,,\n,a@example.com,\n",
        [["id", "email", "n"], ["", "", "x"], ["1", "", ""], ["", "a@example.com", ""]],
    ),
    whole(
        "the-same-row-three-times.csv",
        "id,email\n" + "1,a@example.com\n" * 3,
        [["id", "email"], *[["1", "a@example.com"]] * 3],
    ),
    whole(
        "header-again-in-the-middle.csv",
        "id,email\n1,a@example.com\nid,email\n2,b@example.com\n",
        [["id", "email"], ["1", "a@example.com"], ["id", "email"], ["2", "b@example.com"]],
    ),
    whole(
        "names-that-differ-in-case-alone.csv",
        "email,Email,EMAIL\na@example.com,b,c\n",
        [["email", "Email", "EMAIL"], ["a@example.com", "b", "c"]],
    ),
    whole("names-that-are-numbers.csv", "2023,2024\n1,2\n", [["2023", "2024"], ["1", "2"]]),
    whole("names-with-quotes-and-commas.csv", '"a ""b""","c, d"\n1,2\n', [['a "b"', "c, d"], ["1", "2"]]),
    whole(
        "a-name-as-long-as-a-page.csv",
        f"{'n' * 3000},email\n1,a@example.com\n",
        [["n" * 3000, "email"], ["1", "a@example.com"]],
    ),
    whole(
        "names-that-look-like-ours.csv",
        "email,defastra_email_state\na@example.com,mine\n",
        [["email", "defastra_email_state"], ["a@example.com", "mine"]],
    ),
    refused(
        "two-columns-named-email.csv",
        "id,email,name,email\n1,a@example.com,A,b@example.com\n",
        "columns 2 and 4 are both called 'email'",
        line=1,
        fix="line 1",
    ),
    refused(
        "two-columns-named-email-below-a-sep-line.csv",
        "sep=,\nid,email,email\n1,a,b\n",
        "columns 2 and 3 are both called",
        line=2,
        fix="line 2",
    ),
    refused(
        "column-without-a-name.csv", "id,,email\n1,2,a@example.com\n", "column 2 has no name", line=1, fix="line 1"
    ),
    refused(
        "first-column-without-a-name-of-a-data-frame.csv",
        ",email\n0,a@example.com\n1,b@example.com\n",
        "column 1 has no name",
        line=1,
        fix="line 1",
    ),
    refused(
        "column-named-by-a-space.csv", "id, ,email\n1,2,a@example.com\n", "column 2 has no name", line=1, fix="line 1"
    ),
    refused(
        "delimiter-at-the-end-of-every-line.csv",
        "id,email,\n1,a@example.com,\n",
        "column 3 has no name",
        line=1,
        fix="delimiter at the end",
    ),
    refused(
        "empty-columns-at-the-end.csv",
        "id,email,,,\n1,a@example.com,,,\n",
        "column 3 has no name",
        line=1,
        fix="delimiter at the end",
    ),
    refused(
        "delimiter-at-the-end-of-rows-alone.csv",
        "id,email\n1,a@example.com,\n",
        "line 2 has 3 fields",
        line=2,
        fix="Delete",
    ),
    refused(
        "row-too-short.csv",
        "id,email,n\n1,a@example.com,x\n2,b@example.com\n",
        "line 3 has 2 fields",
        line=3,
        fix="line 3",
    ),
    refused(
        "row-too-long.csv",
        "id,email\n1,a@example.com\n2,b@example.com,x\n",
        "line 3 has 3 fields",
        line=3,
        fix="line 3",
    ),
    refused(
        "row-too-long-after-line-ends-in-cells.csv",
        'id,note\n1,"a\nb\nc"\n2,x,y\n',
        "line 5 has 3 fields",
        line=5,
        fix="line 5",
    ),
    refused(
        "row-too-short-in-cr-only.csv", "id,email\r1,a@example.com\r2\r", "line 3 has 1 fields", line=3, fix="line 3"
    ),
    refused(
        "last-row-cut-off.csv", "id,email,n\n1,a@example.com,x\n2,b@exam", "line 3 has 2 fields", line=3, fix="line 3"
    ),
    refused(
        "line-of-spaces-between-rows.csv",
        "id,email\n1,a@example.com\n   \n2,b@example.com\n",
        "line 3 has 1 fields",
        line=3,
        fix="line 3",
    ),
    refused(
        "control-z-of-dos-at-the-end.csv",
        "id,email\r\n1,a@example.com\r\n\x1a",
        "line 3 has 1 fields",
        line=3,
        fix="line 3",
    ),
    refused(
        "sum-below-the-rows.csv",
        "id,email,price\n1,a@example.com,2\nTotal: 2\n",
        "line 3 has 1 fields",
        line=3,
        fix="line 3",
    ),
    refused(
        "unquoted-comma-in-row-900.csv",
        "id,name\n" + "1,Ada\n" * 899 + "2,Hopper, Grace\n",
        "line 901 has 3 fields",
        line=901,
        fix="line 901",
    ),
    refused(
        "title-above-the-header.csv",
        "Leads of November\n\nid,email\n1,a@example.com\n",
        "line 3 has 2 fields",
        line=3,
        fix="above line 3",
    ),
    refused(
        "comment-above-the-header.csv",
        "# exported 2026-11-21\nid,email\n1,a@example.com\n",
        "line 2 has 2 fields",
        line=2,
        fix="above line 2",
    ),
    refused(
        "no-header-ragged.csv", "1,a@example.com\n2\n", "the first row has 2", line=2, fix="line 2", has_header=False
    ),
    whole("a-cell-of-100-000-letters.csv", f"id,note\n1,{_LONG}\n", [["id", "note"], ["1", _LONG]]),
    refused(
        "a-cell-of-a-mebibyte.csv",
        f"id,note\n1,{'x' * (1 << 20)}\n",
        "more than 131,072 characters",
        line=2,
        fix="line 2",
    ),
    refused(
        "a-quoted-cell-of-a-mebibyte-in-many-lines.csv",
        'id,note\n1,"' + "x\n" * (1 << 19) + '"\n',
        "not closed after 131,072 characters",
        line=2,
        fix="line 2",
    ),
    refused("three-mebibytes-without-a-line-end.csv", "x" * (3 << 20), "a line of a megabyte", fix="one row a line"),
    whole("10-000-columns.csv", joined(_WIDE), _WIDE),
    refused("20-000-columns.csv", ",".join(f"c{n}" for n in range(20_000)) + "\n", "20,000 columns", fix="--delimiter"),
    whole("one-letter.csv", "a", [["a"]]),
    whole("leading-zeros.csv", "zip,phone\n01234,00491701234567\n", [["zip", "phone"], ["01234", "00491701234567"]]),
    whole(
        "numbers-as-a-spreadsheet-left-them.csv",
        "n\n3.36E+10\n1.0\n-0\n+7\n1e5\n",
        [["n"], ["3.36E+10"], ["1.0"], ["-0"], ["+7"], ["1e5"]],
    ),
    whole(
        "apostrophes-of-a-spreadsheet.csv", "phone\n'+14155550100\n'0170\n", [["phone"], ["'+14155550100"], ["'0170"]]
    ),
    whole(
        "formulas.csv",
        'id,f\n1,=1+1\n2,"=HYPERLINK(""http://x"",""y"")"\n3,@SUM(A1)\n',
        [["id", "f"], ["1", "=1+1"], ["2", '=HYPERLINK("http://x","y")'], ["3", "@SUM(A1)"]],
    ),
    whole(
        "no-break-and-zero-width-spaces.csv",
        "email,n\n\u00a0a@example.com\u200b,\u2007x\u2060\n",
        [["email", "n"], ["\u00a0a@example.com\u200b", "\u2007x\u2060"]],
    ),
    whole(
        "escape-sequences-of-a-terminal.csv",
        "email,n\na@example.com,\x1b[31mred\x07\n",
        [["email", "n"], ["a@example.com", "\x1b[31mred\x07"]],
    ),
    whole("null-words.csv", "a,b\nNULL,NaN\nnone,#N/A\n", [["a", "b"], ["NULL", "NaN"], ["none", "#N/A"]]),
    whole(
        "dates-and-booleans-stay-as-they-are.csv",
        "d,t\n03/04/2026,TRUE\n2026-04-03T00:00:00Z,false\n",
        [["d", "t"], ["03/04/2026", "TRUE"], ["2026-04-03T00:00:00Z", "false"]],
    ),
)
