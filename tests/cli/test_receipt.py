"""What a run cost, what the wallet says of it, and of doubts: through the real command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.place import RUN, Provider, inside, sandbox, use, write_list
from tests.cli.terminal import Terminal

NAME = "leads-defastra-email"
ONE_BY_ONE = ("--in-flight", "1")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider with a wallet that nothing else uses."""
    with sandbox(tmp_path_factory.mktemp("wallet"), "--wallet", "100000") as served:
        yield served


@pytest.fixture
def place(tmp_path: Path, account: Provider) -> Path:
    """A folder whose runner.toml points to it."""
    use(tmp_path, account.base_url)
    return tmp_path


def rows(folder: Path, count: int, *more: str) -> None:
    """So many addresses."""
    write_list(folder, *(f"person{number}@example.com" for number in range(count)), *more)


def status(folder: Path) -> dict:
    """The object of `status --json`."""
    found: dict = json.loads(inside(folder, "status", "leads", "--json").stdout)
    return found


def test_a_receipt_says_what_was_sent_charged_and_saved(place: Path) -> None:
    """In words, and in the object of `--json`: of this run and of all; rows that share a value cost once."""
    with (place / "runner.toml").open("a") as file:
        file.write('\n[prices]\n"defastra.check" = "0.02 EUR"\n')
    rows(place, 4, "person0@example.com", "PERSON1@example.com")
    first = inside(place, *RUN, "--max-requests", "3")
    assert "  saved     2 requests, 2 checks (0.04 EUR): rows with a value that another row has" in first.stderr
    second = inside(place, *RUN, "--max-requests", "9", "--json")
    assert "  charged   1 check (0.02 EUR) now, 4 checks (0.08 EUR) in all" in second.stderr
    found = json.loads(second.stdout)
    run = {
        "sent": 1,
        "charged": 1,
        "not_charged": 0,
        "in_doubt": 0,
        "amounts": {"charged": {"check": 1}, "in_doubt": {}},
        "money": {"charged": {"EUR": 0.02}, "in_doubt": {}},
    }
    nothing = {"requests": 0, "amounts": {}, "money": {}}
    twice = {"requests": 2, "amounts": {"check": 2}, "money": {"EUR": 0.04}}
    assert found["receipt"]["run"] == run
    assert found["receipt"]["saved"] == {"duplicates": twice, "reuse": nothing}
    assert (found["receipt"]["sent"], found["receipt"]["amounts"]["charged"]) == (4, {"check": 4})
    assert status(place) == found | {"receipt": found["receipt"] | {"run": None}}


def test_a_wallet_that_agrees_is_not_spoken_of(place: Path) -> None:
    """Several requests at a time: opening - debits = closing, run by run; nothing on screen, no event."""
    rows(place, 20)
    first = inside(place, *RUN, "--max-requests", "8")
    second = inside(place, *RUN, "--max-requests", "40")
    assert "Defastra's" not in first.stderr + second.stderr + inside(place, "log", "leads").stdout
    one, two = status(place)["balance"]
    assert (one["debited"], one["difference"], two["debited"], two["difference"]) == (8, 0, 12, 0)
    assert (one["opening"] - 8, two["opening"] - 12) == (one["closing"], two["closing"])


def test_a_second_charge_is_found_said_and_kept(place: Path, account: Provider) -> None:
    """The provider books one request twice; the answers say once."""
    account.post("next", [{}, {"times": 2}])
    rows(place, 6)
    ran = inside(place, *RUN, *ONE_BY_ONE, "--json")
    told = "fell by 7 checks, the answers account for 6: 1 more was charged; "
    assert f"  wallet    Defastra's {told}something else uses this key, or a request was charged twice" in ran.stderr
    (entry,) = json.loads(ran.stdout)["balance"]
    assert (entry["opening"] - entry["closing"], entry["debited"], entry["difference"], entry["in_doubt"]) == (
        7,
        6,
        1,
        0,
    )
    events = [json.loads(line) for line in inside(place, "log", "leads", "--json").stdout.splitlines()]
    (event,) = [one for one in events if one["event"] == "balance.differs"]
    assert (event["lane"], event["detail"]["difference"], event["detail"]["unit"]) == ("defastra", 1, "check")
    assert f"Defastra's wallet {told}" in inside(place, "log", "leads").stdout
    assert "wallet" in inside(place, "status", "leads").stdout
    again = inside(place, *RUN)  # nothing is due: nothing is looked at
    assert "wallet" not in again.stderr


