"""`pace = "arrival"`: a request's place in the windows frees one W after it arrived, not one W after its answer.

What may be known of an arrival is that every byte of the request was acknowledged by the machine at the other end:
the transport says when it learned that. With a margin J the place counts from min(answered, acknowledged + J) on, never
longer than the strict pace would have it. The windows' proof holds as it is wherever the provider counts a request at
the latest J and one round trip of the network after the acknowledgement: the round trip is there for nothing, for the
acknowledgement had to travel back, and the request that takes the place has to travel there. Lost and delayed packets
are no part of that: what is not acknowledged counts as in flight. What is: servers behind which requests queue up for
different times before they are counted. Nobody can see that from here, but it shows as a refusal: each doubles J, and
the third ends it for the run.
"""

from __future__ import annotations

from typing import Final

MARGIN_SECONDS: Final = 0.1
REFUSALS_TO_END: Final = 3


class Margin:
    """J of one account, for one run."""

    def __init__(self) -> None:
        self.seconds: float | None = MARGIN_SECONDS  # None: strict, for the rest of the run
        self._refusals = 0
        self._told = 0

    def refused(self) -> None:
        """The provider said that this was too fast."""
        self._refusals += 1
        if self._refusals >= REFUSALS_TO_END:
            self.seconds = None
        elif self.seconds is not None:
            self.seconds *= 2

    def news(self) -> tuple[str, dict[str, float]] | None:
        """The event to be recorded, with its detail, if something changed since the last call."""
        refusals = min(self._refusals, REFUSALS_TO_END)
        if refusals == self._told:
            return None
        self._told = refusals
        if self.seconds is None:
            return "pace.strict", {"refusals": refusals}
        return "pace.margin", {"margin_seconds": self.seconds}
