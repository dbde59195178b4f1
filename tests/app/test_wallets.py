"""Wallets over runs: what is compared, and what is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runner.domain.model import Resolution
from runner.errors import BatchError
from runner.sandbox.replies import Behaviour, Manner
from runner.work.money_words import wallet_texts
from runner.work.results import Wallet
from tests.app.place import QUICK, KilledError, Place, after, emails

EMAIL = ["defastra.email"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A provider whose wallet holds 1,000 checks."""
    return Place(tmp_path, wallet=1_000)


def figures(wallet: Wallet) -> tuple[int, ...]:
    """Opening, top-up, debited, difference, closing."""
    found = (wallet.opening, wallet.topped_up, wallet.debited, wallet.difference, wallet.closing)
    assert wallet.opening + wallet.topped_up - wallet.debited - wallet.difference == wallet.closing
    return tuple(int(figure) for figure in found)


def test_what_a_killed_run_left_is_seen_across_the_crash(place: Place) -> None:
    """The requests that were charged and never answered: the next run's wallet tells of them, and says so."""
    place.write_list(emails(10))
    place.dies_at = 4
    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        with pytest.raises(KilledError):
            place.run(r, batch)
        place.dies_at, place.time.before = 0, 60.0
        result = place.run(r, batch)
        (wallet,) = result.status.wallets
        doubts = r.doubts(batch)
        assert all(doubt.attempt.cut_off for doubt in doubts)
        lost = len(place.charged()) - result.status.receipt.charged
        assert figures(wallet) == (1_000, 0, result.status.receipt.charged, lost, 1_000 - len(place.charged()))
        assert (wallet.doubts, int(wallet.in_doubt), wallet.run) == (len(doubts), len(doubts), 2)
        (says,) = r.wallet_says(batch)
        assert ("probably charged" in says) == (lost == len(doubts))


def test_batches_that_share_an_account_share_its_check(place: Place) -> None:
    """Looked at once, when the last of them has ended; each of them shows it, and their charges together are its."""
    with place.runner() as r:
        batches = []
        for name, count in (("one", 3), ("two", 30)):
            place.write_list([f"{name}{number}@example.com" for number in range(count)], name=f"{name}.csv")
            batches.append(r.load(f"{name}.csv", EMAIL).batch)
        place.world.next([Behaviour(), Behaviour(times=2)])
        place.run_all(r, batches)
        first, second = (r.status(batch).wallets for batch in batches)
        events = [one for one in r.log().records if one.event == "balance.differs"]
    assert first == second
    assert figures(first[0]) == (1_000, 0, 33, 1, 966)
    assert [(one.batch, one.provider) for one in events] == [(None, "defastra")]


def test_a_top_up_during_a_run_is_told_as_such(place: Place) -> None:
    """500 more in the middle: no request looks charged for it, and it is an event."""
    place.write_list(emails(20))
    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        result = place.run(r, batch, in_flight=1, on_event=after(10, lambda: place.world.top_up(500)))
        names = [one.event for one in r.log().records]
    (wallet,) = result.status.wallets
    assert figures(wallet) == (1_000, 500, 20, 0, 1_480)
    assert names.count("balance.grew") == 1
    assert "balance.differs" not in names


def test_a_fall_that_no_price_explains_is_not_compared(tmp_path: Path) -> None:
    """A profile without a price: what its requests cost is not known, so no difference can be one."""
    place = Place(tmp_path, wallet=1_000)
    profile = Path("runner/providers/defastra.toml").read_text().replace("price = 1\n", "")
    (tmp_path / "mine.toml").write_text(profile)
    place.write_list(emails(3))
    with place.runner() as r:
        result = place.run(r, r.load("leads.csv", ["./mine.toml:email"]))
    assert (result.sent, result.status.wallets) == (3, ())


