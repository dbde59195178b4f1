"""Hints of the pace: what the rate limit headers of an answer say, in all their forms."""

from __future__ import annotations

import pytest

from runner.domain.hints import Hints, Room, read_hints
from tests.virtual import NOON_US

NOON = NOON_US // 1_000_000


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ratelimit": '"default";r=50;t=30'}, Hints((Room(50, 30),))),
        ({"ratelimit": "default ; r=0 ; t=30"}, Hints((Room(0, 30),))),
        ({"ratelimit": '"a;b,c";r=5;t=1, "day";r=90;t=3600'}, Hints((Room(5, 1), Room(90, 3600)))),
        ({"ratelimit": "limit=100, remaining=50, reset=30"}, Hints((Room(50, 30),))),
        ({"ratelimit-policy": '"default";q=100;w=60'}, Hints((), ((100, 60.0),))),
        ({"ratelimit-policy": '"burst";q=10;w=1, "hour";q=500;w=3600'}, Hints((), ((10, 1.0), (500, 3600.0)))),
        ({"ratelimit-policy": "100;w=60"}, Hints((), ((100, 60.0),))),
        ({"ratelimit-policy": '"month";q=100000;w=2592000'}, None),
        ({"ratelimit-limit": "100, 100;w=60, 1000;w=3600"}, Hints((), ((100, 60.0), (1000, 3600.0)))),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "7", "ratelimit-reset": "9"}, Hints((Room(7, 9),))),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": str(NOON + 9)}, Hints((Room(7, 9),))),
        ({"x-rate-limit-remaining": "7", "x-rate-limit-reset": f"{NOON + 9}000"}, Hints((Room(7, 9),))),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": f"{NOON + 9}.5"}, Hints((Room(7, 9.5),))),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON - 9)}, None),
        ({"x-ratelimit-limit": "20"}, None),
        ({"x-ratelimit-remaining": "7"}, None),
        ({"content-type": "application/json"}, None),
    ],
)
def test_each_form_is_read(headers: dict[str, str], expected: Hints | None) -> None:
    """Drafts 00 to 11, and what is older than they are; a reset that is over, or a lone figure, says nothing."""
    assert read_hints(headers.items(), now_us=NOON_US) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit": '"default";r=-1;t=30'},
        {"ratelimit": '"default";r=5;t=٣٠'},
        {"ratelimit": '"default";r=5;t=30 nonsense'},
        {"ratelimit": "," * 2000},
        {"ratelimit-policy": '"default";q=0;w=60'},
        {"ratelimit-policy": '"default";q=5;w=0'},
        {"ratelimit-policy": '"default";q=' + "9" * 5000 + ";w=60"},
        {"x-ratelimit-remaining": "nan", "x-ratelimit-reset": "inf"},
        {"x-ratelimit-remaining": "5", "x-ratelimit-reset": "Fri, 15 Jan 2027 08:01:00 GMT"},
    ],
)
def test_nonsense_says_nothing(headers: dict[str, str]) -> None:
    """What is no figure is no hint, and hides no other header."""
    assert read_hints(headers.items(), now_us=NOON_US) is None
    told = {**headers, "x-rate-limit-remaining": "7", "x-rate-limit-reset": "9"}
    assert read_hints(told.items(), now_us=NOON_US) == Hints((Room(7, 9),))


def test_a_header_that_came_twice_is_one_list_or_no_figure() -> None:
    """Two lines of a list are one; of two remaining counts nobody knows which holds."""
    lines = [("ratelimit-policy", "100;w=60"), ("ratelimit-policy", "1000;w=3600")]
    assert read_hints(lines, now_us=0) == Hints((), ((100, 60.0), (1000, 3600.0)))
    figures = [("x-ratelimit-remaining", "5"), ("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "9")]
    assert read_hints(figures, now_us=0) is None


def test_what_counts_no_requests_says_nothing_of_them() -> None:
    """A policy of bytes, and the room of that policy."""
    headers = {
        "ratelimit-policy": '"bytes";q=65536;w=10;qu="content-bytes", "default";q=5;w=10;qu="requests"',
        "ratelimit": '"bytes";r=0;t=9, "default";r=4;t=9',
    }
    assert read_hints(headers.items(), now_us=0) == Hints((Room(4, 9),), ((5, 10.0),))
