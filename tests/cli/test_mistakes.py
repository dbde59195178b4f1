"""What people mistype, through the real command line: told in three parts, with a fix that works when it is pasted."""

import re
import shlex
import shutil
from collections.abc import Sequence

import pytest

from tests.cli.place import inside

BATCH = "leads-defastra-email"
LOAD = ("load", "leads.csv", "-p", "defastra.email")
RUN = ("run", "leads.csv", "-p", "defastra.email")
EXPORT = ("export", BATCH, "-o", "out.csv")

LISTS = {
    "leads.csv": "id,email,note\n1,ada@example.com,a\n2,bob@example.com,b\n",
    "more.csv": "id,email\n1,ada@example.com\n",
    "two.csv": "Work e-mail,Private e-mail\nada@example.com,bob@example.com\n",
    "phones.csv": "phone\n" + "".join(f"212555{number:04}\n" for number in range(30)),
    "ragged.csv": "email,note\nada@example.com\n",
    "empty.csv": "",
    "quote.csv": 'email,note\nada@example.com,"x\n',
    "data.csv": "ada@example.com\nbob@example.com\n",
    "wrong.csv": "email\n" + "nothing\n" * 30,
}

MISTAKES = [
    ("lod", "leads.csv"),
    ("--config", "runner.toml", "status"),
    (*RUN, "--spead", "3"),
    ("load", "nothere.csv", "-p", "defastra.email"),
    ("load", "folder", "-p", "defastra.email"),
    ("load", "more.csv"),
    ("load", "more.csv", "-p", "defastra.emial"),
    ("load", "more.csv", "-p", "defastre.email"),
    ("load", "more.csv", "-p", "email"),
    ("load", "more.csv", "-p", "./no.toml:lookup"),
    ("load", "two.csv", "-p", "defastra.email"),
    ("load", "phones.csv", "-p", "defastra.phone"),
    ("load", "more.csv", "-p", "defastra.email", "--map", "email=Mial"),
    ("load", "more.csv", "-p", "defastra.email", "--map", "emial=email"),
    ("load", "more.csv", "-p", "defastra.email", "--delimiter", ";;"),
    ("load", "more.csv", "-p", "defastra.email", "--encoding", "klingon"),
    ("load", "more.csv", "-p", "defastra.email", "--set", "timeout=quick"),
    ("load", "more.csv", "-p", "defastra.email", "--set", "tmieout=minimal"),
    ("load", "more.csv", "-p", "defastra.email", "--set", "timeout"),
    ("load", "more.csv", "-p", "defastra.email", "--add", "--new"),
    ("load", "ragged.csv", "-p", "defastra.email"),
    ("load", "empty.csv", "-p", "defastra.email"),
    ("load", "quote.csv", "-p", "defastra.email"),
    ("load", "data.csv", "-p", "defastra.email"),
    ("load", "wrong.csv", "-p", "defastra.email"),
    ("load", "--from", "people", "-p", "defastra.email"),
    ("load", "--from", "people", "--source", "crm", "--key", "id", "-p", "defastra.email", "--batch", "x"),
    ("load", "--from", "people", "--source", "sqlite:///no.db", "--key", "id", "-p", "defastra.email", "--batch", "x"),
    ("load", "--from", "people", "--source", "postgresql://u:p@h/d", "--key", "id", "-p", "defastra.email"),
    ("status", "nosuch"),
    ("status", "leads-defastra-emial"),
    ("status", "--config", "no.toml"),
    ("status", "--env-file", "no.env"),
    ("explain", BATCH, "99"),
    ("explain", BATCH, "zoe@example.com"),
    ("export", BATCH, "-o", "folder"),
    ("export", BATCH, "-o", "more.csv"),
    ("export", BATCH, "-o", "leads.csv"),
    ("export", BATCH, "-o", "nofolder/out.csv"),
    (*EXPORT, "--only", "faild"),
    (*EXPORT, "--columns", "risk_scor"),
    ("retry", BATCH),
    ("retry", BATCH, "--only", "succeeded"),
    ("doubt", "resolve", BATCH, "--as", "charged"),
    ("doubt", "resolve", BATCH, "--all", "--as", "charged"),
    ("doubt", "resolve", BATCH, "--all", "--as", "paid"),
    ("cancel",),
    ("providers", "show", "nope"),
    ("providers", "test", "./nope.toml"),
    ("db", "backup", "runner.db"),
    (*RUN, "--limit", "0"),
    (*RUN, "--max-wait", "soon"),
    (*RUN, "--rate", "fast"),
    (*RUN, "--max-failed", "lots"),
    (*RUN, "--max-spend", "lots"),
    (*RUN, "--max-requests", "-1"),
    (*RUN, "--json", "-o", "-"),
    ("run", "nosuch.csv"),
]

