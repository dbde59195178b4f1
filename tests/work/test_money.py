"""`[prices]`: how they are read, held to the profiles, and written beside every amount."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import Amount
from runner.errors import ConfigError, RunnerError
from runner.settings import Price, read_settings
from runner.work.money import Cost, Prices, costs_text, in_money, money_text, range_text, read_prices
from runner.work.profiles import Profiles

CENTS = Price(amount=Decimal("0.02"), currency="EUR")
PRICES = Prices({("defastra", "check"): CENTS}, bases={"acme": "defastra"})


def read(folder: Path, toml: str, files: dict[str, str] | None = None) -> Prices:
    """The prices of a folder with this runner.toml."""
    (folder / "runner.toml").write_text(toml)
    settings = read_settings(directory=folder, environ={}, user_file=folder / "user.toml")
    return read_prices(settings, Profiles(settings), files=files or {})


def refused(folder: Path, toml: str) -> RunnerError:
    """The refusal."""
    with pytest.raises(ConfigError) as error:
        read(folder, toml)
    assert "runner.toml" in error.value.fix
    return error.value


def test_an_amount_is_shown_in_its_unit_and_in_money() -> None:
    """Millionths or a Decimal; a second account has the price of the first."""
    assert costs_text([PRICES.cost("defastra", "check", Amount(1_204_000_000))]) == "1,204 checks (24.08 EUR)"
    assert costs_text([PRICES.cost("acme", "check", Decimal(1))]) == "1 check (0.02 EUR)"


def test_a_second_account_may_have_a_price_of_its_own() -> None:
    """Its own goes before its base's."""
    own = Price(amount=Decimal(1), currency="USD")
    prices = Prices({("defastra", "check"): CENTS, ("acme", "check"): own}, bases={"acme": "defastra"})
    assert prices.of("acme", "check") == own


def test_what_is_not_known_is_called_unknown_and_never_nothing() -> None:
    """In a text, in a sum, and where only a part is known."""
    known, unknown = PRICES.cost("defastra", "check", Decimal(3)), PRICES.cost("dfirlab", "credit", Decimal(30))
    assert costs_text([known, unknown]) == "3 checks (0.06 EUR), 30 credits (no price set)"
    assert (in_money([known, unknown]), in_money([known])) == (None, {"EUR": Decimal("0.06")})
    elsewhere = PRICES.cost("other", "check", Decimal(2))
    assert costs_text([known, elsewhere]) == "5 checks (0.06 EUR + no price set for the rest)"


def test_without_prices_money_is_not_spoken_of() -> None:
    """The provider's unit is all there is to say; zero is nothing, in any unit."""
    cost = Prices({}, bases={}).cost("defastra", "check", Decimal(2))
    assert costs_text([cost]) == "2 checks"
    assert costs_text([PRICES.cost("dfirlab", "credit", Decimal(0))]) == "nothing"
    assert in_money([PRICES.cost("dfirlab", "credit", Decimal(0))]) == {}


def test_two_currencies_are_not_added() -> None:
    """Each is summed alone."""
    prices = Prices({("a", "check"): CENTS, ("b", "check"): Price(amount=Decimal(1), currency="USD")}, bases={})
    both = [prices.cost("a", "check", Decimal(1)), prices.cost("b", "check", Decimal(2))]
    assert costs_text(both) == "3 checks (0.02 EUR + 2 USD)"


def test_a_range_is_one_unit_with_two_ends() -> None:
    """With its money where both ends are known."""

    def costs(amount: int) -> Sequence[Cost]:
        return [PRICES.cost("defastra", "check", Decimal(amount))]

    assert range_text(costs(99), costs(165)) == "99 to 165 checks (1.98 EUR to 3.30 EUR)"
    mixed = [*costs(1), PRICES.cost("dfirlab", "credit", Decimal(1))]
    assert range_text(costs(1), mixed) == "1 check (0.02 EUR) to 1 check (0.02 EUR), 1 credit (no price set)"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("24.08", "24.08"),
        ("24.1", "24.10"),
        ("24", "24"),
        ("0.0123", "0.0123"),
        ("0.5", "0.50"),
        ("1234.5678", "1,234.57"),
        ("0", "0"),
        ("1E+3", "1,000"),
        ("0.000001", "0.000001"),
    ],
)
def test_money_is_written_as_people_do(amount: str, text: str) -> None:
    """Cents from one on; below it every decimal, so that nothing looks free."""
    assert money_text(Decimal(amount), "EUR") == f"{text} EUR"