def test_what_others_take_between_two_runs_is_their_affair(place: Path, account: Provider) -> None:
    """A person at the dashboard, another program: only what happens while a run is at work is compared."""
    rows(place, 6)
    inside(place, *RUN, "--max-requests", "3")
    account.post("take", {"units": 5})
    inside(place, *RUN, "--max-requests", "6")
    assert [entry["difference"] for entry in status(place)["balance"]] == [0, 0]
    assert "balance" not in inside(place, "log", "leads", "--json").stdout


def doubtful(folder: Path, account: Provider, *, charged: bool) -> None:
    """Six rows, of which the second and the fourth get no answer."""
    lost = {"manner": "drop", "charged": charged}
    account.post("next", [{}, lost, {}, lost])
    rows(folder, 6)
    assert inside(folder, *RUN, *ONE_BY_ONE, "-q").returncode == 3


def test_doubts_are_listed_with_what_is_known_of_each(place: Path, account: Provider) -> None:
    """When, what came instead, what to look for, what it may cost; the wallet fell by just that, and that is said."""
    doubtful(place, account, charged=True)
    listed = inside(place, "doubt", "list", "leads")
    head, first, second, wallet = listed.stdout.splitlines()
    assert head.split("  ")[0] == "row"
    labels = [entry["client_request_id"] for entry in account.ledger()[-5:]]
    assert first.startswith("row 2 (line 3)  defastra.email  p…@example.com")
    assert "no answer in" in first
    assert "1 check" in second
    assert (labels[0] in first, labels[2] in second) == (True, True)
    assert wallet == (
        "Defastra's wallet fell by 2 checks more than its answers account for, "
        "which is what the 2 requests in doubt may have cost: probably charged."
    )
    assert listed.stderr == (
        "2 requests were sent but the line broke before the answer. Defastra may have charged up to 2 checks. "
        "They are not sent again by themselves. Look for their labels in its dashboard (runner doubt list leads), "
        "then say what you found, one of:\n"
        "  runner doubt resolve leads --all --as charged       (charged: it counts as paid, and is not sent again)\n"
        "  runner doubt resolve leads --all --as not-charged   (not charged: it is sent again)\n"
        "  runner doubt resolve leads --all --as resend        "
        "(nobody can tell: it is sent again, and may be charged twice)\n"
    )


def test_each_word_on_a_row_in_doubt_is_a_command_about_that_row(place: Path, account: Provider) -> None:
    """`explain` proposes no `--all`; with its reason behind it, a pasted line is none that a shell begins."""
    doubtful(place, account, charged=True)
    told = inside(place, "explain", "leads", "4").stdout
    proposed = [line.strip() for line in told.splitlines() if "doubt resolve" in line]
    assert [line.partition("   (")[0].split()[3:] for line in proposed] == [
        ["leads-defastra-email", "--row", "4", "--as", word] for word in ("charged", "not-charged", "resend")
    ]
    assert all(
        subprocess.run(["bash", "-n", "-c", line], check=False, capture_output=True).returncode for line in proposed
    )
    assert inside(place, *proposed[0].partition("   (")[0].split()[1:]).returncode == 0
    assert [one["row"] for one in json.loads(inside(place, "doubt", "list", "leads", "--json").stdout)["doubts"]] == [2]


def test_a_word_on_all_doubts_is_asked_about_first(place: Path, account: Provider) -> None:
    """On a terminal: what it means, for good; anything but yes changes nothing."""
    doubtful(place, account, charged=True)
    for word, question in (("charged", "for good"), ("not-charged", "charged twice"), ("resend", "charged twice")):
        with Terminal(place, "doubt", "resolve", "leads", "--all", "--as", word) as terminal:
            terminal.answer("[y/N]", "")
            assert terminal.end() == 0
            assert question in terminal.shown
            assert "nothing was changed" in terminal.shown
    assert status(place)["outcomes"]["in_doubt"] == 2


def test_what_came_instead_of_an_answer_is_counted_by_kind(place: Path, account: Provider) -> None:
    """A broken line, a gateway's 502, an answer that cannot be read: the last may be paid for, and is pointed to."""
    gateway = {"answer": {"status": 502, "headers": [], "body": "<html>Bad Gateway</html>"}, "charged": True}
    garbled = {"answer": {"status": 200, "headers": [], "body": "<html>Welcome</html>"}, "charged": True}
    account.post("next", [{}, {"manner": "drop", "charged": True}, gateway, gateway, garbled])
    rows(place, 6)
    told = inside(place, *RUN, *ONE_BY_ONE).stderr
    assert "4 requests were sent, and nothing says whether they were charged: 1 without an answer, " in told
    assert "1 with HTTP 200 that could not be read, 2 with HTTP 502. Defastra" in told
    assert "See what came back: runner explain leads 5 --support. " in told


