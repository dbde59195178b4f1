"""Who was told what of a batch or a wallet, and when: events, so that nobody is told the same again by the next run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from runner.domain.model import BatchId, RunId
from runner.domain.occasions import Occasion
from runner.engine.ports import Clock
from runner.store.database import Database
from runner.store.sql import write_event

_LAST: Final = """
SELECT event, detail FROM events
WHERE batch IS ? AND lane IS ? AND event IN ('notify.told', 'notify.over') AND detail ->> 'occasion' = ?
AND (? IS NULL OR detail ->> 'reason' = ?) AND (? IS NULL OR detail ->> 'provider' = ?)
ORDER BY at_us DESC, id DESC LIMIT 1
"""


class Tellings:
    """What was told, kept in the events. Each call is one short transaction, and may stand beside a run at work."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def last(
        self,
        occasion: Occasion,
        *,
        batch: BatchId | None = None,
        lane: str | None = None,
        reason: str | None = None,
        provider: str | None = None,
    ) -> Mapping[str, Any] | None:
        """What was told last on such an occasion (for that reason and of that provider, if one is given), as `told` was
        given it; None: nothing, or it is `over`."""
        with self._database.reading() as connection:
            asked = (batch, lane, occasion.value, reason, reason, provider, provider)
            line = connection.exec_driver_sql(_LAST, asked).first()
        return None if line is None or line.event == "notify.over" else json.loads(line.detail)

    def told(
        self,
        occasion: Occasion,
        detail: Mapping[str, Any],
        *,
        means: str,
        run: RunId | None,
        batch: BatchId | None = None,
        lane: str | None = None,
    ) -> None:
        """Somebody was told, by these means: "webhook, command"."""
        self._write("notify.told", {"occasion": occasion.value, **detail, "means": means}, run, batch, lane)

    def failed(
        self,
        occasion: Occasion | None,
        *,
        means: str,
        why: str,
        run: RunId | None,
        batch: BatchId | None = None,
        lane: str | None = None,
    ) -> None:
        """Nobody was told by this means. `occasion`: None for a dead man's switch."""
        detail = {"occasion": None if occasion is None else occasion.value, "means": means, "why": why}
        self._write("notify.failed", detail, run, batch, lane)

    def over(self, occasion: Occasion, reason: str, *, run: RunId | None, lane: str) -> None:
        """What was told of a provider for that reason holds no longer: the next time is news again."""
        self._write("notify.over", {"occasion": occasion.value, "reason": reason}, run, None, lane)

    def _write(
        self, event: str, detail: Mapping[str, Any], run: RunId | None, batch: BatchId | None, lane: str | None
    ) -> None:
        with self._database.write_now() as connection:
            now = self._clock.now_us()
            write_event(connection, event, at_us=now, run=run, batch=batch, lane=lane, detail=detail)
