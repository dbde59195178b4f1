"""`pause`, `resume`, `cancel`, `retry`, `doubt resolve`: a wish to the run at work, else done at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from runner.domain.model import CRASHES_TO_POISON, POISON, Resolution
from runner.domain.states import BatchEvent, BatchState, JobState, batch_sources
from runner.domain.typed import typed_name
from runner.engine.ports import Clock
from runner.errors import BatchError, BusyError, UsageError
from runner.store.locks import is_locked, lock_database
from runner.store.store import Store
from runner.store.values import LOST_ANSWER, BatchInfo, Recovered, Wish
from runner.work.money import Prices
from runner.work.profiles import Profiles
from runner.work.results import Next, Paid, Steered
from runner.work.standing import is_paused_by_person, short_name
from runner.work.status import PERSON

_LOST = {LOST_ANSWER: "were charged and lost", POISON: "were on the way at three crashes"}
_WHY_NAMED = {
    LOST_ANSWER: "You said so of their doubts; each one sent again is paid again.",
    POISON: "Each may have been charged, and may bring the runner down again.",
}


class Steer:
    """Decisions of a person about one batch."""

    def __init__(
        self, store: Store, profiles: Profiles, *, prices: Callable[[], Prices], clock: Clock, flags: str = ""
    ) -> None:
        """`prices`: asked for only where a decision may cost. `flags`: what was typed to reach this database, for the
        command that comes next."""
        self._store = store
        self._profiles = profiles
        self._prices = prices
        self._clock = clock
        self._flags = flags

    def pause(self, info: BatchInfo) -> Steered:
        """Stop sending until `resume`. BatchError when nothing of the batch is left to send."""
        with self._alone() as alone:
            info = self._store.reports.batch(info.id)
            if not alone and info.state is BatchState.RUNNING:
                self._store.steering.wish(info.id, Wish.PAUSE)
                return self._steered(info, at_once=False)
            if info.state in (BatchState.COMPLETED, BatchState.CANCELLED, BatchState.LOADING):
                raise _over(info, "pause")
            if not is_paused_by_person(info):
                self._pause_at_rest(info)
        return self._steered(info, at_once=True)

    def _pause_at_rest(self, info: BatchInfo) -> None:
        if info.state in batch_sources(BatchEvent.PAUSE):
            self._store.steering.change(info.id, BatchEvent.PAUSE, reason=PERSON)
        else:  # halted, or paused for another reason, which stays known: the next run finds the wish
            self._store.steering.wish(info.id, Wish.PAUSE)

    def resume(self, info: BatchInfo) -> Steered:
        """Lift a person's pause; starts nothing by itself."""
        if info.state in (BatchState.COMPLETED, BatchState.CANCELLED):
            raise _over(info, "resume")
        with self._alone() as alone:
            self._store.steering.resume(info.id)
        return self._steered(info, at_once=alone, then=self._run_next(info, alone=alone))

    def cancel(self, info: BatchInfo) -> Steered:
        """What is queued is never sent. BatchError when the batch is over."""
        with self._alone() as alone:
            info = self._store.reports.batch(info.id)
            if not alone and info.state is BatchState.RUNNING:
                self._store.steering.wish(info.id, Wish.CANCEL)
                return self._steered(info, at_once=False)
            if info.state not in batch_sources(BatchEvent.CANCEL):
                raise _over(info, "cancel")
            queued = self._store.reports.status(info.id).by_state[JobState.QUEUED]
            self._store.steering.change(info.id, BatchEvent.CANCEL, reason=PERSON)
        return self._steered(info, at_once=True, changed=queued)

    def retry(self, info: BatchInfo, only: str) -> Steered:
        """Queue failures again, final ones too: "failed" or "failed:RULE". BatchError when there is none."""
        word, colon, rule = only.partition(":")
        if word != JobState.FAILED or (colon and not rule):
            raise UsageError(f"cannot retry {only!r}", why="Only failures are retried.", fix="--only failed")
        paid = self._paid(info, rule or None)
        changed = self._store.steering.retry(info.id, rule=rule or None)
        named = None if changed or rule else next(iter(self._store.reports.named_only(info.id)), None)
        if named is not None:
            raise BatchError(
                f"the failed requests of {info.name} {_LOST[named]}",
                why=_WHY_NAMED[named],
                fix=f"runner retry {info.typed} --only failed:{named}",
            )
        if not changed:
            which = f"failed with {rule}" if rule else "failed"
            raise BatchError(f"no request of {info.name} {which}", why="Nothing was changed.", fix=_status(info))
        return replace(self._decided(info, changed), paid=paid)

    def _paid(self, info: BatchInfo, rule: str | None) -> Paid | None:
        found = self._store.forecast.paid_failures(info.id, rule=rule)
        prices = self._prices() if found else None
        if prices is None:
            return None
        by = [(one.operation.partition(".")[0], one) for one in found]
        return Paid(
            charged=sum(one.charged for one in found),
            perhaps=sum(one.perhaps for one in found),
            cost=tuple(prices.cost(provider, one.unit, one.amount) for provider, one in by),
            doubtful=tuple(prices.cost(provider, one.unit, one.doubtful) for provider, one in by),
        )

    def resolve(
        self, info: BatchInfo, resolution: Resolution, *, rows: Sequence[int] | None, provider: str | None
    ) -> Steered:
        """A person's word on requests in doubt, of some rows or all, at one provider or all. BatchError when there is
        none, or none of one of these rows: then nothing is changed."""
        meant = [key for key in info.operations if provider in (None, key.partition(".")[0])]
        doubts = [one for one in self._store.reports.doubts(info.id) if one.operation in meant]
        known = {row for one in doubts for row in one.rows}
        wrong = [str(row) for row in rows or () if row not in known]
        changed = 0
        if doubts and not wrong:
            changed = self._store.steering.resolve(info.id, resolution, rows=rows, operations=meant)
        if not changed:
            where = f"row {' or '.join(wrong)} of {info.name}" if wrong else info.name
            raise BatchError(
                f"nothing of {where} is in doubt{f' at {provider}' if provider else ''}",
                why="Nothing was changed.",
                fix=f"runner doubt list {info.typed}",
            )
        return self._decided(info, changed, runs=resolution is not Resolution.CHARGED)

    def _decided(self, info: BatchInfo, changed: int, *, runs: bool = True) -> Steered:
        # Only asked: a run at work sees new work by itself. And what was decided stands: nothing that is written after
        # it may fail, and say that it was not.
        alone = not is_locked(self._store.path)
        then = self._run_next(info, alone=alone) if runs else None
        return self._steered(info, at_once=alone, changed=changed, then=then)

    def _run_next(self, info: BatchInfo, *, alone: bool) -> Next | None:
        if not alone:
            return None
        return Next(command=f"runner run {short_name(info, self._store)}{self._flags}", why="It starts a run.")

    def _steered(self, info: BatchInfo, *, at_once: bool, changed: int = 0, then: Next | None = None) -> Steered:
        state = self._store.reports.batch(info.id).state
        return Steered(batch=info.name, state=state, at_once=at_once, changed=changed, next=then)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no run is at work; then the database lock is held inside, and dead runs are buried."""
        try:
            lock = lock_database(self._store.path, clock=self._clock)
        except BusyError:
            yield False
            return
        with lock:
            bury(self._store, self._profiles)
            yield True


def parse_resolution(text: Resolution | str) -> Resolution:
    """A person's word on a request in doubt. UsageError: no such word."""
    try:
        return Resolution(text)
    except ValueError:
        words = ", ".join(Resolution)
        raise UsageError(f"no resolution {str(text)!r}", why=f"There are {words}.", fix="--as not-charged") from None


