"""`doctor`: looks at everything a run needs, from Python to the provider, and says how to mend what is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from runner.domain.provider import Provider
from runner.domain.states import BatchState, JobState
from runner.errors import RunnerError
from runner.settings import NotifySettings
from runner.store.values import BatchStatus
from runner.work import database as database_file
from runner.work.aim import aimed
from runner.work.config import providers_in_use
from runner.work.database import DatabaseStatus
from runner.work.findings import Finding, look_at_machine, ok, problem, refuse_both, refused, warning
from runner.work.health import ask_health
from runner.work.means import APPRISE, PING, WEBHOOK, address, apprise_urls, whereabouts
from runner.work.next_step import next_step
from runner.work.rehearsal import no_means, rehearse
from runner.work.session import Session
from runner.work.standing import HALTED_LANE, beside

CHECK_SECONDS: Final = 20.0
SHOWN_BATCHES: Final = 10


def examine(session: Session, *, offline: bool = False, notify: bool = False) -> list[Finding]:
    """Everything, in the order in which it is best mended. Creates nothing; `offline` asks no provider anything.

    `notify`: everybody of `[notify]` is told that this is a test. UsageError: both.
    """
    refuse_both(offline=offline, notify=notify)
    findings = [
        *look_at_machine(session.path.parent),
        *_settings(session),
        *_told("database", partial(_database, session)),
        *_providers(session, offline=offline),
        *_told("prices", partial(_prices, session)),
        *_told("notify", partial(_notify, session, tell=notify)),
    ]
    return [replace(one, fix=aimed(one.fix, session.settings.flags)) for one in findings]


def _told(about: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What was found until an error of ours ended the looking, and that error."""
    findings: list[Finding] = []
    try:
        for finding in look():
            findings.append(finding)  # noqa: PERF402 - what came before the error is kept
    except RunnerError as error:
        findings.append(refused(about, error))
    return findings


def _settings(session: Session) -> Iterator[Finding]:
    settings = session.settings
    files = ", ".join(map(str, settings.files))
    yield ok("settings", files or "no file; what holds is built in, or set by variables")
    if settings.env_file is not None:
        loose = _open_to_others(settings.env_file)
        yield from loose or (ok("keys", f"{settings.env_file} is for you alone"),)


def _open_to_others(path: Path, about: str = "keys") -> list[Finding]:
    """A warning if others can read a private file."""
    # Windows reports 0o666 for every writable file: nothing can be said there.
    if os.name != "posix" or not path.exists() or not path.stat().st_mode & 0o077:
        return []
    return [warning(about, f"{path} can be read by other users", fix=f"chmod 600 {path}")]


def _database(session: Session) -> Iterator[Finding]:
    from runner.store.condition import check_integrity
    from runner.store.locks import holder

    found = database_file.status(session)
    if not found.exists:
        yield ok("database", f"{found.path}: not there yet; the first load or run makes it")
        return
    yield _schema(found)
    yield from _open_to_others(found.path, "database")
    integrity = check_integrity(found.path, clock=session.clock, seconds=CHECK_SECONDS)
    if integrity.faults:
        text = f"{found.path} is damaged: {'; '.join(integrity.faults)}"
        yield problem("database", text, fix=f"put a backup in its place (keep the file: mv {found.path}{{,.damaged}})")
    elif not integrity.complete:
        yield ok("database", f"nothing wrong in the first {CHECK_SECONDS:g} s of looking through it")
    who = holder(found.path)
    yield ok("run", f"at work: {who}" if who else "none is at work")
    if found.revision == found.newest:
        yield from _batches(session)


def _schema(found: DatabaseStatus) -> Finding:
    what = f"{found.path}, {found.size_bytes / 1_000_000:.1f} MB, schema {found.revision}"
    if found.revision == found.newest:
        return ok("database", what)
    if (found.revision or "") > found.newest:  # revisions are numbered 0001, 0002, ...
        return problem("database", f"{what}, of a newer version", fix="pip install --upgrade bulk-runner")
    return warning("database", f"{what}; the newest is {found.newest}", fix="runner db upgrade")


