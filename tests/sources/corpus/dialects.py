"""How the cells were kept apart."""

from __future__ import annotations

from tests.sources.corpus.case import Case, joined, refused, whole

_TWO = [["id", "email"], ["1", "a@example.com"], ["2", "b@example.com"]]
_MANY = [["id", "email"], *([str(number), f"p{number}@example.com"] for number in range(1, 1001))]

DIALECTS: tuple[Case, ...] = (
    whole("comma.csv", joined(_TWO), _TWO),
    whole("semicolon.csv", joined(_TWO, ";"), _TWO, delimiter=";", notes=["`;`"]),
    whole("tab.tsv", joined(_TWO, "\t"), _TWO, delimiter="\t", notes=["TAB"]),
    whole("tab-called-csv.csv", joined(_TWO, "\t"), _TWO, delimiter="\t", notes=["TAB"]),
    whole("pipe.csv", joined(_TWO, "|"), _TWO, delimiter="|", notes=["`|`"]),
    Case(
        name="colon-told.csv",
        data=joined(_TWO, ":").encode(),
        header=tuple(_TWO[0]),
        rows=tuple(map(tuple, _TWO[1:])),
        delimiter=":",
        notes=("`:`",),
        options={"delimiter": ":"},
    ),
    Case(
        name="unit-separator-told.txt",
        data=joined(_TWO, "\x1f").encode(),
        header=tuple(_TWO[0]),
        rows=tuple(map(tuple, _TWO[1:])),
        delimiter="\x1f",
        notes=("`",),
        options={"delimiter": "\x1f"},
    ),
    whole("colon-not-told-is-one-column.csv", "id:email\n1:a@example.com\n", [["id:email"], ["1:a@example.com"]]),
    whole("crlf.csv", joined(_TWO, end="\r\n"), _TWO),
    whole("cr-only-of-an-old-mac.csv", joined(_TWO, end="\r"), _TWO),
    whole("mixed-line-ends.csv", "id,email\r\n1,a@example.com\n2,b@example.com\r", _TWO),
    whole("no-line-end-at-the-end.csv", "id,email\n1,a@example.com\n2,b@example.com", _TWO),
    whole(
        "crcrlf-of-a-double-translation.csv",
        "id,email\r\r\n1,a@example.com\r\r\n",
        [["id", "email"], ["1", "a@example.com"]],
    ),
    whole(
        "sep-line-semicolon.csv",
        "sep=;\r\nid;email\r\n1;a@example.com\r\n",
        [["id", "email"], ["1", "a@example.com"]],
        delimiter=";",
        notes=["`;`"],
    ),
    whole("sep-line-comma.csv", "sep=,\nid,email\n1,a@example.com\n", [["id", "email"], ["1", "a@example.com"]]),
    whole(
        "sep-line-tab.csv",
        "sep=\t\r\nid\temail\r\n1\ta@example.com\r\n",
        [["id", "email"], ["1", "a@example.com"]],
        delimiter="\t",
        notes=["TAB"],
    ),
    whole(
        "sep-line-quoted-and-loud.csv",
        '"SEP=|"\nid|email\n1|a@example.com\n',
        [["id", "email"], ["1", "a@example.com"]],
        delimiter="|",
        notes=["`|`"],
    ),
    whole(
        "sep-line-after-a-mark.csv",
        "sep=;\r\nid;email\r\n1;ü@example.com\r\n",
        [["id", "email"], ["1", "ü@example.com"]],
        codec="utf-8-sig",
        delimiter=";",
        notes=["`;`"],
    ),
    whole(
        "sep-line-in-utf-16.csv",
        "sep=\t\r\nid\temail\r\n1\tü\r\n",
        [["id", "email"], ["1", "ü"]],
        codec="utf-16",
        delimiter="\t",
        notes=["TAB"],
    ),
    refused("sep-line-alone.csv", "sep=;\r\n", "is empty", fix="column names"),
    whole("everything-quoted.csv", '"id","email"\n"1","a@example.com"\n', [["id", "email"], ["1", "a@example.com"]]),
    whole(
        "quotes-where-needed.csv",
        'id,note\n1,"a, b"\n2,"say ""hi"""\n',
        [["id", "note"], ["1", "a, b"], ["2", 'say "hi"']],
    ),
    whole(
        "line-ends-inside-quotes.csv",
        'id,note\n1,"a\nb"\n2,"c\r\nd"\n3,"e\rf"\n',
        [["id", "note"], ["1", "a\nb"], ["2", "c\r\nd"], ["3", "e\rf"]],
    ),
    whole(
        "blank-lines-inside-quotes.csv", 'id,note\n1,"a\n\n\nb"\n2,x\n', [["id", "note"], ["1", "a\n\n\nb"], ["2", "x"]]
    ),
    whole("line-end-inside-a-header.csv", '"e\nmail",n\na@example.com,1\n', [["e\nmail", "n"], ["a@example.com", "1"]]),
    whole("line-end-inside-the-last-cell-at-the-end.csv", 'id,note\n1,"a\n"', [["id", "note"], ["1", "a\n"]]),
    whole("delimiters-inside-quotes.csv", 'id,note\n1,"a;b|c\td,e"\n', [["id", "note"], ["1", "a;b|c\td,e"]]),
    whole("quoted-empty-cells.csv", 'id,note\n"",""\n1,""\n', [["id", "note"], ["", ""], ["1", ""]]),
    whole(
        "quote-in-the-middle-of-a-plain-cell.csv",
        'id,note\n1,5" pipe\n2,6\'2"\n',
        [["id", "note"], ["1", '5" pipe'], ["2", "6'2\""]],
    ),
    whole("quote-after-a-space.csv", 'id, "note"\n1, "x"\n', [["id", ' "note"'], ["1", ' "x"']]),
    whole("nothing-but-quotes.csv", 'id,note\n1,""""\n2,""""""\n', [["id", "note"], ["1", '"'], ["2", '""']]),
    whole(
        "a-quoted-list-of-one-column.csv",
        '"email"\n"a@example.com"\n"b@example.com"\n',
        [["email"], ["a@example.com"], ["b@example.com"]],
    ),
    whole(
        "spaces-around-cells.csv", "id , email\n 1 , a@example.com \n", [["id ", " email"], [" 1 ", " a@example.com "]]
    ),
    whole(
        "decimal-commas.csv",
        "id;betrag\n1;1,50\n2;2\n3;1.000,25\n",
        [["id", "betrag"], ["1", "1,50"], ["2", "2"], ["3", "1.000,25"]],
        delimiter=";",
        notes=["`;`"],
    ),
    whole(
        "commas-in-a-tab-list.tsv",
        "id\tname\n1\tLovelace, Ada\n2\tHopper, Grace\n",
        [["id", "name"], ["1", "Lovelace, Ada"], ["2", "Hopper, Grace"]],
        delimiter="\t",
        notes=["TAB"],
    ),
    whole(
        "tabs-in-a-comma-list.csv",
        "id,name\n1,Ada\tL\n2,Grace\tH\n",
        [["id", "name"], ["1", "Ada\tL"], ["2", "Grace\tH"]],
    ),
    whole(
        "semicolons-in-the-cells-of-one-column.csv",
        "emails\na@example.com;b@example.com\nc@example.com\n",
        [["emails"], ["a@example.com;b@example.com"], ["c@example.com"]],
    ),
    whole(
        "backslash-before-a-letter.csv",
        "id,path\n1,C:\\new\\table\n2,\\N\n",
        [["id", "path"], ["1", "C:\\new\\table"], ["2", "\\N"]],
    ),
    whole(
        "single-quotes-are-letters.csv",
        "id,name\n1,'Ada'\n2,O'Neil\n",
        [["id", "name"], ["1", "'Ada'"], ["2", "O'Neil"]],
    ),
    whole("a-thousand-rows.csv", joined(_MANY), _MANY),
    refused("two-delimiters-fit.csv", "a,b;c\n1,2;3\n", "could be separated by", fix="--delimiter ','"),
    refused("quotes-escaped-by-backslash.csv", 'id,note\n1,"say \\"hi\\""\n', "is not CSV", line=2, fix='twice ("")'),
    refused("text-after-a-closing-quote.csv", 'id,note\n1,"a" b\n', "is not CSV", line=2, fix='twice ("")'),
    refused("space-after-a-closing-quote.csv", 'id,note\n1,"a" \n', "is not CSV", line=2, fix='twice ("")'),
    refused("unescaped-quotes-of-a-database.tsv", 'id\tname\n1\t"Bob" Smith\n', "is not CSV", line=2, fix='twice ("")'),
    refused("quote-after-a-space-with-a-comma.csv", 'id,note\n1, "a, b"\n', "line 2 has 3 fields", line=2, fix="Quote"),
    refused("single-quotes-around-a-comma.csv", "id,name\n1,'a, b'\n", "line 2 has 3 fields", line=2, fix="Quote"),
    refused(
        "unterminated-quote-on-line-501-of-1001.csv",
        joined(_MANY).replace("\n500,", '\n"500,'),
        "a quote that opens in the row on line 501 is never closed",
        line=501,
        fix="line 501",
    ),
    refused(
        "unterminated-quote-in-the-header.csv",
        'id,"email\n1,a@example.com\n',
        "opens in the row on line 1",
        line=1,
        fix="line 1",
    ),
    refused(
        "unterminated-quote-on-the-last-line.csv",
        'id,note\n1,x\n2,"y',
        "opens in the row on line 3",
        line=3,
        fix="line 3",
    ),
    refused(
        "unterminated-quote-before-another-quoted-cell.csv", 'id,note\n1,"x\n2,"y"\n', "lines 2 to 3", fix='twice ("")'
    ),
    refused(
        "unterminated-quote-with-megabytes-behind-it.csv",
        'id,note\n1,"x\n' + "2,y\n" * 500_000,
        "opens in the row on line 2",
        line=2,
        fix="line 2",
    ),
    refused(
        "delimiter-of-two-signs-told.csv", "a||b\n1||2\n", "cannot separate columns", fix="--delimiter", delimiter="||"
    ),
)
