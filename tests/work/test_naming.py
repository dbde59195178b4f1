"""Names and identity of batches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.domain.states import BatchState
from runner.work.naming import Change, Identity, changes, default_name, generation, handle, is_over, successor

SAME = Identity(content_hash="h", operations=("a.x", "a.y"), mapping={"m": 1}, params={})


def test_default_name_is_stem_provider_operation() -> None:
    """Several operations are sorted and joined; what a shell would trip over is replaced."""
    assert default_name("leads", ["defastra.email"]) == "leads-defastra-email"
    assert default_name("leads", ["defastra.phone", "defastra.email"]) == "leads-defastra-email+defastra-phone"
    assert default_name("my leads (2)", ["a.x"]) == "my-leads-2-a-x"
    assert default_name("!!", ["a.x"]) == "list-a-x"


@given(
    st.text(min_size=1, max_size=260), st.lists(st.from_regex(r"[a-z]{1,40}\.[a-z]{1,40}", fullmatch=True), max_size=9)
)
def test_a_default_name_is_short_enough_for_a_file(stem: str, operations: list[str]) -> None:
    """Whatever the list is called, and however much is asked of it."""
    assert len(default_name(stem, operations).encode()) <= 200


def test_long_names_that_begin_alike_are_other_lists() -> None:
    """A digest tells them apart; the same name is the same again."""
    one, other = (default_name(f"{'ä' * 120}{end}", ["a.x"]) for end in ("1", "2"))
    assert one != other == default_name(f"{'ä' * 120}2", ["a.x"])
    assert one.startswith("ä" * 45 + "-a-x-")
    whole = f"{'ä' * 120}2-a-x"
    assert default_name(f"{'ä' * 120}2", ["a.x"], known=[f"{whole}-2"]) == whole


def test_a_handle_is_the_shortest_beginning_that_means_no_other() -> None:
    """It ends where a word ends; where nothing shorter will do, it is the name."""
    email, phone = "leads-defastra-email", "leads-defastra-phone"
    assert handle(email, [email, "other-defastra-email"]) == "leads"
    assert handle(email, [email, phone]) == email
    assert handle(email, [email, f"{email}-2"]) == email
    assert handle("my-list-defastra-email", ["my-list-defastra-email", "my-leads-x-y"]) == "my-list"
    assert handle("mine", ["mine"]) == "mine"


@given(st.lists(st.from_regex(r"[ab]{1,2}(-[ab]{1,2}){0,3}", fullmatch=True), unique=True, min_size=1))
def test_a_handle_finds_its_batch(names: list[str]) -> None:
    """Whole name first, else the one name that begins so: the rule by which people's words are read."""
    for name in names:
        short = handle(name, names)
        found = [short] if short in names else [one for one in names if one.startswith(short)]
        assert found == [name]


def test_changes_name_what_differs() -> None:
    """The order of the operations is no change; everything else is named."""
    assert changes(SAME, Identity(content_hash="h", operations=("a.y", "a.x"), mapping={"m": 1}, params={})) == ()
    other = Identity(content_hash="i", operations=("a.x",), mapping={}, params={"p": 1})
    assert changes(SAME, other) == (Change.CONTENT, Change.OPERATIONS, Change.MAPPING, Change.PARAMS)
    abroad = Identity(content_hash="h", operations=("a.x", "a.y"), mapping={"m": 1, "region": "US"}, params={})
    assert changes(SAME, abroad) == (Change.REGION,)


def test_generations() -> None:
    """`-2` and up are successors; `-1`, other words and longer names are not."""
    assert [generation("a-x", name) for name in ("a-x", "a-x-2", "a-x-17")] == [1, 2, 17]
    assert [generation("a-x", name) for name in ("a-x-1", "a-x-b", "a-xx", "b", "a-x2")] == [None] * 5


@given(st.lists(st.integers(2, 50)))
def test_successor_is_never_taken(numbers: list[int]) -> None:
    """Whatever is there, the new name is free and later than all of its family."""
    taken = ["a", *(f"a-{number}" for number in numbers)]
    name = successor("a", taken)
    assert name not in taken
    assert (generation("a", name) or 0) > max(numbers, default=1)
    assert successor("b", taken) == "b"


def test_only_finished_batches_are_succeeded() -> None:
    """A paused or halted batch is never silently replaced by a new one."""
    assert {state for state in BatchState if is_over(state)} == {BatchState.COMPLETED, BatchState.CANCELLED}
