"""How the letters were written."""

from __future__ import annotations

import codecs

from tests.sources.corpus.case import Case, joined, refused, whole

_NAMES = [["id", "email", "name"], ["1", "ada@example.com", "Zoë Müller"], ["2", "kim@example.org", "Łódź 東京"]]
_WEST = [["id", "email", "name"], ["1", "ada@example.com", "Zoë Müller"], ["2", "kim@example.org", "naïve café"]]
_TEXT, _WESTERN = joined(_NAMES), joined(_WEST)
_BE, _LE = codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE

ENCODINGS: tuple[Case, ...] = (
    whole("utf-8.csv", _TEXT, _NAMES),
    whole("utf-8-with-mark.csv", _TEXT, _NAMES, codec="utf-8-sig"),
    whole("utf-8-with-mark-and-crlf.csv", _TEXT.replace("\n", "\r\n"), _NAMES, codec="utf-8-sig"),
    whole("utf-8-mark-then-quoted-header.csv", '\ufeff"id","e"\n"1","ü"\n', [["id", "e"], ["1", "ü"]]),
    whole("utf-8-mark-twice.csv", "\ufeff\ufeffemail\na@example.com\n", [["\ufeffemail"], ["a@example.com"]]),
    whole("utf-8-mark-below-a-blank-line.csv", "\n\ufeffemail\na@example.com\n", [["\ufeffemail"], ["a@example.com"]]),
    whole(
        "utf-8-two-marked-files-in-one.csv",
        "\ufeffemail,n\na@example.com,1\n\ufeffemail,n\nb@example.com,2\n",
        [["email", "n"], ["a@example.com", "1"], ["\ufeffemail", "n"], ["b@example.com", "2"]],
    ),
    whole(
        "utf-8-emoji-and-flags.csv",
        "email,tag\na@example.com,👩‍🔬🇺🇳\n",
        [["email", "tag"], ["a@example.com", "👩‍🔬🇺🇳"]],
    ),
    whole(
        "utf-8-decomposed-accents.csv",
        "email,n\na@example.com,Zoe\u0308\n",
        [["email", "n"], ["a@example.com", "Zoe\u0308"]],
    ),
    whole(
        "utf-8-right-to-left.csv",
        "email,n\na@example.com,\u200fעדה\u200e\n",
        [["email", "n"], ["a@example.com", "\u200fעדה\u200e"]],
    ),
    whole(
        "utf-8-noncharacter.csv",
        "email,n\na@example.com,\ufffe\uffff\n",
        [["email", "n"], ["a@example.com", "\ufffe\uffff"]],
    ),
    whole(
        "utf-8-replacement-characters-already-in-it.csv",
        "email,n\na@example.com,M\ufffdller\n",
        [["email", "n"], ["a@example.com", "M\ufffdller"]],
    ),
    whole(
        "utf-8-garbled-earlier-stays-as-it-is.csv",
        "email,n\na@example.com,MÃ¼ller\n",
        [["email", "n"], ["a@example.com", "MÃ¼ller"]],
    ),
    whole(
        "utf-8-line-and-paragraph-separators-in-cells.csv",
        "email,n\na@example.com,x\u2028y\u2029z\n",
        [["email", "n"], ["a@example.com", "x\u2028y\u2029z"]],
    ),
    whole(
        "utf-8-next-line-and-form-feed-in-cells.csv",
        "email,n\na@example.com,x\u0085y\x0cz\x1cw\n",
        [["email", "n"], ["a@example.com", "x\u0085y\x0cz\x1cw"]],
    ),
    whole(
        "utf-8-vertical-tab-from-word.csv",
        "email,n\na@example.com,x\x0by\n",
        [["email", "n"], ["a@example.com", "x\x0by"]],
    ),
    whole("utf-16-le-mark.csv", _LE + _TEXT.encode("utf-16-le"), _NAMES, codec="utf-16"),
    whole("utf-16-be-mark.csv", _BE + _TEXT.encode("utf-16-be"), _NAMES, codec="utf-16"),
    whole(
        "utf-16-excel-unicode-text.txt",
        _LE + joined(_NAMES, "\t", "\r\n").encode("utf-16-le"),
        _NAMES,
        codec="utf-16",
        delimiter="\t",
        notes=["TAB"],
    ),
    whole("utf-16-emoji.csv", "email,n\na@example.com,😀\n", [["email", "n"], ["a@example.com", "😀"]], codec="utf-16"),
    whole("utf-16-le-no-mark-but-told.csv", _TEXT, _NAMES, codec="utf-16-le", encoding="utf-16-le"),
    whole("utf-16-be-no-mark-but-told.csv", _TEXT, _NAMES, codec="utf-16-be", encoding="utf-16-be"),
    whole("utf-16-told-as-utf-8.csv", _TEXT, _NAMES, codec="utf-16", encoding="utf-8"),
    refused("utf-16-le-no-mark.csv", _TEXT, "NUL", line=1, fix="--encoding utf-16-le", codec="utf-16-le"),
    refused("utf-16-be-no-mark.csv", _TEXT, "NUL", line=1, fix="--encoding utf-16-be", codec="utf-16-be"),
    refused("utf-16-cut-in-a-letter.csv", _TEXT.encode("utf-16")[:-1], "not utf-16", fix="--encoding"),
    refused("utf-16-mark-alone.csv", _LE, "is empty", fix="column names"),
    whole("utf-32-mark.csv", codecs.BOM_UTF32_LE + _TEXT.encode("utf-32-le"), _NAMES, codec="utf-32"),
    whole("cp1252.csv", _WESTERN, _WEST, codec="cp1252", notes=['"Zoë"']),
    whole(
        "cp1252-euro-and-curly-quotes.csv",
        "email,n\na@example.com,“5 €” – ’s\n",
        [["email", "n"], ["a@example.com", "“5 €” – ’s"]],
        codec="cp1252",
        notes=["cp1252"],
    ),
    whole(
        "cp1252-first-accent-on-line-2001.csv",
        "email,n\n" + "a@example.com,x\n" * 1999 + "b@example.com,é\n",
        [["email", "n"], *[["a@example.com", "x"]] * 1999, ["b@example.com", "é"]],
        codec="cp1252",
        notes=["line 2001"],
    ),
    whole(
        "cp1252-no-break-space-before-quotes.csv",
        "email,n\na@example.com,« café\u00a0» « thé\u00a0» é è à\n",
        [["email", "n"], ["a@example.com", "« café\u00a0» « thé\u00a0» é è à"]],
        codec="cp1252",
        notes=["cp1252"],
    ),
    whole(
        "latin-1-dashes-of-windows.csv",
        b"email,n\na@example.com,A \x96 B\n",
        [["email", "n"], ["a@example.com", "A – B"]],
        codec="cp1252",
        notes=["cp1252"],
    ),
    whole("latin-1-told.csv", _WESTERN, _WEST, codec="latin-1", encoding="latin-1"),
    whole(
        "latin-9-told.csv",
        "email,n\na@example.com,5 €\n",
        [["email", "n"], ["a@example.com", "5 €"]],
        codec="iso-8859-15",
        encoding="ISO-8859-15",
    ),
    whole(
        "cp1250-told.csv",
        "email,n\na@example.com,Łódź\n",
        [["email", "n"], ["a@example.com", "Łódź"]],
        codec="cp1250",
        encoding="cp1250",
    ),
    whole(
        "cp1251-told.csv",
        "email,n\na@example.com,Ада\n",
        [["email", "n"], ["a@example.com", "Ада"]],
        codec="cp1251",
        encoding="windows-1251",
    ),
    whole(
        "cp437-of-an-old-till-told.csv",
        "email,n\na@example.com,é\n",
        [["email", "n"], ["a@example.com", "é"]],
        codec="cp437",
        encoding="cp437",
    ),
    whole(
        "mac-roman-told.csv",
        "email,n\ra@example.com,é\r",
        [["email", "n"], ["a@example.com", "é"]],
        codec="mac_roman",
        encoding="macintosh",
    ),
    whole(
        "shift-jis-told.csv",
        "email,n\na@example.com,東京ソ\n",
        [["email", "n"], ["a@example.com", "東京ソ"]],
        codec="shift_jis",
        encoding="shift_jis",
    ),
    whole(
        "gb18030-told.csv",
        "email,n\na@example.com,北京\n",
        [["email", "n"], ["a@example.com", "北京"]],
        codec="gb18030",
        encoding="gb18030",
    ),
    whole(
        "cp1252-name-in-the-header.csv",
        "Prénom;Courriel\nZoë;a@example.com\n",
        [["Prénom", "Courriel"], ["Zoë", "a@example.com"]],
        codec="cp1252",
        delimiter=";",
        notes=['"Prénom"', "`;`"],
    ),
    refused(
        "bytes-that-are-nothing.csv",
        b"email,n\na@example.com,x\nb@example.com,\x81\x8d\n",
        "neither UTF-8 nor cp1252",
        line=3,
        fix="--encoding",
    ),
    refused(
        "utf-8-with-mark-and-a-bad-byte.csv",
        codecs.BOM_UTF8 + b"email\na@example.com\n\xff\n",
        "not utf-8",
        line=3,
        fix="--encoding",
    ),
    refused(
        "utf-8-told-but-cp1252.csv", _WESTERN, "not utf-8", line=2, fix="--encoding", codec="cp1252", encoding="utf-8"
    ),
    refused("ascii-told-but-not.csv", _TEXT, "not ascii", line=2, fix="--encoding", encoding="ascii"),
    refused(
        "utf-8-with-one-cp1252-line-pasted-in.csv",
        "email,n\na@example.com,Zoë\nb@example.com,Łódź\n".encode() + "c@example.com,Müller\n".encode("cp1252"),
        "mostly UTF-8",
        line=4,
        fix="--encoding",
    ),
    refused(
        "utf-8-cut-in-a-letter.csv",
        "email,n\na@example.com,Zoë Müller\nb@example.com,é".encode()[:-1],
        "mostly UTF-8",
        line=3,
        fix="--encoding",
    ),
    refused("nul-in-a-cell.csv", b"email,n\na@example.com,x\0y\n", "NUL", line=2, fix="line 2"),
    refused("nul-padding-after-a-crash.csv", b"email,n\na@example.com,x\n" + bytes(600), "NUL", line=3, fix="line 3"),
    refused("encoding-that-nobody-knows.csv", _TEXT, "unknown encoding", fix="--encoding cp1252", encoding="klingon"),
)
