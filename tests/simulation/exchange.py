"""The way of one request through the world, phase by phase; each may break. Everything happens on the world's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from runner.domain import model
from runner.domain.model import Answer
from runner.domain.provider import Operation
from runner.sandbox.calls import Sighting
from runner.sandbox.replies import Content
from runner.sandbox.statements import Figures, restated, stated_charge
from tests.simulation.answers import ODD_TIMES, garbage, server_error, shortened
from tests.simulation.options import Episode, Fault, Retry
from tests.simulation.process import SimClock
from tests.simulation.record import BEFORE_WRITE, Charge, Entry, Phase, Written
from tests.simulation.world import Account

EDGE_SECONDS = 1e-6
BEFORE_CONNECTED = {Fault.DNS: Phase.RESOLVE, Fault.REFUSED: Phase.CONNECT, Fault.TLS: Phase.TLS}


class Exchange:
    """One request. `deliver` is called once with what the runner is told, unless it is dead by then; `arrive` when the
    server has counted it: what `pace = "arrival"` assumes of a server holds in this world."""

    def __init__(
        self,
        account: Account,
        entry: Entry,
        sighting: Sighting | None,
        *,
        key: str | None,
        machine: SimClock,
        deliver: Callable[[Answer], None],
        arrive: Callable[[], None],
    ) -> None:
        self.account = account
        self.entry = entry
        self.sighting = sighting
        self._key = key
        self._machine = machine
        self._deadline = machine.monotonic() + account.provider.http.timeout_seconds
        self._deliver = deliver
        self._arrive = arrive
        self._phase = Phase.RESOLVE
        self._over = False
        self._draws = account.draws()
        self._fault = account.fault(self._draws)
        if self._fault is None and account.stubborn(entry.value):
            self._fault = Fault.TROUBLE
        self._content: Content | None = None
        self._answer = Answer()

    def begin(self) -> None:
        """The runner let go of it."""
        account, draws = self.account, self._draws
        self._after(self._deadline - self._machine.monotonic(), self._give_up)
        outage = account.episode(Episode.OUTAGE)
        if outage is not None and self._fault is None:
            self._fault = draws.choice((Fault.REFUSED, Fault.HANG, Fault.SERVER_ERROR, Fault.LOST))
        leg = account.seconds(draws) * 0.1
        if account.episode(Episode.CERTIFICATE) is not None:
            self._break(Phase.TLS, leg, Answer(fault=model.Fault.TLS, detail="the server's certificate was refused"))
        elif self._fault in BEFORE_CONNECTED:
            unsent = Answer(fault=model.Fault.NOT_SENT, detail=f"{self._fault.value}: no connection could be made")
            self._break(BEFORE_CONNECTED[self._fault], leg, unsent)
        else:
            self._after(leg, self._write)

    def _write(self) -> None:
        if self._over or self._machine.put_off(self._write):  # it gave up while it connected: nothing is written
            return
        self._phase = Phase.WRITE
        leg = self.account.seconds(self._draws) * 0.1
        if self._fault in (Fault.WRITE_NONE, Fault.WRITE_PART):
            self.entry.written = Written.PART if self._fault is Fault.WRITE_PART else Written.NONE
            self._break(Phase.WRITE, leg, _lost("the connection broke while the request was sent"))
            return
        self.entry.written = Written.ALL
        self._phase = Phase.RECEIVE
        if self._fault is Fault.LOST:
            if self._draws.random() < 0.5:
                self._break(Phase.RECEIVE, leg, _lost("the connection broke before an answer came"))
            return
        self._after(leg, self._receive)

    def _receive(self) -> None:
        account, entry = self.account, self.entry
        entry.received_at = account.axis.now
        self._arrive()
        self._phase = Phase.CHARGE
        refused = self._refused(self.sighting)
        if self._fault is Fault.DROPPED and refused is None:
            self._break(Phase.CHARGE, account.seconds(self._draws) * 0.1, _lost("the server closed the connection"))
            return
        self._content = refused
        self._after(account.seconds(self._draws) * 0.5, self._work)

    def _refused(self, sighting: Sighting | None) -> Content | None:
        """What is answered before any work."""
        account, draws = self.account, self._draws
        if sighting is None:
            return Content(answer=Answer(status=404, body=b"{}"), rule="no-such-endpoint", charged=False)
        operation = sighting.operation
        full = account.too_fast()
        if full is not None:
            self.entry.too_fast = True
            return self._slow_down(operation, full[0], full[1], Retry.SECONDS)
        episode = account.episode(Episode.TOO_FAST)
        if episode is not None:
            seconds = 7200.0 if episode[1].retry is Retry.LONG else episode[0] - account.axis.now
            return self._slow_down(operation, seconds, seconds, episode[1].retry)
        if account.episode(Episode.REVOKED) is not None or self._key != account.key:
            return account.voice.repertoire.wrong_key(operation, given=draws.random() < 0.8)
        if account.episode(Episode.FUNDS) is not None:
            return account.voice.repertoire.out_of_funds(operation)
        return account.voice.out_of_scope(operation) if account.episode(Episode.SCOPE) is not None else None

    def _slow_down(self, operation: Operation, window: float, seconds: float, retry: Retry) -> Content:
        account, entry = self.account, self.entry
        entry.retry = retry.value
        if retry not in (Retry.NONE, Retry.GARBAGE):
            entry.wait_until = account.axis.now + seconds
        odd = self._draws.choice(ODD_TIMES)
        return account.voice.refusal(operation, retry, seconds=seconds or window, wall_us=account.wall_us, odd=odd)

    def _work(self) -> None:
        """Carried out and charged, all at once."""
        account, entry, sighting = self.account, self.entry, self.sighting
        content, charge = self._content, 0
        if content is None and sighting is not None:
            content, charge = self._carried_out(sighting)
        assert content is not None
        entry.rule, entry.status = content.rule, content.answer.status
        taken = [charge] if charge else []
        if charge and self._fault is Fault.DOUBLE_CHARGE and account.wallet >= 2 * charge:
            taken.append(charge)
            entry.foul = "double-charge"
        if sighting is not None and not all(account.pays(amount) for amount in taken):
            content, taken = account.voice.repertoire.out_of_funds(sighting.operation), []
            entry.worked, entry.rule, entry.status, entry.foul = False, content.rule, content.answer.status, None
        entry.charges += [Charge(at=account.axis.now, amount=amount) for amount in taken]
        self._phase = Phase.ANSWER
        self._answer = self._said(content, charge if taken else 0)
        leg = account.seconds(self._draws) * 0.2
        if self._fault is Fault.UNANSWERED:
            self._break(Phase.ANSWER, leg, _lost("the connection broke before an answer came"))
        elif self._fault is Fault.HANG:
            return  # nothing comes, until the runner gives up
        else:
            self._after(leg, self._leave)

    def _carried_out(self, sighting: Sighting) -> tuple[Content, int]:
        """The content of the answer, and what it costs."""
        account, entry, draws = self.account, self.entry, self._draws
        operation, voice = sighting.operation, account.voice
        price = operation.price or 0
        match self._fault:
            case Fault.SERVER_ERROR:
                entry.worked = draws.random() < 0.3
                return server_error(draws), price if entry.worked else 0
            case Fault.GARBAGE:
                entry.worked = draws.random() < 0.6
                return garbage(draws), price if entry.worked else 0
            case Fault.TROUBLE:
                return voice.trouble(operation, draws), 0
            case Fault.BAD_ROW:
                content = voice.bad_row(operation, draws)
                entry.worked = content.charged
                return content, price if content.charged else 0
            case Fault.CHARGED_ERROR:
                content = voice.trouble(operation, draws)
                entry.worked = True
                stated = replace(content, answer=voice.charging(content.answer, price))
                if stated.answer is content.answer:
                    entry.foul = "charged-error"
                return stated, price
            case _:
                entry.worked = True
                content = voice.success(sighting, number=entry.number)
                return content, self._price(operation, content)

    def _price(self, operation: Operation, content: Content) -> int:
        """Where the answer states it, it may be anything up to the most."""
        price, most = operation.price or 0, operation.price_max or operation.price or 0
        if stated_charge(self.account.provider.http, content.answer) is None or self._draws.random() < 0.7:
            return price
        return price + (most - price) * self._draws.randint(0, 4) // 4

    def _said(self, content: Content, charged: int) -> Answer:
        """The answer as it leaves, with what it states made true, or odd."""
        account, entry, draws = self.account, self.entry, self._draws
        answer = content.answer
        if not content.as_given:
            figures = Figures(
                request_id=f"sim-{entry.number:06d}",
                charged=charged,
                wallet=account.wallet,
                retry_seconds=content.retry_seconds,
            )
            answer = restated(account.provider, answer, figures)
        if self._fault is Fault.ODD_STATEMENT:
            answer = account.voice.odd(answer, draws)
        if self._fault is Fault.SHORT:
            answer = shortened(answer, draws)
        entry.stated = stated_charge(account.provider.http, answer)
        if entry.foul is None and entry.stated not in (None, entry.charged):
            entry.foul = "odd-statement"
        return answer

    def _leave(self) -> None:
        self.entry.answered_at = self.account.axis.now
        self._phase = Phase.READ
        leg = self.account.seconds(self._draws) * 0.1
        if self._fault is Fault.LATE:
            leg += self.account.provider.http.timeout_seconds
        if self._fault is Fault.CUT:
            body = self._answer.body[: self._draws.randrange(max(1, len(self._answer.body)))]
            if self._draws.random() < 0.5:
                cut = replace(self._answer, body=body, truncated=True, detail=f"broke off after {len(body)} bytes")
            else:
                cut = _lost(f"the answer (HTTP {self._answer.status}) broke off after {len(body)} bytes")
            self._break(Phase.READ, leg, cut)
        else:
            self._after(leg, lambda: self._told(self._answer))

    def _break(self, phase: Phase, seconds: float, answer: Answer) -> None:
        self._phase = phase
        self._after(seconds, lambda: self._broken(phase, answer))

    def _broken(self, phase: Phase, answer: Answer) -> None:
        self.entry.broke = self.entry.broke or phase
        self._told(answer)

    def _give_up(self) -> None:
        """The runner's own deadline, by the time for which its machine was awake. What has left goes on."""
        if self._over or self._machine.put_off(self._give_up):
            return
        left = self._deadline - self._machine.monotonic()
        if left > EDGE_SECONDS:
            self._after(left, self._give_up)
            return
        seconds = self.account.provider.http.timeout_seconds
        self.entry.broke = self.entry.broke or self._phase
        if self._phase in BEFORE_WRITE:
            self._told(Answer(fault=model.Fault.NOT_SENT, detail=f"no connection within {seconds:g} s"))
        else:
            self._told(_lost(f"no answer came within {seconds:g} s"))

    def _told(self, answer: Answer) -> None:
        if self._over or self._machine.put_off(partial(self._told_late, answer)):
            return
        self._over = True
        self._deliver(answer)

    def _told_late(self, answer: Answer) -> None:
        """It came while the machine slept: the other side may have tried again until now, or may have given up."""
        if self._draws.random() < 0.5:
            self._told(answer)
        else:
            self.account.met["an answer lost to a sleep"] += 1

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        self.account.axis.at(self.account.axis.now + seconds, what)


def _lost(detail: str) -> Answer:
    return Answer(fault=model.Fault.NO_ANSWER, detail=detail)
