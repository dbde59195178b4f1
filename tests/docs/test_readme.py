"""The pages are executed: each command works, and prints what the page shows."""

import json
import re
import socket
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.app import open as open_runner
from runner.cli import states
from runner.work.status import as_json
from tests.docs.commands import sections, slug
from tests.docs.pages import ROOT, Step, blocks, commands, faults, fits, session
from tests.sandbox.process import sandbox

README = ROOT / "README.md"
RUNS = [
    "docs/commands.md",
    "README.md",
    *(
        f"docs/{name}.md"
        for name in ("quickstart", "providers", "money", "operating", "when-it-stops", "library", "queue")
    ),
]
RUNS += [f"docs/{name}.md" for name in ("database", "exports", "lists", "privacy", "defendis", "dfirlab")]
DOCS = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
READ = [*DOCS, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
PORT = "8765"  # on the pages; a free one is taken in its place
QUICK = [(1000, 1.0)]


AT_ONCE = 3  # pages wait for processes most of the time


def free_port() -> str:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def faults_of(page: str, folder: Path) -> list[str]:
    """Run a page with a provider of its own; where it differs from what it shows."""
    text = (ROOT / page).read_text(encoding="utf-8").replace(PORT, free_port())
    assert any(block.is_run for block in blocks(text)), f"{page} has no block that can be run"
    with sandbox(limits=QUICK) as provider:
        return faults(session(text, folder, provider))


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The pages of the chosen tests, several running at once, each in a folder of its own."""
    chosen = [item.callspec.params["page"] for item in request.session.items if "runs" in item.fixturenames]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {page: pool.submit(faults_of, page, tmp_path_factory.mktemp("page")) for page in chosen}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", RUNS)
def test_a_page_does_what_it_says(page, runs):
    """Every command of a page ends well or with the exit code shown, and prints what is shown; no page is empty."""
    found = runs[page].result()
    assert not found, "\n".join([page, *found])


def test_a_page_that_is_wrong_is_found_out(tmp_path):
    """A wrong output, a failing command and an unshown exit code are three faults; a right one is none."""
    page = "```console\n$ echo one\ntwo\n$ false\n$ echo three\nth...\n$ (exit 4)\n$ echo $?\n4\n```\n"
    with sandbox(limits=QUICK) as provider:
        found = faults(session(page, tmp_path, provider))
    assert [fault.splitlines()[0] for fault in found] == ["line 2: $ echo one", "line 4: $ false"]


def test_what_may_stand_for_what():
    """`...` is any text in a line, and any lines where it stands alone; all else is compared."""
    assert fits("a ... c\n...\nz", "a b c\n1\n2\nz\n")
    assert fits("a\n...", "a\n")
    assert not fits("a\n...", "b\na\n")
    assert not fits("a.c", "abc\n")


def test_a_page_is_read_as_its_reader_sees_it():
    """Notes belong to the block right below them; commands to the lines below them."""
    page = "<!-- not run: why -->\n```console\n$ x\n```\n\ntext\n\n```console\n$ y\nout\n```\n"
    first, second = blocks(page)
    assert (first.is_run, second.is_run) == (False, True)
    assert commands(second) == [Step(command="y", shown="out", line=9)]
    with pytest.raises(ValueError, match="begins with"):
        commands(blocks("```console\nno prompt\n```\n")[0])


def test_only_what_ci_itself_runs_is_left_out():
    """Blocks marked `not run` install the package or are the checks: nothing else hides behind the mark."""
    allowed = ("python3.11 -m venv ", ".venv/bin/pytest -q", "make check", 'PATH="$PWD/.venv/bin:$PATH" make check')
    for page in READ:
        for block in blocks((ROOT / page).read_text(encoding="utf-8")):
            if block.note.startswith("not run") and block.kind == "console":
                assert all(step.command.startswith(allowed) for step in commands(block)), (page, block.line)


def test_no_page_with_a_command_is_left_out():
    """Whatever page shows something that can be run, it is run."""
    for page in DOCS:
        runnable = any(block.is_run for block in blocks((ROOT / page).read_text(encoding="utf-8")))
        assert runnable is (page in RUNS), page


def test_the_index_leads_to_every_page():
    """`docs/README.md` names each page once, in an order to read them; the first page leads to the index."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    named = [f"docs/{name}" for name in re.findall(r"\]\(([a-z-]+\.md)\)", index)]
    assert sorted(named) == [page for page in DOCS if page != "docs/README.md"]
    assert "](docs/README.md)" in README.read_text(encoding="utf-8")


def test_toml_and_json_on_the_pages_can_be_read():
    """Every ```toml and ```json block parses."""
    for page in READ:
        for block in blocks((ROOT / page).read_text(encoding="utf-8")):
            if block.kind == "toml":
                tomllib.loads(block.text)
            elif block.kind == "json":
                json.loads(block.text)


def test_the_diagrams_are_those_of_the_tables():
    """The README's state diagrams are drawn from `domain/states.py`."""
    text = README.read_text(encoding="utf-8")
    assert states.redraw(text) == text


def test_links_lead_somewhere():
    """Relative links of every page lead to files that are there, and to headings that are in them."""
    for page in READ:
        path = ROOT / page
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8")):
            there = path.parent / target if target else path
            assert there.exists(), f"{page}: {target}"
            if anchor:
                headings = sections(there.read_text(encoding="utf-8"))
                assert anchor in {slug(heading) for heading in headings}, f"{page}: {target}#{anchor}"


def test_the_json_of_status_is_the_one_shown(tmp_path):
    """The keys of `status --json`, in order, are those on the page of commands."""
    (tmp_path / "list.csv").write_text("email\nada@example.com\n")
    with open_runner(tmp_path / "x.db", directory=tmp_path, environ={}) as library:
        library.load(tmp_path / "list.csv", ["defastra.email"])
        keys = list(as_json(library.status("list")))
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    shown = next(json.loads(block.text) for block in blocks(page) if block.kind == "json")
    assert list(shown) == keys


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_layers_are_those_that_are_enforced(page):
    """The pictures name the layers of the import contract, top to bottom."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = [layer for layer in contract["layers"] if layer != "__main__"]
    shown = next(
        block.text
        for block in blocks((ROOT / page).read_text(encoding="utf-8"))
        if block.kind == "text" and "domain" in block.text
    )
    assert [line.split("  ")[0].strip() for line in shown.splitlines()] == layers