@given(millionths=st.integers(1, 10**15), price=st.decimals("0.000001", "1000", places=6))
def test_no_price_is_lost_and_nothing_that_costs_looks_free(millionths: int, price: Decimal) -> None:
    """The product is exact, and its text is never 0."""
    prices = Prices({("a", "check"): Price(amount=price, currency="EUR")}, bases={})
    cost = prices.cost("a", "check", Amount(millionths))
    assert cost.money is not None
    assert cost.money * 10**12 == millionths * int(price * 10**6)
    assert Decimal(money_text(cost.money, "EUR").split()[0].replace(",", "")) > 0


def test_prices_are_read_from_settings(tmp_path: Path) -> None:
    """A decimal and three letters, by PROVIDER.UNIT."""
    prices = read(tmp_path, '[prices]\n"defastra.check" = "0.02 EUR"\n')
    assert prices.of("defastra", "check") == CENTS
    assert prices.of("dfirlab", "credit") is None
    assert not read(tmp_path, "")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('"defastra.check" = "0.02"', "three letters of a currency"),
        ('"defastra.check" = "EUR 0.02"', 'Example: "defastra.check" = "0.02 EUR"'),
        ('"defastra.check" = "0,02 EUR"', "not a price: '0,02 EUR'"),
        ('"defastra.check" = "-1 EUR"', "not a price"),
        ('"defastra.check" = "1e3 EUR"', "not a price"),
        ('"defastra.check" = "0.02 eur"', "not a price"),
        ('"defastra.check" = 0.02', 'a price has a currency: "defastra.check" = "0.02 EUR"'),
        ('defastra.check = "0.02 EUR"', 'in quotation marks: "defastra.check" = "0.02 EUR"'),
        ('defastra = "0.02 EUR"', "the key is PROVIDER.UNIT"),
    ],
)
def test_a_price_that_cannot_be_read_is_told_with_key_and_hint(tmp_path: Path, line: str, hint: str) -> None:
    """Whatever is wrong with it, the right form is in the message."""
    error = refused(tmp_path, f"[prices]\n{line}\n")
    assert hint in error.why
    assert error.why.startswith("prices: defastra")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """One a line, each with its key."""
    error = refused(tmp_path, '[prices]\n"defastra.check" = "x"\n"dfirlab.credit" = "y"\n')
    assert [line.split(": ")[1] for line in error.why.splitlines()] == ["defastra.check", "dfirlab.credit"]


def test_an_unknown_provider_or_unit_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    """Both, and a provider that resembles none is told those there are."""
    error = refused(tmp_path, '[prices]\n"defstra.check" = "1 EUR"\n"defastra.cheque" = "1 EUR"\n"x.y" = "1 EUR"\n')
    first, second, third = error.why.splitlines()
    assert first.endswith('no provider defstra; did you mean "defastra.check"?')
    assert second.endswith('defastra is charged in check; did you mean "defastra.check"?')
    assert "no provider x (known are defastra, " in third


def test_a_second_account_falls_back_to_its_base(tmp_path: Path) -> None:
    """`acme` extends `defastra`: its checks cost what the base's do."""
    toml = '[prices]\n"defastra.check" = "0.02 EUR"\n[providers.acme]\nextends = "defastra"\n'
    toml += '[providers.acme.http.auth]\nsecret = { env = "ACME_KEY" }\n'
    assert read(tmp_path, toml).of("acme", "check") == CENTS


def test_a_profile_file_has_prices_under_its_name(tmp_path: Path) -> None:
    """Known by the batches that use it, or by lying in the folder; its unit is checked all the same."""
    text = Path("runner/providers/defastra.toml").read_text().replace('name = "defastra"', 'name = "mine"')
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "p.toml").write_text(text)
    toml = '[prices]\n"mine.check" = "0.02 EUR"\n'
    assert "no provider mine" in refused(tmp_path, toml).why
    files = {"mine": str(tmp_path / "elsewhere" / "p.toml")}
    assert read(tmp_path, toml, files).of("mine", "check") == CENTS
    with pytest.raises(ConfigError, match="names what nobody charges"):
        read(tmp_path, '[prices]\n"mine.credit" = "0.02 EUR"\n', files)
    (tmp_path / "mine.toml").write_text(text)
    assert read(tmp_path, toml).of("mine", "check") == CENTS