def bury(store: Store, profiles: Profiles) -> list[str]:
    """Recover what dead runs left, under the database lock; sentences for people about answers that were kept outside
    the database, and about requests now in doubt."""
    # By batch: two of them may know a provider of one name by different profiles.
    safe = {
        (info.id, operation)
        for info in store.reports.batches()
        for operation in profiles.safe_operations(info.operations, info.source)
    }
    recovery = store.steering.recover(safe=safe)
    found = recovery.batches
    kept = [f"{one.name}: {_answers(one.answers)} in the database now" for one in found if one.answers]
    aside = [f"{_answers(count)} of no use, and kept in {file}" for file, count in recovery.aside.items()]
    cut = [one for one in found if one.doubts or one.released or one.poisoned]
    cut_off = [f"{one.name}: an earlier run was cut off; {_on_the_way(one)}{_poisoned(one)}" for one in cut]
    return [*kept, *aside, *cut_off]


def _answers(count: int) -> str:
    answers, are = ("1 answer", "is") if count == 1 else (f"{count} answers", "are")
    return f"{answers} that an earlier run could not store {are}"


def _poisoned(found: Recovered) -> str:
    """What is not tried a fourth time: it may be what cuts the runs off."""
    count = found.poisoned
    if not count:
        return ""
    them = "1 was" if count == 1 else f"{count} were"
    again = f"runner retry {typed_name(found.name)} --only failed:{POISON}"
    return f"; {them} on the way at {CRASHES_TO_POISON} crashes and {'has' if count == 1 else 'have'} failed: {again}"


def _on_the_way(found: Recovered) -> str:
    """What became of the requests without an answer; others of that run may have been in doubt before."""
    doubts, again = found.doubts, found.on_the_way - found.doubts - found.poisoned
    told = [
        f"{doubts} of its requests {'is' if doubts == 1 else 'are'} in doubt" if doubts else "",
        f"{again} on the way {'is' if again == 1 else 'are'} sent again, which is safe" if again else "",
    ]
    if not found.on_the_way:
        return "nothing was on the way"
    return ", ".join(filter(None, told)) or "nothing on the way is in doubt"


def _over(info: BatchInfo, wish: str) -> BatchError:
    why = {
        BatchState.COMPLETED: "All its requests have ended.",
        BatchState.CANCELLED: "It was given up for good; its answers stay.",
    }.get(info.state, "Its list is not imported to the end.")
    return BatchError(f"{info.name} is {info.state}: there is nothing to {wish}", why=why, fix=_status(info))


def _status(info: BatchInfo) -> str:
    return f"runner status {info.typed}"