def _batches(session: Session) -> Iterator[Finding]:
    """Those that wait for a person: halted, or with requests in doubt."""
    store = session.store()
    waiting = 0
    for info in store.reports.batches():
        status = store.reports.status(info.id)
        why = _waits_for(status)
        if not why:
            continue
        go_on = next_step(info.name, info.state, info.reason, status.by_state, info.settings, beside=beside(info))
        waiting += 1
        if waiting > SHOWN_BATCHES:
            yield warning("batch", "more batches wait for a person", fix="runner status")
            return
        yield warning("batch", f"{info.name}: {why}", fix=go_on.command)


def _waits_for(status: BatchStatus) -> str:
    doubts = status.by_state.get(JobState.IN_DOUBT, 0)
    halts = ", ".join(f"{lane.provider}: {lane.reason}" for lane in status.lanes if lane.state == HALTED_LANE)
    halted = f"halted ({halts})" if status.batch.state is BatchState.HALTED else ""
    doubtful = f"{doubts:,} in doubt" if doubts else ""
    return ", ".join(filter(None, [halted, doubtful]))


def _prices(session: Session) -> Iterator[Finding]:
    if session.settings.prices:
        session.prices()
        yield ok("prices", "each is of a unit that its provider counts")


def _notify(session: Session, *, tell: bool) -> Iterator[Finding]:
    """Who is told when nobody watches. Nothing is sent, but where `tell` wishes it."""
    notify = session.settings.notify
    yield from rehearse(session) if tell else _means(session)
    is_meant = notify != NotifySettings(ping_url=notify.ping_url)
    is_told = notify.webhook or notify.command or notify.apprise
    if not is_told and (is_meant or tell):
        make = problem if tell and notify.ping_url is None else warning
        yield make("notify", "nobody is told: neither webhook, command nor apprise is set", fix=no_means(session))
    for name in notify.low_balance:
        if not session.profiles.provider(name).http.balance:
            text = f"low_balance of {name}: its answers do not say what is left"
            yield warning(
                "notify", text, fix=f"runner config path   (the file whose [notify.low_balance] names {name})"
            )


def _means(session: Session) -> Iterator[Finding]:
    """Each means, as far as it can be seen from here."""
    keys, notify = session.settings.keys, session.settings.notify
    for name, given in ((WEBHOOK, notify.webhook), (APPRISE, notify.apprise), (PING, notify.ping_url)):
        if given is None:
            continue
        try:
            _ = apprise_urls(keys.fetch, given) if given is notify.apprise else address(keys.fetch, given, name)
            yield ok("notify", f"{name} ({whereabouts(keys, given)})")
        except RunnerError as error:
            yield refused("notify", error)
    if notify.command is not None:
        yield _program(notify.command[0])


def _program(name: str) -> Finding:
    found = shutil.which(name)
    if found is None:
        return problem("notify", f"command: {name} is no program here", fix=f"chmod +x {name}   (if it is there)")
    return ok("notify", f"command ({found})")


def _providers(session: Session, *, offline: bool) -> Iterator[Finding]:
    names = providers_in_use(session)
    if not names:
        yield warning("providers", "none is set up here: no operations, and no key", fix="runner init")
    for name in names:
        yield from _told(name, partial(_provider, name, session, offline=offline))


def _provider(name: str, session: Session, *, offline: bool) -> Iterator[Finding]:
    provider = session.profiles.provider(name)
    yield from _key(provider, session)
    if not offline:
        yield from ask_health(provider, session)


def _key(provider: Provider, session: Session) -> Iterator[Finding]:
    secret = provider.http.auth.secret
    keys = session.settings.keys
    error = keys.present(provider)
    if error is not None:
        yield refused(provider.name, error)
    elif secret is None:
        yield ok(provider.name, "needs no key")
    else:
        shape = ", of the right shape" if provider.http.auth.pattern else ""
        yield ok(provider.name, f"has its key ({keys.whereabouts(secret)}{shape})")
    if secret is not None and secret.file:
        yield from _open_to_others(keys.file(secret.file), provider.name)
