"""`init`: what it asks, what it writes, and what it never shows or overwrites."""

import io
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.cli.place import KEY, inside, write_list
from tests.cli.terminal import Terminal

NEW_KEY = "another-key-not-real-98765"


@pytest.fixture
def place(tmp_path):
    """A folder without settings."""
    folder = tmp_path / "lists"
    folder.mkdir()
    return folder


@pytest.fixture
def init(place, monkeypatch):
    """`runner init` without a terminal and without a key in the environment."""

    def call(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        return inside(place, "init", *arguments, DEFASTRA_API_KEY="")

    return call


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return path.stat().st_mode & 0o777


def test_a_script_gives_the_key_on_stdin(place, init):
    """runner.toml names .env, which is private and has the key; nothing on screen has it; the next command is there."""
    write_list(place, "a@example.com", name="my people.csv")
    done = init("--provider", "defastra", "--key-from-stdin", "--price", "0.02 EUR", stdin=f"{NEW_KEY}\n")
    assert (done.returncode, done.stdout) == (0, "")
    settings = tomllib.loads((place / "runner.toml").read_text())
    assert settings["run"] == {"operations": ["defastra.email"], "env_file": ".env"}
    assert settings["prices"] == {"defastra.check": "0.02 EUR"}
    assert (place / ".env").read_text() == f"DEFASTRA_API_KEY={NEW_KEY}\n"
    assert mode(place / ".env") == 0o600
    assert NEW_KEY not in done.stderr + (place / "runner.toml").read_text()
    assert "runner check 'my people.csv'" in done.stderr
    assert not (place / ".gitignore").exists()
    assert sorted(one.name for one in place.iterdir()) == [".env", "my people.csv", "runner.toml"]


def test_the_settings_it_writes_are_used(place, provider, init):
    """The very next `run` finds operation and key there, and leaves no question open."""
    write_list(place, "init0@example.com")
    assert init("--provider", "defastra", "--key-from-stdin", stdin=NEW_KEY).returncode == 0
    with (place / "runner.toml").open("a") as file:
        file.write(f'\n[providers.defastra.http]\nbase_url = "{provider.base_url}"\n')
    done = inside(place, "run", "leads.csv", DEFASTRA_API_KEY="")
    assert done.returncode == 0, done.stderr


def test_a_person_is_asked_and_the_key_is_not_shown(place):
    """Provider, operations, key, price, country; a wrong answer is told and asked again; the key is never on screen."""
    with Terminal(place, "init", DEFASTRA_API_KEY="") as person:
        person.answer("Provider (defastra", "defstra")
        person.answer("for example: defastra\nProvider (defastra", "defastra")
        person.answer("(email, phone) [email]: ", "email, fax")
        person.answer("(email, phone) [email]: ", "")
        person.answer("Key of Defastra (not shown as you type; Enter: later): ", "short")
        person.answer("Key of Defastra (not shown as you type; Enter: later): ", NEW_KEY)
        person.answer("Price of one check", "cheap")
        person.answer("Price of one check", "0.02 EUR")
        assert person.end() == 0
    assert NEW_KEY not in person.shown
    assert "short" not in person.shown
    for sentence in ("no operation 'fax'", "that is no key of Defastra", f"taken: {len(NEW_KEY)} characters"):
        assert sentence in person.shown
    assert "that is no price" in person.shown
    assert (place / ".env").read_text() == f"DEFASTRA_API_KEY={NEW_KEY}\n"
    assert "runner check leads.csv" in person.shown


def test_the_country_is_asked_where_phones_are(place):
    """Only an operation that takes phones brings the question; a name is no country's code."""
    with Terminal(place, "init", "-p", "defastra.phone") as person:
        person.answer("Price of one check", "")
        person.answer("Country of phone numbers without a +", "Germany")
        person.answer("'Germany' is not a country", "de")
        assert person.end() == 0
    settings = tomllib.loads((place / "runner.toml").read_text())
    assert settings == {"run": {"operations": ["defastra.phone"], "region": "DE"}}
    assert "is in this shell's DEFASTRA_API_KEY" in person.shown


def test_the_key_can_come_later(place):
    """Enter leaves it out: no .env, and the variable to set comes first among the next commands."""
    with Terminal(place, "init", "-p", "defastra.email", DEFASTRA_API_KEY="") as person:
        person.answer("Key of Defastra", "")
        person.answer("Price of one check", "")
        assert person.end() == 0
    assert not (place / ".env").exists()
    assert "env_file" not in (place / "runner.toml").read_text()
    assert "Next:\n  export DEFASTRA_API_KEY=YOUR-KEY\n  runner check" in person.shown


def test_ctrl_c_and_the_end_of_input_write_nothing(place):
    """Whoever leaves in the middle has changed nothing: exit 130."""
    for goodbye in ("\x03", "\x04"):
        with Terminal(place, "init", DEFASTRA_API_KEY="") as person:
            person.answer("Provider (", goodbye)
            assert person.end() == 130
    assert list(place.iterdir()) == []


def test_a_key_of_the_wrong_shape_is_refused_before_anything_is_written(place, init):
    """The profile's pattern decides; the message has the shape and not the key."""
    wrong = "sk-live-not-real-000111"
    done = init("--provider", "dfirlab", "--key-from-stdin", stdin=wrong)
    assert done.returncode == 2
    assert "that is no key of DFIR" in done.stderr
    assert wrong not in done.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "which provider is meant?"),
        (("--provider", "defastra"), "the key of Defastra is missing"),
        (("--provider", "defsatra", "--key-from-stdin"), "no provider 'defsatra'"),
        (("--provider", "defastra", "--key-from-stdin"), "that is no key of Defastra"),
        (("--key-from-stdin", "--key-env", "K"), "--key-from-stdin and --key-env exclude each other"),
        (("--provider", "defastra", "--key-env", "sk-not-real-123"), "--key-env takes the name of a variable"),
        (("-p", "defastra.fax", "--key-env", "K"), "Defastra has no operation 'fax'"),
        (("--provider", "defendis", "-p", "defastra.email", "--key-env", "K"), "-p defastra.email is not of defendis"),
        (("-p", "defastra.email", "-p", "dfirlab.email", "--key-env", "K"), "init sets up one provider"),
        (("--provider", "defastra", "--key-env", "K", "--price", "cheap"), "--price: not a price"),
        (
            ("--provider", "defastra", "--key-env", "K", "--region", "Germany"),
            "'Germany' is not a country\n  why: it is written in two letters\n  fix: --region US",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_where_nobody_can_be_asked_too_little_is_exit_2(arguments, what, place, init):
    """Three parts, nothing written, and no value that could be a key."""
    done = init(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    _, why, fix = done.stderr.strip().split("\n")
    assert done.stderr.startswith(f"error: {what}")
    assert why.startswith("  why: ")
    assert fix.startswith("  fix: ")
    assert "sk-not-real" not in done.stderr
    assert list(place.iterdir()) == []


def test_a_variable_can_be_named_instead(place, init):
    """`--key-env` writes no key: a variable other than the profile's becomes an override, the profile's own none."""
    assert init("--provider", "defastra", "--key-env", "CRM_KEY").returncode == 0
    settings = tomllib.loads((place / "runner.toml").read_text())
    assert settings["providers"]["defastra"]["http"]["auth"] == {"secret": {"env": "CRM_KEY"}}
    assert not (place / ".env").exists()
    (place / "runner.toml").unlink()
    done = init("--provider", "defastra", "--key-env", "DEFASTRA_API_KEY")
    assert "providers" not in tomllib.loads((place / "runner.toml").read_text())
    assert "export DEFASTRA_API_KEY=YOUR-KEY" in done.stderr


def test_settings_that_are_there_are_left_alone(place, init):
    """Exit 2 before any question, and not a byte is changed."""
    (place / "runner.toml").write_text("# mine\n")
    done = init("--provider", "defastra", "--key-from-stdin", stdin=NEW_KEY)
    assert done.returncode == 2
    assert "runner.toml is here already" in done.stderr
    assert "mv runner.toml runner.toml.old && runner init" in done.stderr
    assert (place / "runner.toml").read_text() == "# mine\n"
    assert not (place / ".env").exists()


def test_what_a_sandbox_answered_stays_apart(place, init):
    """Beside settings that lead to this machine is a database of made-up answers: real lists go elsewhere."""
    (place / "runner.toml").write_text('[providers.defastra.http]\nbase_url = "http://127.0.0.1:8012"\n')
    told = init("--provider", "defastra", "--key-env", "DEFASTRA_API_KEY")
    assert told.returncode == 2
    assert "mkdir lists && cd lists && runner init --provider defastra" in told.stderr
    assert "mv runner.toml" not in told.stderr


def test_an_env_file_that_is_there_keeps_its_other_lines(place, init):
    """Only the provider's line is replaced; the file becomes private; others' secrets stay as they are."""
    (place / ".env").write_text(f"# ours\nOTHER='a b'\nDEFASTRA_API_KEY={KEY}\nexport LAST=1\n")
    (place / ".env").chmod(0o644)
    done = init("--provider", "defastra", "--key-from-stdin", stdin=NEW_KEY)
    assert "wrote .env: DEFASTRA_API_KEY replaced" in done.stderr
    expected = f"# ours\nOTHER='a b'\nDEFASTRA_API_KEY={NEW_KEY}\nexport LAST=1\n"
    assert (place / ".env").read_text() == expected
    assert mode(place / ".env") == 0o600


def test_keys_and_databases_stay_out_of_a_repository(place, init):
    """Inside a work tree .gitignore is written, once; lines that are there, here or at the root, are not repeated."""
    root = place.parent
    subprocess.run(["git", "init", "-q", root], check=True)
    (place / ".gitignore").write_text("*.tmp")
    init("--provider", "defastra", "--key-from-stdin", stdin=NEW_KEY)
    assert (place / ".gitignore").read_text() == "*.tmp\n.env\nrunner.db*\n"
    shown = subprocess.run(
        ["git", "status", "--short", "--untracked-files=all"], cwd=root, capture_output=True, text=True, check=True
    )
    assert ".env" not in shown.stdout
    (root / ".gitignore").write_text("/.env\nrunner.db*\n")
    (place / ".gitignore").unlink()
    (place / "runner.toml").unlink()
    init("--provider", "defastra", "--key-from-stdin", stdin=NEW_KEY)
    assert not (place / ".gitignore").exists()


def test_a_profile_of_ones_own_is_set_up_too(place, init):
    """Its operations are named by the file, and its price by its name."""
    assert inside(place, "providers", "new", "acme").returncode == 0
    done = init("--provider", "./acme.toml", "--key-from-stdin", stdin="acme-key-not-real-1")
    assert done.returncode == 0, done.stderr
    (operation,) = tomllib.loads((place / "runner.toml").read_text())["run"]["operations"]
    assert operation.startswith("./acme.toml:")
    assert "not-real" in (place / ".env").read_text()


def test_the_fix_of_a_folder_with_settings_keeps_what_was_typed(tmp_path: Path) -> None:
    """Pasted, it begins anew with the operations and the price that were given; a key is read from a file."""
    (tmp_path / "runner.toml").write_text("# of the sandbox\n")
    typed = ["-p", "defastra.email", "-p", "defastra.phone", "--price", "0.02 EUR", "--region", "US"]
    told = inside(tmp_path, "init", *typed, "--key-env", "MY_KEY")
    assert told.returncode == 2
    again = "runner init -p defastra.email -p defastra.phone --key-env MY_KEY --price '0.02 EUR' --region US"
    assert f"mv runner.toml runner.toml.old && {again}\n" in told.stderr
    (tmp_path / "runner.toml").unlink()
    assert inside(tmp_path, *shlex.split(again)[1:]).returncode == 0
    piped = inside(tmp_path, "init", "-p", "defastra.email", "--key-from-stdin")
    assert "&& runner init -p defastra.email --key-from-stdin < FILE-WITH-THE-KEY" in piped.stderr


def test_a_folder_that_is_set_up_is_not_told_to_begin(place, init):
    """`runner` alone proposes `init` until it was there, then to look at the list, as its settings ask it."""
    assert "next      runner init   (" in inside(place).stdout
    write_list(place, "a@example.com")
    init("--provider", "defastra", "--key-env", "DEFASTRA_API_KEY")
    shown = inside(place).stdout
    assert "runner init" not in shown
    assert "  next      runner check leads.csv   (" in shown
    (place / "runner.toml").write_text("")
    assert "  next      runner check leads.csv -p defastra.email   (" in inside(place).stdout


@pytest.mark.parametrize(("name", "typed"), [("my list.csv", "'my list.csv'"), ("-l.csv", "./-l.csv")])
def test_a_list_is_proposed_as_one_types_it(name: str, typed: str, place: Path, init) -> None:
    """The command works as it stands, after `init` and from `runner` alone, with the flags that were given."""
    write_list(place, "a@example.com", name=name)
    assert f"runner check {typed} " in init("--provider", "defastra", "--key-env", "DEFASTRA_API_KEY").stderr
    shown = inside(place, "--db", "other.db").stdout
    assert f"  next      runner check --db other.db {typed}   (" in shown
    assert inside(place, *shlex.split(f"check --db other.db {typed}")).returncode == 0
