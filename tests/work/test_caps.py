"""Caps and paces: which wins, and which cannot hold."""

from __future__ import annotations

import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runner.domain.model import Amount, InDoubtPolicy
from runner.domain.provider import Input, InputKind, Operation
from runner.errors import ConfigError, UsageError
from runner.settings import RunDefaults, parse_spend, read_settings
from runner.work.caps import Wanted, run_options
from runner.work.flag_words import flag_of, spend_flags, value_of


def operation(provider: str, *, price: int | None = 1_000_000, unit: str = "check") -> Operation:
    """A paid operation."""
    return Operation(
        provider=provider,
        name="email",
        column_prefix=f"{provider}_email_",
        method="POST",
        path="/x",
        inputs=(Input(name="email", kind=InputKind.EMAIL),),
        price=None if price is None else Amount(price),
        unit=unit,
    )


def wanted(**given: Any) -> Wanted:
    """What a command line gives; the rest is not given."""
    return Wanted.parse(**given)


def test_a_flag_goes_before_what_is_kept_and_that_before_the_settings() -> None:
    """Each place wins over the next, one value at a time."""
    defaults = RunDefaults(max_requests=1, in_flight=1, rate="1/s")
    options = run_options(wanted(max_requests=3), {"max_requests": 2, "in_flight": 2}, defaults, [operation("acme")])
    assert (options.max_requests, options.in_flight, options.rate) == ({None: 3}, 2, (1, 1.0))


def test_what_is_kept_comes_back_as_it_was() -> None:
    """The kept form is JSON and means the same on the next run."""
    first = wanted(max_spend=["acme=1.5"], in_doubt="resend-once", rate="30/min")
    assert first.kept() == {"max_spend": {"acme": 1_500_000}, "in_doubt": "resend-once", "rate": "30/min"}
    options = run_options(wanted(), first.kept(), RunDefaults(), [operation("acme")])
    assert options.max_spend == {"acme": 1_500_000}
    assert (options.in_doubt, options.rate) == (InDoubtPolicy.RESEND_ONCE, (30, 60.0))


@pytest.mark.parametrize("kept", ["99999999999999999999/s", f"{'9' * 5000}/s", "1000001/s"], ids=["20", "5000", "7"])
def test_a_rate_kept_before_there_was_a_highest_one_stops_no_run(kept: str) -> None:
    """It is taken as the highest there is; typed again, it is refused."""
    assert run_options(wanted(), {"rate": kept}, RunDefaults(), [operation("acme")]).rate == (1_000_000, 1.0)
    with pytest.raises(ConfigError, match="--rate is too high") as refused:
        wanted(rate=kept)
    assert wanted(rate=refused.value.fix.removeprefix("--rate ")).kept() == {"rate": "30/min"}
    with pytest.raises(ValueError, match="is too high"):
        RunDefaults(rate=kept)


def test_a_rate_is_taken_back() -> None:
    """By `none`, as of `tune`: what the settings say holds again, and nothing is kept."""
    taken = wanted(rate=" None ")
    assert taken.kept() == {"rate": None}
    assert run_options(taken, {"rate": "1/s"}, RunDefaults(), [operation("acme")]).rate is None
    assert run_options(taken, {"rate": "1/s"}, RunDefaults(rate="2/s"), [operation("acme")]).rate == (2, 1.0)


def test_one_run_only_settings_are_not_kept() -> None:
    """--limit, --max-wait and --max-failed hold for one run."""
    assert wanted(limit=3, max_wait="2h", max_failed="10%").kept() == {}


def test_spend_without_a_price_is_refused_with_the_other_cap() -> None:
    """A cap on money that cannot count money is no cap."""
    with pytest.raises(UsageError) as caught:
        run_options(wanted(max_spend="5"), {}, RunDefaults(), [operation("acme", price=None)])
    assert "--max-requests" in caught.value.fix


def test_differing_units_need_a_provider() -> None:
    """5 of what? Named by provider it holds."""
    both = [operation("acme"), operation("beta", unit="credit")]
    with pytest.raises(UsageError) as caught:
        run_options(wanted(max_spend="5"), {}, RunDefaults(), both)
    assert caught.value.fix == "--max-spend acme=10 --max-spend beta=10"
    assert run_options(wanted(max_spend=["acme=5"]), {}, RunDefaults(), both).max_spend == {"acme": 5_000_000}