PASTED_AND_STILL_REFUSED = {  # the fix is right, and the next answer is about something else
    ("retry", BATCH, "--only", "succeeded"),  # nothing has failed
    ("load", "more.csv", "-p", "defastra.email", "--delimiter", ";;"),  # the columns are not separated by that either
    *((*RUN, flag, value) for flag, value in (("--limit", "0"), ("--max-wait", "soon"), ("--rate", "fast"))),
    *((*RUN, flag, value) for flag, value in (("--max-failed", "lots"), ("--max-spend", "lots"))),
    (*RUN, "--max-requests", "-1"),
}
"""A run would send: it is stopped at the missing key instead, which proves that the option is taken."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with lists and a loaded batch; no key anywhere, so nothing is ever sent."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name, text in LISTS.items():
        (folder / name).write_text(text)
    (folder / "folder").mkdir()
    (folder / "runner.toml").write_text("")
    assert inside(folder, *LOAD).returncode == 0
    return folder


def parts(stderr: str) -> dict[str, str]:
    """The three parts of an error, by their label."""
    lines = [line for line in stderr.splitlines() if re.match(r"error:|  why:|  fix:", line)]
    return {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines}


def pasted(command: Sequence[str], fix: str) -> tuple[str, ...] | None:
    """The command to type after a fix: itself, or the first one again with its options; None where a word is left
    to be filled in, or the fix is not a command."""
    first = re.split(r"   \(| \(|, or |; or |, with |: ls ", fix)[0]
    if re.search(r"\b[A-Z]{3,}\b|\.\.\.", first):
        return None
    words = shlex.split(first)
    if words[0] == "runner":
        return tuple(words[1:])
    if not words[0].startswith("-"):
        return None
    kept = list(command)
    if words[0] in kept:
        place = kept.index(words[0])
        del kept[place : place + len(words)]
    return (*kept, *words)


@pytest.mark.parametrize("command", MISTAKES, ids=" ".join)
def test_a_mistake_is_told_in_three_parts_and_its_fix_works(place, command, tmp_path):
    """Exit 2, what, why, fix; a fix that is a command is no mistake itself when it is typed."""
    folder = shutil.copytree(place, tmp_path / "work")
    done = inside(folder, *command, DEFASTRA_API_KEY="")
    told = parts(done.stderr)
    assert done.returncode == 2, done.stderr
    assert list(told) == ["error", "why", "fix"], done.stderr
    assert all(told.values())
    again = pasted(command, told["fix"])
    if again is not None:
        done = inside(folder, *again, DEFASTRA_API_KEY="")
        if command in PASTED_AND_STILL_REFUSED:
            assert parts(done.stderr)["error"] != told["error"]
        else:
            assert done.returncode == 0, (again, done.stderr)


def test_most_fixes_can_be_pasted(place, tmp_path):
    """The test above proves something: a fix with a gap to fill in is the exception."""
    folder = shutil.copytree(place, tmp_path / "work")
    fixes = [(one, parts(inside(folder, *one, DEFASTRA_API_KEY="").stderr)["fix"]) for one in MISTAKES[-20:]]
    assert len([fix for command, fix in fixes if pasted(command, fix) is not None]) >= 15
