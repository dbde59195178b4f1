"""What the database keeps as JSON, and its quick ways."""

from hypothesis import example, given
from hypothesis import strategies as st

from runner.store.codec import params_to_json, texts_to_json, to_json

TEXTS = st.text(st.characters(exclude_categories=()))  # halves of surrogate pairs included


@given(st.lists(TEXTS))
@example(['a "quote"', "tab\t, line\n, nul\0", "é", "\ud800", "\u2028"])
def test_a_list_of_texts_is_written_as_any_list_is(texts):
    """The quick way and the general one agree to the letter."""
    assert texts_to_json(texts) == to_json(texts)


@given(st.dictionaries(TEXTS, TEXTS))
@example({"email": 'a"b@example.com', "\udc00": "ü"})
def test_texts_by_name_are_written_as_any_object_is(params):
    """The same of an object."""
    assert params_to_json(params) == to_json(params)
