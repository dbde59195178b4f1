"""The page of halts: what each answer of the shipped providers leads to, written from their profiles."""

from dataclasses import replace

import pytest

from runner.cli import endings
from runner.domain.model import Action
from runner.providers.builtin import BUILT_IN
from runner.providers.loader import load_shipped, shipped_names
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "when-it-stops.md"


@pytest.fixture(params=shipped_names())
def provider(request):
    """Each shipped provider."""
    return load_shipped(request.param)


def lines(table: str) -> dict[str, list[str]]:
    """The rows of a table by their reason, as cells."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {cells[1].strip("`"): cells for cells in rows}


def test_the_page_shows_the_profiles_of_today():
    """The tables on the page are those of the shipped profiles: a rule that changed makes the page old."""
    assert endings.main(["--check", str(PAGE)]) == 0, "make rules"


def test_every_ending_of_every_provider_is_in_its_table(provider):
    """One row for each rule that is not a success: what is said, what happens, what to do, which command."""
    wanted = {rule.name for rule in provider.rules if rule.then is not Action.SUCCEED and not rule.built_in}
    rows = lines(endings.provider_table(provider))
    assert set(rows) == wanted
    for cells in rows.values():
        assert len(cells) == len(endings.HEAD)
        assert all(cell.strip() for cell in cells), cells
        assert cells[-1].startswith("`runner ")


def test_a_changed_rule_makes_the_page_old(provider):
    """What a rule does, costs and advises is in its row: changing one changes the table."""
    table = endings.provider_table(provider)
    halt = next(rule for rule in provider.rules if rule.then is Action.HALT)
    others = tuple(rule for rule in provider.rules if rule is not halt)
    for changed in (replace(halt, advice="Do something else."), replace(halt, then=Action.FAIL)):
        assert endings.provider_table(replace(provider, rules=(changed, *others))) != table


def test_a_provider_without_a_place_on_the_page_is_noticed():
    """A new profile whose table has no markers on the page is an error, not a table that nobody sees."""
    with pytest.raises(ValueError, match="answers:"):
        endings.redraw("# When it stops\n")


def test_what_all_providers_share_has_a_table_of_its_own():
    """Faults, a plain 429, the halts of the runner's own, and what recovery gives up."""
    rows = lines(endings.common_table())
    assert set(rows) == {rule.name for rule in BUILT_IN} | {
        "rate-limited",
        "provider-down",
        "max-failed",
        "poison",
    }
