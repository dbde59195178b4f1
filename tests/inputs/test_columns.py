import pytest

from runner.errors import InputError
from runner.inputs import ColumnMap, check_given, match_columns, parse_map
from tests.inputs.operations import BREACH, EMAIL, PHONE

PEOPLE = [["7", "ada@example.com", "+442079460958"], ["8", "x", "+442079460959"], ["9", "", ""]]


def texts(matched: ColumnMap) -> list[str]:
    return [match.text for match in matched.matches]


@pytest.mark.parametrize("name", ["email", "E-Mail", "e_mail", "E MAIL", "Mail", "E-Mail Address"])
def test_by_name(name):
    """Case, spaces, dashes and underscores do not matter, and everyday other names are known."""
    matched = match_columns(["id", name, "tel"], PEOPLE, [EMAIL], {})
    assert matched.of("defastra.email") == {"email": 1}
    assert texts(matched) == [f"email <- {name}, 50 % valid"]


def test_marks_that_nobody_sees_are_no_part_of_a_name():
    """A second byte order mark, or what was copied from a web page, does not hide a column."""
    assert match_columns(["\ufeffemail"], [], [EMAIL], {}).of("defastra.email") == {"email": 0}
    assert match_columns(["id", "\u200bE-Mail\u00a0"], [], [EMAIL], {}).of("defastra.email") == {"email": 1}


def test_phones_without_their_country_under_any_name():
    """No column is one of phones as they stand: the ready line has the column and asks for the country."""
    rows = [["x", f"0170900{number:04}"] for number in range(30)]
    with pytest.raises(InputError, match="no column for the phone") as raised:
        match_columns(["name", "Telefon"], rows, [PHONE], {})
    assert "Telefon could be phones without their country" in raised.value.why
    assert raised.value.fix == "--map phone=Telefon --region US   (the country they are from)"
    assert texts(match_columns(["name", "Telefon"], rows, [PHONE], {}, region="DE")) == [
        "phone <- Telefon, 100 % valid"
    ]


def test_the_own_name_goes_before_an_alias():
    """`email` is taken although there is a `mail` too."""
    assert match_columns(["mail", "email"], [], [EMAIL], {}).of("defastra.email") == {"email": 1}


def test_by_values():
    """Without a telling name the only column with enough valid values is taken."""
    matched = match_columns(["id", "contact", "reach"], [PEOPLE[0]], [EMAIL, PHONE], {})
    assert texts(matched) == ["email <- contact, 100 % valid", "phone <- reach, 100 % valid"]


def test_four_fifths_are_enough():
    """79 % valid values are not a column of e-mails, 80 % are."""
    rows = [["a@example.com"]] * 79 + [["x"]] * 21
    with pytest.raises(InputError, match="no column for the email"):
        match_columns(["contact"], rows, [EMAIL], {})
    rows[80] = ["a@example.com"]
    assert texts(match_columns(["contact"], rows, [EMAIL], {})) == ["email <- contact, 80 % valid"]


def test_two_columns_are_asked_about():
    """Two equal candidates are refused, with a ready line for each."""
    with pytest.raises(InputError, match="2 columns could be the email") as raised:
        match_columns(["E-Mail", "e mail"], [], [EMAIL], {})
    assert raised.value.fix == "--map email=E-Mail\n--map email='e mail'"
    assert raised.value.exit_code == 2


def test_all_missing_columns_are_told_at_once():
    """One error names every parameter without a column."""
    with pytest.raises(InputError) as raised:
        match_columns(["a", "b"], [["1", "2"]], [EMAIL, PHONE], {})
    assert raised.value.fix == "--map email=COLUMN\n--map phone=COLUMN"


def test_a_shared_parameter_is_named_with_its_operation():
    """Where two operations have an `email`, the ready lines say which."""
    with pytest.raises(InputError) as raised:
        match_columns(["a"], [["1"]], [EMAIL, BREACH], {})
    assert raised.value.fix == "--map defastra.email:email=COLUMN\n--map acme.breach:email=COLUMN"


def test_explicit_columns():
    """The user's word goes before names and values, for one operation or for all."""
    explicit = parse_map(["email=work", "acme.breach:email=home"])
    matched = match_columns(["email", "work", "home"], [], [EMAIL, BREACH], explicit)
    assert matched.to_json() == {"acme.breach": {"email": "home"}, "defastra.email": {"email": "work"}}


def test_optional_parameters_are_never_guessed():
    """A column called `label` is sent only when mapped."""
    header = ["email", "label"]
    assert match_columns(header, [], [EMAIL], {}).of("defastra.email") == {"email": 0}
    assert match_columns(header, [], [EMAIL], {"label": "Label"}).of("defastra.email") == {"email": 0, "label": 1}


def test_a_parameter_set_for_the_whole_list_needs_no_column():
    """`--set` replaces the search for a column."""
    assert match_columns(["a"], [], [EMAIL], {}, given={"email"}).matches == ()


def test_the_region_may_come_from_a_column():
    """`--map region=country` makes national numbers readable, in the sample too."""
    rows = [["020 7946 0321", "GB"], ["06 39 98 01 23", "FR"]]
    matched = match_columns(["phone", "country"], rows, [EMAIL, PHONE], {"region": "country"}, given={"email"})
    assert matched.regions == {"defastra.phone": 1}
    assert texts(matched) == ["phone <- phone, 100 % valid"]
    assert matched.to_json() == {"defastra.phone": {"phone": "phone", "region": "country"}}


def test_a_first_row_is_not_taken_for_names():
    """A file without a header would lose its first row: it is refused."""
    with pytest.raises(InputError, match="looks like data") as raised:
        match_columns(["grace@example.com"], [["ada@example.com"]], [EMAIL], {})
    assert raised.value.fix == "--no-header"


@pytest.mark.parametrize(
    ("explicit", "message"),
    [({"emial": "a"}, "no such parameter"), ({"email": "b"}, "no column 'b'"), ({"region": "a"}, "no such parameter")],
)
def test_a_wrong_map_is_refused(explicit, message):
    """A parameter or column that is not there is named, with what there is."""
    with pytest.raises(InputError, match=message):
        match_columns(["a"], [], [EMAIL], explicit)


@pytest.mark.parametrize("item", ["email", "=a", "email="])
def test_a_map_without_column(item):
    """`--map` needs both sides."""
    with pytest.raises(InputError, match="has no column"):
        parse_map([item])


def test_two_columns_for_one_parameter():
    """The same parameter cannot be mapped twice."""
    with pytest.raises(InputError, match="two columns"):
        parse_map(["email=a", "email=b"])
    assert parse_map(["email=a=b"]) == {"email": "a=b"}


def test_values_for_the_whole_list_are_checked():
    """`--set` goes through the same checks as a cell."""
    assert check_given(EMAIL, {"timeout": "Normal", "other": "x"}) == {"timeout": "normal"}
    with pytest.raises(InputError, match="refused: choice") as raised:
        check_given(EMAIL, {"timeout": "never"})
    assert raised.value.why == "it must be one of minimal, normal"
    with pytest.raises(InputError, match="refused: too-long"):
        check_given(EMAIL, {"label": "x" * 31})
