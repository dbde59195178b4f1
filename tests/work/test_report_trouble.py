"""What `report` tells of a run whose process died, of caps, and of failures that were charged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.app.place import QUICK, KilledError, Place, emails
from tests.work.page import Parsed, page_of

TOML = f'{QUICK}[prices]\n"defastra.check" = "0.02 EUR"\n'

Pages = dict[str, Parsed]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Of one batch: its run died with a request on the way, a cap stopped the next, its doubt was called charged."""
    folder: Path = tmp_path_factory.mktemp("trouble")
    place = Place(folder, toml=TOML, wallet=100)
    place.write_list(emails(12))
    place.dies_at = 4
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"], params=["timeout=normal", "label=ada@example.com"])
        with pytest.raises(KilledError):
            place.run(r, batch, max_spend="8")
        found = {"died": page_of(r)}
        place.dies_at = 0
        assert place.run(r, batch).exit_code == 5
        found["stopped"] = page_of(r)
        r.resolve(batch, "charged")
        found["resolved"] = page_of(r)
    return found


def facts(page: Parsed) -> dict[str, str]:
    """Names and what stands beside them."""
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page.text))


@pytest.mark.parametrize("what", ["died", "stopped"])
def test_what_is_on_the_way_or_in_doubt_may_cost_more(pages: Pages, what: str) -> None:
    """Open when the process died, then in doubt: a request that may have been charged, at its price."""
    (line,) = pages[what].table("Operation")
    assert (line["In doubt"], line["Perhaps more"]) == ("1", "1 check (0.02 EUR)")


def test_a_cap_is_used_by_all_that_may_be_owed(pages: Pages) -> None:
    """What is charged, on the way or in doubt: of each page as much as requests were sent."""
    assert facts(pages["died"])["Cap"] == "6 checks of --max-spend 8"
    assert facts(pages["stopped"])["Cap"] == facts(pages["resolved"])["Cap"] == "8 checks of --max-spend 8"


def test_a_wallet_is_told_by_run(pages: Pages) -> None:
    """What the provider said was left before and after, and whether its answers account for it."""
    (line,) = [line for line in pages["stopped"].table("Run") if "Before" in line]
    assert (line["Run"], line["Before"], line["Answers account for"], line["After"]) == ("2", "94", "2", "92")
    assert line["It says"] == "It fell by 2 checks, as the answers say"


def test_what_is_set_for_all_rows_is_told_as_it_was_typed(pages: Pages) -> None:
    """By operation; an address in it is shortened."""
    assert facts(pages["died"])["Set for all"] == "defastra.email: timeout=normal, defastra.email: label=a…@example.com"


def test_a_run_that_died_is_told_as_cut_off(pages: Pages) -> None:
    """Once the next run has found it dead."""
    runs = {line["Run"]: line["How it left the batch"] for line in pages["stopped"].table("Run") if "Exit" in line}
    assert runs == {"1": "cut off: its process died, or could write no more", "2": "stopped: --max-spend is reached"}


def test_a_charged_failure_that_is_sent_again_may_be_charged_again(pages: Pages) -> None:
    """Said beside the command that does it."""
    told = pages["resolved"].told
    assert "lost-answer: 1 request of defastra.email failed, 1 charged" in told
    assert (
        "runner retry leads-defastra-email --only failed:lost-answer queues them again. What was charged may be charged"
        " again." in told
    )
