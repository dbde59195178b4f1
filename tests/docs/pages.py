"""The project's pages as programs: their blocks run in order in a folder of their own, and show what they say.

A page's ```console, ```python and ```sql blocks are one session. Comments, which a reader of the page does not see, say
more: `<!-- file: NAME -->` writes the block below it; `<!-- second terminal -->` leaves it running;
`<!-- not run: WHY -->` leaves it out; `<!-- provider: WISH JSON -->` changes the provider that stands in (see
`runner/sandbox/admin.py`), and `<!-- provider: await N -->` waits until it has seen N requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.process import Sandbox
from tests.warm import warm

ROOT = Path(__file__).resolve().parents[2]
LISTS = ("jobs.example.csv", "leads.csv")  # the second stands for the reader's own
KEY = "test-key-not-real-0123456789"
RUN = frozenset({"console", "python", "sql"})

_PART = re.compile(
    r"<!-- (?P<note>.+?) -->(?=\n|$)|^```(?P<kind>[a-z]+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"\x1e(\d+) (\d+)\n")
_SERVED = "is served at"
_SQL = """
import pathlib, sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
rows = database.execute(pathlib.Path(sys.argv[2]).read_text()).fetchall()
database.close()
sys.exit(0 if rows else "the query finds nothing here")
"""
_POST = """
import sys, urllib.request
wish = urllib.request.Request(sys.argv[1], data=sys.argv[2].encode(), method="POST")
urllib.request.urlopen(wish).close()
"""
_AWAIT = """
import json, sys, time, urllib.request
while json.load(urllib.request.urlopen(sys.argv[1]))["requests"] < int(sys.argv[2]):
    time.sleep(0.02)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block, or (kind `provider`) a wish. `note` is the comment right above it."""

    kind: str
    text: str
    note: str
    line: int

    @property
    def is_run(self) -> bool:
        """Whether a test executes it."""
        return self.kind in {*RUN, "provider"} and not self.note.startswith("not run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of a session, with the output the page shows; None: it shows none, and none is compared."""

    command: str
    shown: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A step with what it printed (both streams, as on a terminal) and its exit code."""

    step: Step
    printed: str
    code: int


def blocks(text: str) -> list[Block]:
    """The blocks of a page, in order."""
    found: list[Block] = []
    note, note_end = "", -1
    for match in _PART.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["note"]:
            note, note_end = match["note"], match.end()
            if note.startswith("provider: "):
                found.append(Block(kind="provider", text=note.removeprefix("provider: "), note="", line=line))
            continue
        above = note if not text[note_end : match.start()].strip() and note_end >= 0 else ""
        found.append(Block(kind=match["kind"], text=match["text"], note=above, line=line))
        note_end = -1
    return found


def commands(block: Block) -> list[Step]:
    """The `$ ` lines of a console block, each with the lines below it."""
    steps: list[Step] = []
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if line.startswith("$ "):
            steps.append(Step(command=line[2:], shown=None, line=number))
            continue
        if not steps:
            raise ValueError(f"line {number}: a console block begins with a `$ ` line")
        last = steps.pop()
        shown = f"{last.shown}\n{line}" if last.shown is not None else line
        steps.append(Step(command=last.command, shown=shown, line=last.line))
    return steps


def session(text: str, folder: Path, provider: Sandbox) -> list[Done]:
    """Run a page in a new folder `work` under `folder`, with `provider` in Defastra's place."""
    work, aside = folder / "work", folder / "aside"
    for made in (work / ".venv" / "bin", aside, folder / "config" / "runner"):
        made.mkdir(parents=True)
    for name in LISTS:
        shutil.copyfile(ROOT / LISTS[0], work / name)
    _tools(work / ".venv" / "bin", killed="$ kill -9" in text)
    (folder / "config" / "runner" / "runner.toml").write_text(
        "[providers.defastra]\nlimits = [{ at_most = 1000, per_seconds = 1 }]\n"
        "retry = { attempts = 2, base = 0.01, cap = 0.02 }\n"
        f'[providers.defastra.http]\nbase_url = "{provider.url}"\n'
    )
    steps = [step for block in blocks(text) for step in _steps(block, aside, provider)]
    script = "\n".join(
        # What `$?` says on the page is said of the command before.
        ["__code=0"]
        + [
            f"(exit $__code)\n{step.command}\n__code=$?; printf '\\036%s %s\\n' {number} $__code"
            for number, step in enumerate(steps)
        ]
    )
    printed = _shell(script, folder, work)
    parts = _MARK.split(printed)
    outputs = {int(number): (out, int(code)) for out, number, code in zip(*(iter(parts[:-1]),) * 3, strict=True)}
    lost = [step for number, step in enumerate(steps) if number not in outputs]
    assert not lost, f"line {lost[0].line}: the session ended before {lost[0].command!r}: {printed[-2000:]}"
    return [Done(step=step, printed=outputs[n][0], code=outputs[n][1]) for n, step in enumerate(steps)]


