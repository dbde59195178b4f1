"""The package as it is installed: what is in it, and that it works away from the checkout."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

NEEDED = {
    "runner/_data/jobs.example.csv",
    "runner/_migrations/env.py",
    "runner/_migrations/script.py.mako",
    "runner/py.typed",
}


def build(kind: str, source: Path, target: Path) -> Path:
    """Build with the project's own backend; the one file it made. Nothing is downloaded."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = target.iterdir()
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel built from it, as a package index would have them."""
    folder = tmp_path_factory.mktemp("built")
    sdist = build("sdist", ROOT, folder / "sdist")
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # not in the first releases of 3.11; and it is our own archive
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder / "source")
    (source,) = (folder / "source").iterdir()
    return sdist, build("wheel", source, folder / "wheel")


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The wheel unpacked elsewhere, and a way to run it: no checkout in sight."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(folder)
    return folder


def elsewhere(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` with the unpacked wheel before everything else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNNER_", "DEFASTRA_"))}
    (folder / "runtime").mkdir(mode=0o700, exist_ok=True)
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "runtime")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=kept | home | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_has_what_the_program_reads(built):
    """Migrations, the example list, profiles, the typing mark; nothing of the tests."""
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
        scripts = next(name for name in names if name.endswith("entry_points.txt"))
        assert "runner = runner.cli.main:main" in wheel.read(scripts).decode()
    migrations = {f"runner/_migrations/versions/{path.name}" for path in (ROOT / "migrations" / "versions").glob("0*")}
    profiles = {f"runner/providers/{path.name}" for path in (ROOT / "runner" / "providers").glob("*.toml")}
    assert migrations
    assert profiles
    assert names >= NEEDED | migrations | profiles
    tops = {name.split("/")[0] for name in names}
    assert tops == {"runner", *(top for top in tops if top.endswith(".dist-info"))}
    assert not [name for name in names if name.endswith(".pyc") or "runner.db" in name]


def test_the_sdist_has_what_a_developer_needs(built):
    """Sources, tests, pages; nothing that a run left behind."""
    with tarfile.open(built[0]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert names >= pages | {"README.md", "LICENSE", "Makefile", "jobs.example.csv", "tests/docs/test_packaging.py"}
    assert not [name for name in names if name.endswith((".pyc", ".db", ".lock")) or name.startswith(".git/")]


def test_the_wheel_makes_and_upgrades_a_database(installed, tmp_path):
    """Away from the checkout: it is the unpacked one that runs, with its own migrations and its own list."""
    code = (
        "import pathlib, runner, shutil\n"
        "from runner.cli.demo import example_list\n"
        "print(pathlib.Path(runner.__file__).parent)\n"
        "print(example_list())\n"
        "shutil.copyfile(example_list(), 'leads.csv')\n"
    )
    where = elsewhere(installed, tmp_path, "-c", code)
    assert where.stdout.splitlines() == [str(installed / "runner"), str(installed / "runner/_data/jobs.example.csv")]
    loaded = elsewhere(installed, tmp_path, "-m", "runner", "load", "leads.csv", "-p", "defastra.email")
    assert loaded.returncode == 0, loaded.stderr
    assert "requests  17" in loaded.stderr
    for command in ("upgrade", "status"):
        done = elsewhere(installed, tmp_path, "-m", "runner", "db", command)
        assert done.returncode == 0, done.stderr
        assert "the newest" in done.stdout


def test_a_file_without_a_schema_is_brought_to_the_newest(installed, tmp_path):
    """A load makes a database of an empty file: it runs every migration of the wheel."""
    (tmp_path / "runner.db").touch(mode=0o600)
    (tmp_path / "leads.csv").write_text("email\nada@example.com\n")
    done = elsewhere(installed, tmp_path, "-m", "runner", "load", "leads.csv", "-p", "defastra.email")
    assert done.returncode == 0, done.stderr
    assert "the newest" in elsewhere(installed, tmp_path, "-m", "runner", "db", "status").stdout
