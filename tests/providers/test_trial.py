"""A profile on trial, also one that cannot be used: each rule with its examples, each example that leads elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import ProfileError
from runner.providers.loader import load, load_tables, read_source, shipped_names
from runner.providers.trial import Trial, try_profile
from tests.providers.profiles import MINE, bend, mine


@pytest.fixture
def tried(tmp_path):
    """A function that writes the profile with changes and tries it; each change is a piece of text and another."""

    def _tried(*changes: tuple[str, str]) -> Trial:
        text = MINE
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return try_profile(read_source(path))

    return _tried


@pytest.mark.parametrize("name", shipped_names())
def test_what_is_shipped_passes(name):
    """Every rule of a shipped profile has examples, and all lead to the rule they name."""
    trial = try_profile(read_source(name))
    assert trial.passed
    assert trial.misses == ()
    assert trial.examples == len(load(name).examples)
    assert [one.rule.name for one in trial.rules] == [rule.name for rule in load(name).rules]
    assert all(one.examples or one.rule.built_in for one in trial.rules if not one.owes_example)
    assert not any(one.owes_example for one in trial.rules)


def test_rules_are_counted(tried):
    """How many examples lead to each, with their statuses; the built-in ones are there too."""
    trial = tried()
    counted = {one.rule.name: (one.examples, one.answers) for one in trial.rules}
    assert counted["ok"] == (1, ("200",))
    assert counted["no-funds"] == (1, ("400",))
    assert counted["429"] == (0, ())
    assert trial.name == "mine"


def test_an_example_that_leads_elsewhere_is_explained(tried):
    """Which rule took it and by what; what the right one misses in each of its tables."""
    trial = tried(('code = "NO_FUNDS"', 'code = "NO_MONEY"'))
    assert not trial.passed
    (miss,) = trial.misses
    assert (miss.number, miss.operations, miss.wanted, miss.led_to) == (
        2,
        ("check", "look"),
        "no-funds",
        "unrecognised",
    )
    assert miss.matched == "anything"
    assert miss.unmet == ('code is "no_funds", the rule wants "NO_MONEY"', "status is 400, the rule wants 402")
    funds = next(one for one in trial.rules if one.rule.name == "no-funds")
    assert (funds.named, funds.examples, funds.owes_example) == (True, 0, False)


def test_a_rule_that_stands_too_low_is_told_as_that(tried):
    """It fits too: nothing is unmet."""
    (miss,) = tried(('rule = "no-funds"', 'rule = "unrecognised"')).misses
    assert (miss.led_to, miss.wanted, miss.unmet) == ("no-funds", "unrecognised", ())


def test_what_leads_to_two_rules_is_two_misses(tried):
    """An example without an operation is put to all of them; only those that go wrong are named."""
    trial = tried(('operation = "look"\n', ""))
    (miss,) = trial.misses
    assert (miss.number, miss.operations, miss.led_to) == (3, ("check",), "unrecognised")
    assert miss.unmet == ("the operation is not safe, the rule wants one that is",)


def test_a_profile_with_mistakes_is_tried_as_far_as_it_can_be_read(tried):
    """A rule with a mistake beside its `when` still takes its answers; one that is never reached names its taker."""
    trial = tried(('then = "halt"', 'then = "hlat"'), ("status = 402", "stauts = 402"))
    assert [one.rule.name for one in trial.rules][:2] == ["ok", "busy"]  # the other cannot be read at all
    (miss,) = [one for one in trial.misses if one.wanted == "no-funds"]
    assert miss.unmet == ("its own mistake comes first",)  # not that there is no such rule
    trial = tried(('then = "halt"', 'then = "hlat"'))
    broken = next(one for one in trial.rules if one.rule.name == "no-funds")
    assert (broken.whole, broken.examples) == (False, 1)
    assert trial.error is not None
    assert 'did you mean "halt"?' in trial.error.why
    dead = tried(('when = { status = 200, has = "data" }', "when = { }"))
    assert {one.rule.name: one.unreachable_for for one in dead.rules}["busy"] == "ok"


def test_the_numbers_are_those_of_the_file(tried):
    """An example that cannot be read leaves a gap: the others keep their places."""
    trial = tried(("answer = { status = 200, body = { data", "answer = { stauts = 200, body = { data"),
                  ('rule = "no-funds"', 'rule = "unrecognised"'))  # fmt: skip
    assert [miss.number for miss in trial.misses] == [2]


def test_the_trial_and_the_loader_agree():
    """What passes can be used, and what cannot be used does not pass."""
    changes: list[tuple[str, Any]] = [("titel", "x"), ("examples.0.rule", "busy"), ("rules.3", None), ("title", "Mine")]
    for path, value in changes:
        tables = mine()
        bend(tables, path, value)
        source = read_source("defastra")
        trial = try_profile(
            type(source)(text="", tables=tables, source="x", target="x", overrides={}, overrides_file="")
        )
        if trial.error is None:
            assert load_tables(tables, "x").name == trial.name
        else:
            with pytest.raises(ProfileError) as caught:
                load_tables(tables, "x")
            assert caught.value.why == trial.error.why


@pytest.mark.parametrize("name", shipped_names())
def test_of_what_is_shipped_nothing_is_noted(name):
    """A profile that is called as a shipped one is noted only where it is a file."""
    assert try_profile(read_source(name)).notes == ()


def test_a_paid_request_that_is_repeated_by_itself_is_noted_until_safe_is_said(tried):
    """A GET with a price; the profile can be used, with the note or without."""
    trial = tried()
    assert trial.passed
    (note,) = trial.notes
    assert "mine.toml: operations.look: it has a price, and a GET is sent again by itself" in note
    for said in ("safe = false", "safe = true"):
        assert said in note
        rule = ('has = "data" }', 'has = "data", safe = true }') if said == "safe = false" else ("schema", "schema")
        assert not any("price" in one for one in tried(('path = "/look"', f'path = "/look"\n{said}'), rule).notes)
    free = tried(("price = 0.000001", "price = 0"), ("price_max = 0.1", "price_max = 0"))
    assert free.notes == ()


def test_a_column_that_is_empty_in_every_example_of_a_success_is_noted(tried):
    """What one of them has is right; of an operation without such an example nothing can be said."""
    trial = tried(('score = "data.score"', 'score = "data.score"\nsocre = "dta.score"'))
    noted = [note for note in trial.notes if "columns" in note]
    assert [note.partition("toml: ")[2].partition(":")[0] for note in noted] == ["operations.check.columns.socre"]
    more = '\n[[examples]]\nrule = "ok"\nanswer = { status = 200, body = { data = 1, dta = { score = 2 } } }\n'
    both = tried(('score = "data.score"', 'socre = "dta.score"'), ("[[examples]]", more + "[[examples]]"))
    assert not any("columns" in note for note in both.notes)
    other = tried(
        ('score = "data.score"', 'socre = "dta.score"'), ('rule = "ok"\n', 'rule = "ok"\noperation = "look"\n')
    )
    assert not any("columns" in note for note in other.notes)


def test_a_file_that_is_called_as_a_shipped_provider_is_noted(tried):
    """Its cap of a day is the shipped one's, too."""
    (note,) = [one for one in tried(('name = "mine"', 'name = "defastra"')).notes if ": name: " in one]
    assert "max_spend_per_day of [providers.defastra] caps both" in note