@pytest.mark.parametrize(
    ("caps", "flags"),
    [
        ({None: 1234.5}, "--max-spend 1234.5"),
        ({"acme": 5, "beta": Decimal("0.000001")}, "--max-spend acme=5 --max-spend beta=0.000001"),
        ({"": 1e-06}, "--max-spend 0.000001"),
    ],
)
def test_caps_are_shown_as_they_are_typed(caps: dict[str | None, Any], flags: str) -> None:
    """Read again they are the same; without the flag, what they were."""
    words = shlex.split(flags)[1::2]
    assert (spend_flags(caps), flag_of("max_spend", caps)) == (flags, flags)
    assert value_of("max_spend", caps) == " ".join(words)
    assert parse_spend(words, name="--max-spend") == {
        who or None: round(Decimal(str(cap)) * 1_000_000) for who, cap in caps.items()
    }


def test_a_cap_on_another_provider_is_a_mistake_on_the_command_line_only() -> None:
    """The settings speak of every batch in the folder."""
    with pytest.raises(UsageError, match="not in this batch"):
        run_options(wanted(max_spend="beta=5"), {}, RunDefaults(), [operation("acme")])
    defaults = RunDefaults(max_spend=("beta=5",))
    assert run_options(wanted(), {}, defaults, [operation("acme")]).max_spend is None


@pytest.mark.parametrize(
    "bad",
    [
        {"max_requests": -1},
        {"in_flight": 0},
        {"limit": 0},
        {"rate": "fast"},
        {"in_doubt": "maybe"},
        {"max_wait": "soon"},
        {"max_failed": "110%"},
        {"max_spend": "much"},
    ],
)
def test_nonsense_is_refused(bad: dict[str, Any]) -> None:
    """Before anything is opened."""
    with pytest.raises((UsageError, ConfigError)):
        wanted(**bad)


def test_a_cap_of_zero_is_a_cap() -> None:
    """Zero sends nothing; it does not mean off."""
    options = run_options(wanted(max_requests=0, max_spend="0"), {}, RunDefaults(), [operation("acme")])
    assert (options.max_requests, options.max_spend) == ({None: 0}, {None: 0})


def test_a_cap_of_the_day_comes_from_the_settings_alone(tmp_path: Path) -> None:
    """Of the account's own table, else of [run]; a batch is told of the providers that it asks."""
    (tmp_path / "runner.toml").write_text(
        '[run]\nmax_spend_per_day = 500\n[providers.dfirlab]\nmax_spend_per_day = "12.5"\n'
    )
    daily = read_settings(directory=tmp_path, environ={}).daily_cap
    options = run_options(wanted(), {}, RunDefaults(), [operation("acme"), operation("dfirlab")], daily=daily)
    assert options.max_spend_per_day == {"acme": 500_000_000, "dfirlab": 12_500_000}
    assert run_options(wanted(), {}, RunDefaults(), [operation("acme")]).max_spend_per_day is None


@pytest.mark.parametrize(
    ("asked", "what", "fix"),
    [
        (operation("acme", price=None), "the price of acme.email is not known", "[operations.email]\nprice = 1"),
        (
            operation("acme", price=2_500_000),
            "no room for a single request",
            "[providers.acme]\nmax_spend_per_day = 2.5",
        ),
    ],
)
def test_a_cap_of_the_day_that_cannot_hold_is_refused(asked: Operation, what: str, fix: str) -> None:
    """Without a price there is nothing to count; below one request nothing would ever be sent."""
    with pytest.raises(UsageError) as caught:
        run_options(wanted(), {}, RunDefaults(), [asked], daily=lambda _: Amount(2_000_000))
    assert what in caught.value.what
    assert caught.value.fix.endswith(fix)


@pytest.mark.parametrize(("charged", "unit", "refused"), [(3, "", True), (2, "", False), (3, "mile", False)])
def test_what_one_was_charged_has_to_fit_into_a_day(charged: int, unit: str, refused: bool) -> None:
    """Dearer than its price, in its own unit, and above the cap: no day would ever have room for another one."""
    one = operation("acme")
    known = {(one.key, unit or one.unit): Amount(charged * 1_000_000)}
    why = ""
    try:
        run_options(wanted(), {}, RunDefaults(), [one], daily=lambda _: Amount(2_000_000), dearer=known)
    except UsageError as error:
        why = error.why
    assert why.startswith("One was charged 3 ") is refused


def test_what_is_free_is_under_no_cap_of_the_day() -> None:
    """A provider that is billed otherwise is not refused for a cap that is meant for others."""
    options = run_options(wanted(), {}, RunDefaults(), [operation("acme", price=0)], daily=lambda _: Amount(0))
    assert options.max_spend_per_day == {"acme": 0}