def test_a_price_that_is_set_later_says_nothing_about_earlier_charges(tmp_path: Path) -> None:
    """What the first run's requests cost stays unknown: the second run is held against its own, also by `db verify`."""
    place = Place(tmp_path, wallet=1_000)
    priced = Path("runner/providers/defastra.toml").read_text()
    for name, profile in (("a", priced.replace("price = 1\n", "")), ("b", priced)):
        (tmp_path / "mine.toml").write_text(profile)
        place.write_list([f"{name}{number}@example.com" for number in range(3)], name=f"{name}.csv")
        with place.runner() as r:
            result = place.run(r, r.load(f"{name}.csv", ["./mine.toml:email"]), in_flight=1)
            events = [one.event for one in r.log().records]
            assert r.verify().exit_code == 0
        place.time.before += 60
    assert [figures(one) for one in result.status.wallets] == [(997, 0, 3, 0, 994)]
    assert "balance.differs" not in events


def test_a_stretch_that_cannot_be_compared_does_not_silence_what_follows(place: Place) -> None:
    """In the first run the clock is set back; what the second one was charged twice for is told all the same."""
    place.write_list(emails(12))

    def set_back() -> None:
        place.time.before -= 600

    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        assert place.run(r, batch, in_flight=1, limit=5, on_event=after(2, set_back)).status.wallets == ()
        for _ in range(2):
            place.time.before += 3600
            place.world.next([Behaviour(), Behaviour(times=2)])
            result = place.run(r, batch, in_flight=1, limit=3)
        assert r.verify().exit_code == 0
    assert [figures(one) for one in result.status.wallets] == [(995, 0, 3, 1, 991), (991, 0, 3, 1, 987)]


@pytest.mark.parametrize("column", ["opening", "debited", "closing", "overlap", "first_us", "account"])
def test_what_was_kept_of_a_wallet_follows_from_its_answers(place: Place, column: str) -> None:
    """`db verify` counts it again, run by run; who changes it in the file is found out."""
    place.write_list(emails(12))
    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        for _ in range(2):
            place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=True)])
            place.run(r, batch, in_flight=2, limit=6)
        assert (r.verify().exit_code, len(r.status(batch).wallets)) == (0, 2)
        with closing(sqlite3.connect(r.path, isolation_level=None)) as connection:
            connection.execute(f"UPDATE balances SET {column} = '9' || {column} WHERE run = 2")
        (problem,) = [one for line in r.verify().lines for one in line.problems]
    told = "what run 2 found of the wallet at defastra for leads-defastra-email does not follow from its answers"
    assert (problem.what, problem.run) == (told, 2)


def test_less_than_the_price_is_told_too(tmp_path: Path) -> None:
    """The price in the profile is 2, the provider charges 1: by so much less the wallet fell, the first left out."""
    place = Place(tmp_path, toml=f"{QUICK}[providers.defastra.operations.email]\nprice = 2\n", wallet=1_000)
    place.write_list(emails(4))
    with place.runner() as r:
        result = place.run(r, r.load("leads.csv", EMAIL))
    assert figures(result.status.wallets[0]) == (1_001, 0, 8, -3, 996)


def test_a_doubt_after_the_last_balance_is_not_judged(place: Place) -> None:
    """Nothing was answered after it: its wallet says nothing about it, for it or against it."""
    place.write_list(emails(3))
    place.world.next([Behaviour(), Behaviour(), Behaviour(manner=Manner.DROP, charged=False)])
    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        (wallet,) = place.run(r, batch, in_flight=1).status.wallets
        assert (wallet.doubts, int(wallet.difference), r.wallet_says(batch)) == (0, 0, [])


