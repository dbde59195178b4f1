"""Texts fit to be shown: values and keys are found however they are written."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.personal import conceal, redact, shorten, without_keys

ADDRESS = "jane+x.doe@example.com"
WAYS = [
    str,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    html.escape,
    str.upper,
    str.casefold,
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [ADDRESS, "o'neil@exämple.com", "Zoë Müller", "+33 6 12 34 56 78"])
def test_a_value_is_found_in_every_spelling(way, value):
    """Raw, percent-encoded, in JSON's or HTML's escapes, in any case: nothing of it is left but its short form."""
    shown = conceal(f'{{"error": "no such thing: {way(value)} here"}}', [value])
    assert way(value) not in shown
    assert shorten(value) in shown
    assert shown.startswith('{"error": "no such thing: ')
    assert shown.endswith(' here"}')


def test_a_name_that_is_no_text_is_no_obstacle():
    """Half a character, as in the name of a file from another system: concealed like any other."""
    assert conceal("no such file: /lists/\udce9t\udce9.eml", ["/lists/\udce9t\udce9.eml"]) == "no such file: /…"


def test_parts_and_other_forms_of_a_value_are_found_too():
    """The name before the @ alone; a number's digits in groups, with or without its country; others' values as well."""
    assert (
        conceal('{"user": "jane+x.doe", "x": "jane+x.doement"}', [ADDRESS])
        == '{"user": "j…@example.com", "x": "jane+x.doement"}'
    )
    for written in ("14155550134", "+1 (415) 555-0134", "415-555-0134", "(415) 555 0134", "00 1 415 555 0134"):
        assert "0134" not in conceal(f"call {written}!", ["+14155550134"]), written
    assert conceal("mail bob@example.org", [ADDRESS]) == "mail b…@example.org"


def test_words_that_are_no_values_stay():
    """Short values and words within words are left alone: an error must stay readable."""
    assert conceal("invalid input: US, id 17, information", ["US", "17", "info@example.com"]) == (
        "invalid input: US, id 17, information"
    )
    assert redact("HTTP 403 at 12:30") == "HTTP 403 at 12:30"


@given(st.text(min_size=4, max_size=40), st.text(max_size=60))
def test_concealing_never_raises_and_hides_what_it_is_given(value, around):
    """Whatever a cell holds, it is gone from the text, and no pattern of its characters is misread as one."""
    shown = conceal(f"{around}<{value}>{around}", [value])
    if len(value.strip()) >= 4 and shorten(value) not in around + value:
        assert f"<{value.strip()}>" not in shown


def test_a_key_is_found_in_every_spelling():
    """As it is, encoded, in Base64, or after the name of a scheme."""
    key = 'obviously-fake/key+"0"'
    for written in (key, quote(key, safe=""), json.dumps(key)[1:-1], base64.b64encode(key.encode()).decode()):
        assert without_keys(f"bad key <{written}>", [key]) == "bad key <[key]>"
    assert without_keys("Authorization: Bearer abcdefgh12345678", []) == "Authorization: Bearer [key]"
    assert without_keys("Missing API key", [""]) == "Missing API key"