def test_a_word_on_doubts_changes_the_receipt(place: Path, account: Provider) -> None:
    """One row, several rows; a row that is not in doubt changes nothing of what was asked with it."""
    doubtful(place, account, charged=True)
    before = status(place)
    assert (before["receipt"]["in_doubt"], before["balance"][0]["difference"]) == (2, 2)
    wrong = inside(place, "doubt", "resolve", "leads", "--row", "2", "--row", "3", "--as", "charged")
    assert (wrong.returncode, "nothing of row 3" in wrong.stderr) == (2, True)
    assert status(place) == before
    resolved = inside(place, "doubt", "resolve", "leads", "--row", "2", "--row", "4", "--as", "charged")
    assert "  booked    2 checks: the highest price that each may have had\n" in resolved.stderr
    assert "wallet" not in resolved.stderr
    after = status(place)
    assert (after["receipt"]["charged"], after["receipt"]["in_doubt"]) == (6, 0)
    assert after["receipt"]["amounts"] == {"charged": {"check": 6}, "in_doubt": {}}
    assert (after["balance"][0]["debited"], after["balance"][0]["difference"]) == (6, 0)
    assert "nothing is in doubt" in inside(place, "doubt", "list", "leads").stderr


def test_a_wallet_that_did_not_fall_speaks_for_the_provider(place: Path, account: Provider) -> None:
    """In words and in `--json`; sent again, the receipt is as if nothing had been."""
    doubtful(place, account, charged=False)
    found = json.loads(inside(place, "doubt", "list", "leads", "--json").stdout)
    (says,) = found["wallet"]
    assert says == (
        "Defastra's wallet fell by what its answers account for and no more: "
        "the 2 requests in doubt were probably not charged."
    )
    assert [(one["row"], one["line"], one["rows"], one["cut_off"]) for one in found["doubts"]] == [
        (2, 3, [2], False),
        (4, 5, [4], False),
    ]
    assert found["doubts"][0]["request"]["fault"] == "no-answer"
    assert "person1@example.com" not in json.dumps(found)
    inside(place, "doubt", "resolve", "leads", "--all", "--provider", "defastra", "--as", "not-charged")
    ran = inside(place, *RUN, "--json")
    receipt = json.loads(ran.stdout)["receipt"]
    assert (receipt["charged"], receipt["not_charged"], receipt["in_doubt"], receipt["run"]["sent"]) == (6, 2, 0, 2)
    assert "wallet" not in ran.stderr


def test_a_word_against_the_wallet_is_contradicted_at_once(place: Path, account: Provider) -> None:
    """Neither was charged, both are called so: what was booked, and that the wallet shows none of it; so does status,
    and `--json` keeps the difference."""
    doubtful(place, account, charged=False)
    resolved = inside(place, "doubt", "resolve", "leads", "--all", "--as", "charged").stderr
    told = "fell by 4 checks, the answers account for 4 and your word for 2: 2 fewer were charged; "
    assert "  booked    2 checks: the highest price that each may have had\n" in resolved
    assert f"  wallet    Defastra's {told}" in resolved
    assert f"Defastra's {told}" in inside(place, "status", "leads").stdout
    (entry,) = status(place)["balance"]
    assert (entry["debited"], entry["difference"]) == (6, -2)


def test_what_was_paid_is_said_before_it_is_paid_again(place: Path, account: Provider) -> None:
    """`retry` says how many were charged, and for how much; `status` and `explain` say so before they propose it."""
    with (place / "runner.toml").open("a") as file:
        file.write('\n[prices]\n"defastra.check" = "0.02 EUR"\n')
    doubtful(place, account, charged=True)
    inside(place, "doubt", "resolve", "leads", "--all", "--as", "charged")
    assert "2 were charged, or may have been: loaded again, such rows are paid again" in status(place)["next"]["why"]
    assert "It was charged; sent again, it may be charged again: " in inside(place, "explain", "leads", "2").stdout
    told = inside(place, "retry", "leads", "--only", "failed:lost-answer").stderr
    assert "2 requests queued again\n" in told
    assert "  paid      2 were charged already, 2 checks (0.04 EUR); sent again, they may be charged again\n" in told


def test_a_failure_that_cost_nothing_is_tried_again_without_a_word(place: Path, account: Provider) -> None:
    """Nothing was paid: `retry` says only what it did, and the list of failures can be loaded again."""
    account.post("next", [{}, {"rule": "invalid-request-email"}])
    rows(place, 3)
    assert inside(place, *RUN, *ONE_BY_ONE, "-q").returncode == 3
    assert status(place)["next"]["why"] == "Some requests failed; the file can be loaded again."
    assert "charged" not in inside(place, "retry", "leads").stderr
