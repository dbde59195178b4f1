"""`demo`, `sandbox` and `providers`: what a newcomer meets first."""

import socket
import sys
import tomllib

from runner.cli.demo import MARK, PLACE, _called, example_list
from tests.cli.place import inside, runner, sandbox

FILES = {"jobs.example.csv", "result.csv", "runner.toml"}


def test_the_demo_writes_one_folder_and_says_what_next(tmp_path):
    """Exit 0, the rows in order with their answers, nothing outside, and the two next commands. Its files are named
    from where it was called; what else is there is not used."""
    (tmp_path / "csv.py").write_text("raise SystemExit('not the one that was meant')")
    done = runner(tmp_path, "demo")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"csv.py", "runner-demo"}
    asked = next(line for line in done.stderr.splitlines() if line.startswith("$ runner "))
    again = inside(tmp_path, *asked.split()[2:], *PLACE)
    assert (again.returncode, "sent      0 requests now" in again.stderr) == (0, True), again.stderr
    written = {path.name for path in (tmp_path / "runner-demo").iterdir()}
    assert {name for name in written if not name.startswith("runner.db")} == FILES
    rows = (tmp_path / "runner-demo" / "result.csv").read_text(encoding="utf-8").splitlines()
    given = example_list().read_text(encoding="utf-8").splitlines()
    assert len(rows) == len(given)
    assert all(row.startswith(f"{own},") for row, own in zip(rows, given, strict=True))
    assert "0 of them twice" in done.stderr
    explain, own_list = done.stderr.splitlines()[-2:]
    assert explain.startswith("  cd runner-demo && runner explain jobs.example.csv 3")
    assert own_list.startswith("  runner run YOUR.csv -p defastra.email")
    assert "in its folder, not in runner-demo" in own_list
    shown = inside(tmp_path / "runner-demo", "explain", "jobs.example.csv", "3")
    assert (shown.returncode, shown.stdout.count("request 1")) == (0, 2)


def test_the_demo_names_commands_that_the_shell_finds(tmp_path, monkeypatch):
    """By its whole path when it was called by one and is not on the search path; as `runner` everywhere else."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "my bin" / "runner")])
    assert _called() == f"'{tmp_path}/my bin/runner'"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "runner" / "__main__.py")])
    assert _called() == "runner"
    (tmp_path / "runner").touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "my bin" / "runner")])
    assert _called() == "runner"


def test_the_demo_survives_a_kill_and_pays_nothing_twice(tmp_path):
    """`--crash`: killed half-way, finished by the same command; the provider's own books show no value twice.

    What an earlier demo left is removed first.
    """
    old = tmp_path / "runner-demo"
    old.mkdir()
    (old / "runner.toml").write_text(f"{MARK}\n")
    (old / "runner.db").write_text("not a database")
    done = runner(tmp_path, "demo", "--crash")
    assert done.returncode == 0, done.stderr
    assert "kill -9" in done.stderr
    assert done.stderr.count("0 of them twice") == 2
    assert "state=completed" in done.stderr


def test_the_demo_never_removes_what_is_not_its_own(tmp_path):
    """A folder of that name that no demo wrote is left alone: exit 2."""
    (tmp_path / "runner-demo").mkdir()
    (tmp_path / "runner-demo" / "thesis.txt").write_text("mine")
    assert inside(tmp_path, "demo").returncode == 2
    assert (tmp_path / "runner-demo" / "thesis.txt").read_text() == "mine"


def test_a_demo_that_cannot_be_written_says_why_and_where_to_go(tmp_path):
    """Exit 2 with three parts, not an unexpected error."""
    (tmp_path / "runner-demo").symlink_to(tmp_path / "nowhere")
    refused = inside(tmp_path, "demo")
    assert refused.returncode == 2
    assert "cannot be written" in refused.stderr
    assert "fix: cd" in refused.stderr


def test_the_sandbox_prints_a_runner_toml(tmp_path):
    """stdout is TOML that points to it; its books can be read; a port in use is exit 2."""
    with sandbox(tmp_path, "--faults", "0%") as served:
        settings = tomllib.loads((tmp_path / "runner.toml").read_text())
        assert settings["providers"]["defastra"]["http"]["base_url"] == served.base_url
        assert served.summary()["requests"] == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = inside(tmp_path, "sandbox", "defastra", "--port", str(taken.getsockname()[1]))
    assert refused.returncode == 2
    assert "cannot be used" in refused.stderr
    assert inside(tmp_path, "sandbox", "defastra", "--faults", "lots").returncode == 2
    assert inside(tmp_path, "sandbox", "nobody").returncode == 2


def test_providers_are_listed_shown_and_tested(tmp_path):
    """Operations with prices and limits; rules with their meaning; the examples of a profile."""
    listed = inside(tmp_path, "providers", "list").stdout
    assert "defastra.email Defastra 1 check" in " ".join(listed.split())
    shown = inside(tmp_path, "providers", "show", "defastra").stdout
    assert "the environment variable DEFASTRA_API_KEY" in shown
    assert "insufficient-funds" in shown
    tested = inside(tmp_path, "providers", "test", "defastra")
    assert tested.returncode == 0
    assert "each leads to the rule it names" in tested.stdout


def test_all_mistakes_of_a_profile_are_told_at_once(tmp_path):
    """Exit 2, one mistake a line."""
    (tmp_path / "mine.toml").write_text(
        'schema = 1\nname = "mine"\ntitle = "Mine"\nspeed = 9\n[http]\nbase_url = "http://example.com"\n'
    )
    done = inside(tmp_path, "providers", "test", "./mine.toml")
    assert done.returncode == 2
    assert "speed" in done.stderr
    assert "base_url" in done.stderr