def test_doubts_at_two_providers_are_told_and_resolved_apart(tmp_path: Path) -> None:
    """What is true of one provider's requests need not be of the other's: each paragraph has its own command."""
    toml = (
        f'{QUICK}[providers.acme]\nextends = "defastra"\n[providers.acme.http.auth]\nsecret = {{ env = "ACME_KEY" }}\n'
    )
    place = Place(tmp_path, toml=toml)
    place.environ["ACME_KEY"] = "another-fake-key-1111"
    place.world._key = None
    place.write_list(emails(4))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email", "acme.email"])
        place.world.next([Behaviour()] * 2 + [Behaviour(manner=Manner.DROP, charged=True)] * 6)
        place.run(r, batch, in_flight=1)
        doubts = r.doubts(batch)
        counts = {name: sum(one.provider == name for one in doubts) for name in ("acme", "defastra")}
        assert min(counts.values()) >= 1
        commands = [line.partition("   (")[0].split() for line in r.doubt_text(batch).splitlines() if "--as" in line]
        assert [" ".join(one) for one in commands] == [
            f"runner doubt resolve leads --all --provider {name} --as {word}"
            for name in ("acme", "defastra")
            for word in Resolution
        ]
        assert r.resolve(batch, "charged", provider="acme").changed == counts["acme"]
        assert {one.provider for one in r.doubts(batch)} == {"defastra"}
        assert "--all --as" in r.doubt_text(batch)
        with pytest.raises(BatchError, match="in doubt at acme"):
            r.resolve(batch, "charged", provider="acme")


def test_a_word_on_an_older_doubt_explains_no_later_charge(place: Place) -> None:
    """What a run's wallet showed, and a person called charged, is used up: the next list's doubt was charged as well,
    and of a third one's second charge the end of the run, `status` and the log say the same."""
    lost = Behaviour(manner=Manner.DROP, charged=True)
    for name in "abc":
        place.write_list([f"{name}{number}@example.com" for number in range(3)], name=f"{name}.csv")
    with place.runner() as r:
        place.world.next([Behaviour(), lost, Behaviour()])
        first = r.load("a.csv", EMAIL)
        place.run(r, first, in_flight=1)
        r.resolve(first, "charged")
        place.world.next([Behaviour(), lost, Behaviour()])
        second = r.load("b.csv", EMAIL)
        (wallet,) = place.run(r, second, in_flight=1).status.wallets
        assert (int(wallet.debited), int(wallet.difference)) == (2, 1)
        (says,) = r.wallet_says(second)
        assert says.endswith("which is what the request in doubt may have cost: probably charged.")
        r.resolve(second, "not-charged")
        place.run(r, second, in_flight=1)
        place.world.next([Behaviour(), Behaviour(times=2), Behaviour()])
        result = place.run(r, third := r.load("c.csv", EMAIL), in_flight=1)
        found = {batch.batch: [figures(one) for one in r.status(batch).wallets] for batch in (first, second, third)}
        (told,) = [one for one in r.log(third).records if one.event == "balance.differs"]
    assert [one[2:4] for of in found.values() for one in of] == [(3, 0), (2, 1), (1, 0), (3, 1)]
    assert [figures(one) for one in result.status.wallets] == found[third.batch]
    assert (told.detail["debited"], told.detail["difference"]) == (3, 1)


def test_a_top_up_hides_what_was_charged_beside_it(place: Place) -> None:
    """500 came while a request in doubt was charged: it looks like 499, and nobody is called innocent."""
    place.write_list(emails(6))
    place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=True)])
    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        result = place.run(r, batch, in_flight=1, on_event=after(2, lambda: place.world.top_up(500)))
        (wallet,) = result.status.wallets
        assert (wallet.doubts, int(wallet.difference), r.wallet_says(batch)) == (1, 0, [])


def test_a_word_against_the_wallet_stays_a_difference(place: Place) -> None:
    """Two doubts were not charged, and are called charged: the ledger has them, the wallet does not; that is said."""
    lost = Behaviour(manner=Manner.DROP, charged=False)
    place.write_list(emails(8))
    place.world.next([Behaviour(), lost, Behaviour(), lost])
    with place.runner() as r:
        batch = r.load("leads.csv", EMAIL)
        place.run(r, batch, in_flight=1)
        r.resolve(batch, "charged")
        (wallet,) = r.status(batch).wallets
    assert (figures(wallet), int(wallet.admitted)) == ((1_000, 0, 8, -2, 994), 2)
    assert wallet_texts([wallet]) == [
        "Defastra's fell by 6 checks, the answers account for 6 and your word for 2: 2 fewer were charged; "
        "what you called charged was not, or cost less than the price it is booked at"
    ]
