import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.provider import Input, InputKind
from runner.errors import InputError
from runner.inputs import Accepted, PhoneSummary, Prepared, Refused, checker, job_key, preparer
from tests.inputs.operations import EMAIL, PHONE


def test_one_parameter():
    """The key is the value's own, the value what is sent."""
    prepare = preparer(EMAIL, {"email": 1})
    assert prepare(["x", "Ada@Example.com"]) == Prepared(
        "ada@example.com", {"email": "Ada@example.com"}, "Ada@example.com"
    )
    assert prepare(["x", "nobody"]) == Refused("email")


def test_an_optional_parameter_belongs_to_the_key():
    """Two labels are two jobs; a blank one is left out, a wrong one refuses the row."""
    prepare = preparer(EMAIL, {"label": 1, "email": 0})
    plain = prepare(["ada@example.com", " "])
    a, b = prepare(["ada@example.com", "a"]), prepare(["ada@example.com", "b"])
    assert plain == Prepared("ada@example.com", {"email": "ada@example.com"}, "ada@example.com")
    assert isinstance(a, Prepared)
    assert a.params == {"email": "ada@example.com", "label": "a"}
    assert len({plain[0], a[0], b[0]}) == 3
    assert prepare(["ada@example.com", "x" * 31]) == Refused("too-long")


def test_only_blank_optional_parameters():
    """A row that gives nothing at all is empty."""
    assert preparer(EMAIL, {"label": 0})(["", ""]) == Refused("empty")


def test_nothing_from_the_rows():
    """An operation that no column feeds would send one request for a whole list: refused."""
    with pytest.raises(InputError, match="no column feeds"):
        preparer(EMAIL, {})


def test_phones_are_counted_and_read_in_their_rows_region():
    """The region column is the row's, and every phone reaches the summary."""
    phones = PhoneSummary()
    prepare = preparer(PHONE, {"phone": 0}, region="FR", region_column=1, phones=phones)
    assert prepare(["020 7946 0321", "GB"]) == Prepared("+442079460321", {"phone": "442079460321"}, "442079460321")
    assert prepare(["06 39 98 01 23", ""])[0] == "+33639980123"
    assert prepare(["", ""]) == Refused("empty")
    assert phones.countries == {"GB": 1, "FR": 1}


_KEYS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(alphabet='[]",\\abc ', max_size=12), min_size=1)


@given(_KEYS, _KEYS)
def test_different_parameters_never_share_a_key(one, two):
    """Keys are equal only for equal parameters, whatever the values look like."""
    one, two = dict(sorted(one.items())), dict(sorted(two.items()))
    keys = [job_key({name: Accepted(value, value) for name, value in each.items()}) for each in (one, two)]
    if len(one) > 1 or len(two) > 1 or list(one) == list(two):  # single parameters of one operation have one name
        assert (keys[0] == keys[1]) is (one == two)


@pytest.mark.parametrize(
    ("cell", "result"),
    [(" NORMAL ", Accepted("normal", "normal")), ("fast", Refused("choice")), ("", Refused("empty"))],
)
def test_choices(cell, result):
    """A choice is sent as the profile spells it."""
    check = checker(Input(name="timeout", kind=InputKind.CHOICE, of=("minimal", "normal")))
    assert check(cell, None) == result


def test_text_is_sent_as_it_is():
    """Spaces of a text survive; a blank one is empty."""
    check = checker(Input(name="note", kind=InputKind.TEXT))
    assert check(" a ", None) == Accepted(" a ", " a ")
    assert check(" \t", None) == Refused("empty")


def test_the_libraries_are_loaded_only_when_needed():
    """Importing the package loads neither phonenumbers nor email-validator."""
    code = "import sys, runner.inputs; print({'phonenumbers', 'email_validator', 'idna'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
