import sys
import unicodedata

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.domain.provider import Input, InputKind
from runner.errors import InputError
from runner.inputs import Accepted, PhoneSummary, Refused, check_national, checker, looks_national
from runner.inputs.cell import trim
from runner.inputs.phones import library_phone, plain_phone

PHONE = Input(name="phone", kind=InputKind.PHONE)
CHECK = checker(PHONE)


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("+442079460958", "+442079460958"),
        ("+44 (0)20 7946-0958", "+442079460958"),
        ("0044 20 7946 0958", "+442079460958"),
        ("\u202a+44 20 7946 0958\u202c", "+442079460958"),
        ("'+442079460958", "+442079460958"),
        ("＋４４ ２０ ７９４６ ０９５８", "+442079460958"),
        ("+٤٤٢٠٧٩٤٦٠٩٥٨", "+442079460958"),
        ("+14567890000", "+14567890000"),  # possible, not valid: the provider's own example
        ("+39 06 1234 5678", "+390612345678"),  # Italy keeps its zero
    ],
)
def test_international(cell, key):
    """`+` and `00` are international, however they are spaced; the key is E.164."""
    assert CHECK(cell, None) == Accepted(key, key)


@pytest.mark.parametrize(
    ("cell", "result"),
    [
        ("14567890000", Accepted("+14567890000", "+14567890000", bare=True)),
        ("442079460958", Accepted("+442079460958", "+442079460958", bare=True)),
        ("33612345678.0", Accepted("+33612345678", "+33612345678", bare=True)),
        ("020 7946 0321", Refused("no-country", bare=True)),
        ("2125550101", Refused("no-country", bare=True)),
        ("12345", Refused("phone")),
        ("3.36E+10", Refused("phone")),
        ("3,36E+10", Refused("phone")),
        ("+1 800 FLOWERS", Refused("phone")),
        ("+44 20 7946 0958 ext. 5", Refused("phone")),
        ("+44 20 7946 0958, +44 20 7946 0959", Refused("phone")),
        ("+999 123 456 789", Refused("phone")),
        ("+1 555 0100", Refused("phone")),
        ("-33612345678", Refused("phone")),
        ("n/a", Refused("phone")),
        ("+", Refused("phone")),
        ("1" * 400, Refused("phone")),
        (" ", Refused("empty")),
    ],
)
def test_without_a_region(cell, result):
    """Digits alone are international from 11 to 15 digits on; the rest is refused rather than guessed."""
    assert CHECK(cell, None) == result


@pytest.mark.parametrize(
    ("cell", "own", "key"),
    [
        ("020 7946 0321", None, "+442079460321"),
        ("06 39 98 01 23", "fr", "+33639980123"),
        ("020 7946 0321", "UK", "+442079460321"),
        ("020 7946 0321", " ", "+442079460321"),
        ("(212) 555-0101", "US", "+12125550101"),
        ("011 44 20 7946 0321", "US", "+442079460321"),
        ("+33 6 39 98 01 23", "Atlantis", "+33639980123"),
    ],
)
def test_with_a_region(cell, own, key):
    """A national number is read in the row's own region, else in the list's."""
    assert checker(PHONE, region="gb")(cell, own) == Accepted(key, key)


def test_an_unknown_region_of_a_row_is_not_replaced_by_the_lists():
    """A country nobody knows refuses a national number instead of paying for a stranger's."""
    assert checker(PHONE, region="GB")("020 7946 0321", "Atlantis") == Refused("no-country")


def test_an_unknown_region_of_the_list_is_an_error():
    """`--region XX` is refused before anything is read."""
    with pytest.raises(InputError, match="'XX' is not a country"):
        checker(PHONE, region="XX")


def test_sent_as_digits():
    """The profile says whether the plus is sent; the key does not change."""
    check = checker(Input(name="phone", kind=InputKind.PHONE, send="digits"))
    assert check("+44 20 7946 0958", None) == Accepted("+442079460958", "442079460958")
    assert check("+442079460958", None) == Accepted("+442079460958", "442079460958")


_CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@settings(max_examples=1200, deadline=None)
@given(
    st.one_of(
        st.builds("+{}{}".format, _CODES, st.from_regex(r"[0-9]{2,13}", fullmatch=True)),
        st.from_regex(r"\+?[0-9]{5,16}", fullmatch=True),
    )
)
@example("+559039646295")  # the library takes a carrier's code off Brazilian, Chinese and Luxembourg numbers
@example("+86119813396973")
@example("+3521512483567")
@example("+3758899784")  # and a national prefix off Belarusian ones
@example("+80012345678")
@example("+4402079460958")
def test_the_plain_numbers_agree_with_the_library(number):
    """Whatever the fast path accepts, phonenumbers reads as the same possible number."""
    plain = plain_phone(number)
    if plain is not None:
        assert plain == library_phone(number, None)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_example_numbers_of_every_country(region):
    """The library's own example of every country is accepted, by either path, as itself."""
    number = phonenumbers.example_number(region)
    assert number is not None
    key = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert library_phone(key, None) == key
    assert CHECK(key, None) == Accepted(key, key)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789+ ()-./'E", max_size=20))
def test_what_is_sent_is_accepted_again_as_the_same_job(text):
    """Checking a key changes nothing."""
    first = CHECK(text, None)
    if isinstance(first, Accepted):
        assert CHECK(first.key, None) == Accepted(first.key, first.key)


def test_trim_takes_every_space():
    """Whatever Unicode calls a space, and every mark that has no glyph, is taken off the ends."""
    for code in range(sys.maxunicode + 1):
        if chr(code).isspace() or (unicodedata.category(chr(code)) == "Cf" and 0x2000 <= code < 0x2065):
            assert trim(f"{chr(code)}x{chr(code)}") == "x", hex(code)


def _summary(cells: list[str]) -> PhoneSummary:
    summary = PhoneSummary()
    for cell in cells:
        summary.add(CHECK(cell, None))
    return summary


def test_national_numbers_are_told():
    """Twenty French mobiles written nationally, or eleven-digit ones that are no valid numbers, stop the batch."""
    french = _summary([f"06399801{number}" for number in range(10, 30)])
    assert (french.bare, french.valid) == (20, 0)
    assert looks_national(french)
    with pytest.raises(InputError, match="look like national numbers") as raised:
        check_national(french, column="Tel")
    assert "--region" in raised.value.fix


@pytest.mark.parametrize(("valid", "national"), [(18, False), (17, True)])
def test_ninety_percent_valid_are_enough(valid, national):
    """18 of 20 valid numbers pass, 17 do not."""
    cells = [f"44207946{number:04}" for number in range(valid)] + ["14567890000"] * (20 - valid)
    assert looks_national(_summary(cells)) is national


def test_fewer_than_twenty_are_not_judged():
    """Nineteen national numbers are refused one by one, not as a list."""
    assert not looks_national(_summary(["0639980123"] * 19))


def test_international_numbers_are_never_national():
    """A plus says it all, valid or not."""
    summary = _summary(["+14567890000"] * 50)
    check_national(summary, column="Tel")
    assert summary.countries == {"US": 50}