def faults(done: list[Done]) -> list[str]:
    """Where a session differs from its page: an output, or an exit code other than 0 that the page does not show."""
    found = []
    following = [*(one.step.command for one in done[1:]), ""]
    for one, after in zip(done, following, strict=True):
        where = f"line {one.step.line}: $ {one.step.command}\n"
        if one.code and "$?" not in after:
            found.append(f"{where}exit {one.code}:\n{one.printed}")
        if one.step.shown is not None and not fits(one.step.shown, one.printed):
            found.append(f"{where}shown:\n{one.step.shown}\nprinted:\n{one.printed}")
    return found


def fits(shown: str, printed: str) -> bool:
    """Whether an output is the one shown: `...` is any text in a line, and any lines where it is the whole line."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else ".*?".join(map(re.escape, line.rstrip().split("..."))) + r" *\n"
        for line in shown.rstrip().splitlines()
    )
    return re.fullmatch(pattern, f"{printed.rstrip()}\n") is not None


def _steps(block: Block, aside: Path, provider: Sandbox) -> list[Step]:
    """A block as commands of a shell; its text is kept in a file `aside` where it is not a command itself."""
    text, line = aside / f"{block.line}.txt", block.line
    text.write_text(block.text, encoding="utf-8")
    if block.note.startswith("file: "):
        return [Step(command=f"cp {text} {shlex.quote(block.note.removeprefix('file: '))}", shown=None, line=line)]
    if not block.is_run:
        return []
    if block.kind == "provider":
        wish, given = block.text.split(" ", 1)
        json.loads(given)
        code = shlex.quote(_AWAIT if wish == "await" else _POST)
        address = provider.url.rstrip("/") + f"/_sandbox/{'summary' if wish == 'await' else wish}"
        return [Step(command=f"python -c {code} {address} {shlex.quote(given)}", shown=None, line=line)]
    if block.kind == "python":
        return [Step(command=f"python {text}", shown=None, line=line)]
    if block.kind == "sql":
        return [Step(command=f"python -c {shlex.quote(_SQL)} runner.db {text}", shown=None, line=line)]
    steps = commands(block)
    if block.note == "second terminal":
        log = aside / f"{line}.log"
        wait = f"until grep -q '{_SERVED}' {log}; do sleep 0.05; done"
        return [Step(command=f"{one.command} > {log} 2>&1 &\n{wait}", shown=None, line=one.line) for one in steps]
    return steps


def _tools(folder: Path, *, killed: bool) -> None:
    """`python`, and `runner`: both warm, but on a page that kills it, where its process id must be its own."""
    python = shlex.quote(sys.executable)
    runner = f"{python} -m runner" if killed else shlex.quote(str(warm().command))
    files = shlex.quote(str(warm().script))
    for name, program in (
        ("python", f'case "$1" in -*) exec {python} "$@" ;; *) exec {files} "$@" ;; esac'),
        ("runner", f'exec {runner} "$@"'),
    ):
        tool = folder / name
        tool.write_text(f"#!/bin/sh\n{program}\n")
        tool.chmod(0o755)


def _shell(script: str, folder: Path, work: Path) -> str:
    """Run a script of bash in `work`; what it printed. Whatever it left running ends with it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNNER_", "DEFASTRA_"))}
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    environment = kept | {
        "PATH": f"{work / '.venv' / 'bin'}:{kept.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_RUNTIME_DIR": str(runtime),
        "DEFASTRA_API_KEY": KEY,
        "TERM": "dumb",
    }
    with (folder / "printed.txt").open("wb") as printed:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        process.wait(timeout=240)  # forty commands, on a machine that does other things too
    finally:
        # The session's own group: the shell and what a page left in a second terminal.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return (folder / "printed.txt").read_text(encoding="utf-8")
