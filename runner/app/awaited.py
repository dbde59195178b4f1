"""`AsyncRunner`: the library for programs that have an event loop of their own. Nothing is written twice."""

from __future__ import annotations

from pathlib import Path

from runner.app.library import Runner
from runner.work.bridge import awaited, passed_on


class AsyncRunner:
    """A Runner whose every method is awaited; same names, arguments, answers and errors. Made by `aopen`, which closes
    it."""

    def __init__(self, blocking: Runner) -> None:
        self.blocking = blocking

    @property
    def path(self) -> Path:
        """The database file."""
        return self.blocking.path

    @property
    def notices(self) -> tuple[str, ...]:
        """As those of a Runner."""
        return self.blocking.notices

    load = awaited(Runner.load)
    preflight = awaited(Runner.preflight)
    known = awaited(Runner.known)
    price = awaited(Runner.price)
    check = awaited(Runner.check)
    check_batch = awaited(Runner.check_batch)
    export = awaited(Runner.export)
    export_table = awaited(Runner.export_table)
    report = awaited(Runner.report)
    find = awaited(Runner.find)
    status = awaited(Runner.status)
    batches = awaited(Runner.batches)
    unfinished = awaited(Runner.unfinished)
    unwritten = awaited(Runner.unwritten)
    explain = awaited(Runner.explain)
    support = awaited(Runner.support)
    log = awaited(Runner.log)
    spend = awaited(Runner.spend)
    doubts = awaited(Runner.doubts)
    doubt_text = awaited(Runner.doubt_text)
    wallet_says = awaited(Runner.wallet_says)
    pause = awaited(Runner.pause)
    resume = awaited(Runner.resume)
    cancel = awaited(Runner.cancel)
    tune = awaited(Runner.tune)
    retry = awaited(Runner.retry)
    resolve = awaited(Runner.resolve)
    providers = awaited(Runner.providers)
    provider = awaited(Runner.provider)
    trials = awaited(Runner.trials)
    starter = awaited(Runner.starter)
    check_profile = awaited(Runner.check_profile)
    database_status = awaited(Runner.database_status)
    upgrade = awaited(Runner.upgrade)
    backup = awaited(Runner.backup)
    verify = awaited(Runner.verify)
    purge = awaited(Runner.purge)
    erase = awaited(Runner.erase)
    settings = awaited(Runner.settings)
    places = awaited(Runner.places)
    doctor = awaited(Runner.doctor)
    check_free = passed_on(Runner.acheck_free)
    check_log = awaited(Runner.check_log)
    check_output = awaited(Runner.check_output)
    run = passed_on(Runner.arun)
    run_all = passed_on(Runner.arun_all)
