"""The command that is proposed next does what it says, when it is pasted as it stands."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.place import RUN, Provider, inside, names, seen, use, write_list


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A folder whose provider is not there: nothing here is sent."""
    use(tmp_path, "http://127.0.0.1:1")
    return tmp_path


def pasted(folder: Path, shown: str, **words: str) -> subprocess.CompletedProcess[str]:
    """The command after `next`, with these words filled in."""
    found = re.search(r"^  next +runner (.*?)(?:   \(|$)", shown, re.M)
    assert found is not None, shown
    return inside(folder, *(words.get(word, word) for word in shlex.split(found[1])))


def test_a_phone_without_its_country_is_sent_with_one(nobody: Path) -> None:
    """Refused for want of a country: there is something to do, with the columns as they were read."""
    (nobody / "my list.csv").write_text("Telefon\n0171 2345678\n")
    done = inside(nobody, "run", "my list.csv", "-p", "defastra.phone", "--map", "phone=Telefon")
    assert done.returncode == 0
    assert "nothing to do" not in done.stderr
    checked = pasted(nobody, done.stderr, CC="DE")
    assert (checked.returncode, "my-list-defastra-phone-2: 1 request to send" in checked.stdout) == (0, True), checked
    assert "the country of its phones changed" in checked.stdout
    assert "the columns" not in checked.stdout


def test_a_country_that_was_told_is_not_asked_for(nobody: Path) -> None:
    """By a column of the list: a number whose country stays unknown is refused, and --region would not mend it."""
    (nobody / "p.csv").write_text("phone,country\n0171 2345678,Atlantis\n")
    done = inside(nobody, "run", "p.csv", "-p", "defastra.phone", "--map", "region=country")
    assert "refused   1 no-country" in done.stderr
    assert "--region" not in done.stderr


def test_a_list_that_was_mapped_goes_on_by_the_name_of_its_batch(nobody: Path) -> None:
    """Its file alone does not say the columns again: the fix names what does, while the list is the same."""
    (nobody / "p.csv").write_text("Telefon,Land\n0171 2345678,DE\n020 79460000,GB\n")
    mapped = ("--map", "phone=Telefon", "--map", "region=Land")
    assert inside(nobody, "load", "p.csv", "-p", "defastra.phone", *mapped).returncode == 0
    for command in ("run", "check"):
        refused = inside(nobody, command, "p.csv")
        assert refused.returncode == 2
        assert "fix: runner run p   (goes on with the batch of this list, as it was read)\n" in refused.stderr
    assert "p-defastra-phone: 2 requests to send" in inside(nobody, "check", "p").stdout
    (nobody / "p.csv").write_text("Telefon,Land\n0171 2345679,DE\n")
    assert "runner run p" not in inside(nobody, "run", "p.csv").stderr


def test_a_batch_that_is_asked_otherwise_goes_on_by_its_name(nobody: Path) -> None:
    """Rows read in two ways are never one batch: `--add` would be refused, and is not proposed."""
    (nobody / "p.csv").write_text("phone,Land\n0171 2345678,DE\n")
    inside(nobody, "load", "p.csv", "-p", "defastra.phone", "--map", "region=Land")
    refused = inside(nobody, "run", "p.csv")
    assert "the columns changed" in refused.stderr
    assert "fix: runner run p   (goes on with it as it was read), or --new (begin p-defastra-phone-2)" in refused.stderr
    assert "--add" not in refused.stderr


def test_a_batch_whose_name_a_shell_would_take_apart_is_one_word(nobody: Path) -> None:
    """A run of it ends as any other, and so do the views; the command that they propose goes on with it."""
    name = r"my \d \g<0> it's-x"
    write_list(nobody, "ada@example.com")
    done = inside(nobody, "run", "leads.csv", "-p", "defastra.email", "--yes", "--batch", name, "--max-requests", "0")
    assert done.returncode == 5, done.stderr
    for shown in (done.stderr, inside(nobody, "status", name).stdout, inside(nobody).stdout):
        again = pasted(nobody, shown.replace("--max-requests 1", "--max-requests 0"))
        assert (again.returncode, f"{name}: paused" in again.stderr) == (5, True), again.stderr


def test_a_cap_of_nothing_is_raised_to_a_request(nobody: Path) -> None:
    """Twice nothing would stop where it began."""
    write_list(nobody, "ada@example.com")
    done = inside(nobody, "run", "leads.csv", "-p", "defastra.email", "--max-spend", "0")
    assert (done.returncode, "runner run leads --max-spend 1   (" in done.stderr) == (5, True), done.stderr


def test_failures_of_several_operations_are_loaded_with_their_answers(folder: Path, provider: Provider) -> None:
    """The file has whole rows: what another operation answered for them is not paid again where --reuse is given."""
    (folder / "both.csv").write_text("email,phone\ngrete@example.com,+4930901820\nspoilt,+4930901821\n")
    provider.post("next", [{"rule": "invalid-request-email"}])
    asked = ("-p", "defastra.email", "-p", "defastra.phone")
    assert inside(folder, "run", "both.csv", *asked, "--in-flight", "1").returncode == 3
    shown = inside(folder, "status", "both").stdout
    assert "Rows with a refused cell are in it too. Run it with --reuse 30d, or what other" in shown
    assert pasted(folder, shown).returncode == 0
    (file,) = folder.glob("*.failed.csv")
    found = json.loads(inside(folder, "check", file.name, *asked, "--reuse", "30d", "--json").stdout)
    assert (found["rows"], found["requests"]) == (2, {"defastra.email": 1, "defastra.phone": 0})


def test_two_caps_that_are_used_up_are_raised_by_one_command(folder: Path, provider: Provider) -> None:
    """Pasted as it stands it sends; of a command for one of them nothing would come but the next command."""
    write_list(folder, *names("caps", 5))
    done = inside(folder, *RUN, "--max-requests", "2")
    assert done.returncode == 5
    assert "runner run leads --max-requests 4   (Its --max-requests is used up.)" in done.stderr
    assert inside(folder, "tune", "leads", "--max-spend", "1").returncode == 0
    for shown in (inside(folder, "run", "leads").stderr, inside(folder, "status", "leads").stdout):
        assert "--max-requests 4 --max-spend 4   (Its --max-requests and --max-spend are used up.)" in shown
    assert pasted(folder, shown).returncode == 5
    assert len(seen(provider, "caps")) == 4
