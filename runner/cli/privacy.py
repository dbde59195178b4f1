"""What an erasure and a purge did, as a person reads it. Returns text; prints nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli.render import facts
from runner.cli.text import clean, count, listed, number

if TYPE_CHECKING:
    from runner.work.privacy import Erasure, Purge


def erased_text(done: Erasure) -> str:
    """What is gone, and where else to look."""
    rows = listed(f"{count(figure, 'row')} of {name}" for name, figure in done.rows.items()) if done.rows else ""
    pairs = [
        ("rows", rows),
        ("requests", _requests(done)),
        ("answers", count(done.answers, "answer") if done.answers else ""),
        ("texts", f"{count(done.mentions, 'other text')} that named them" if done.mentions else ""),
        *(("left", clean(f"{one.what}: {one.fix}")) for one in done.beyond),
        ("left", "backups, copies and snapshots made elsewhere"),
    ]
    return f"{'erased' if done.found else 'not in this database'}\n{facts(pairs)}"


def _requests(done: Erasure) -> str:
    if not done.jobs:
        return ""
    never = f", {number(done.cancelled)} of them never sent" if done.cancelled else ""
    return f"{count(done.jobs, 'request')} without content now{never}; their figures stay"


def purged_text(done: Purge) -> str:
    """What is gone, and what that freed."""
    sizes = [f"{number(round(figure / 1_000_000, 1))} MB" for figure in (done.bytes_before, done.bytes_after)]
    return "\n".join(
        [
            f"purged {count(done.answers, 'answer')} and {count(done.events, 'event')} "
            f"of {count(done.batches, 'batch')} that are over",
            facts([("size", f"{sizes[1]}, before {sizes[0]}")]),
        ]
    )
