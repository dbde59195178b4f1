"""`doctor --notify`: everybody of `[notify]` is told, before the night, that this is a test. Nothing is kept of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from shlex import quote
from typing import Final

from runner.errors import SchemaError
from runner.settings import FILE_NAME, origin_of
from runner.store.values import BatchInfo
from runner.system import drive
from runner.work import database as database_file
from runner.work.aim import aimed
from runner.work.findings import Finding, ok, problem
from runner.work.means import APPRISE, COMMAND, COMMAND_SECONDS, PING, tell_all, told_by, whereabouts
from runner.work.message import sample
from runner.work.session import Session

AGAIN: Final = "runner doctor --notify"


def rehearse(session: Session) -> Iterator[Finding]:
    """One message by each means, all at once, whatever `on` says; one plain question to the switch. A finding each."""
    settings = session.settings
    told = told_by(settings, session.profiles, session.seams, batches=partial(_batches, session))
    for name, error in told.unusable:
        because = ": ".join(filter(None, (error.what, error.why)))
        yield problem("notify", f"nobody was told by {name}: {because}", fix=error.fix)
    if not told:
        return
    message = sample(
        message_id=session.seams.randomness.attempt_id(),
        at_us=session.clock.now_us(),
        command=aimed("runner doctor", settings.flags),
    )
    everybody = told.means if told.switch is None else (*told.means, told.switch)
    whys = drive(partial(tell_all, everybody, message))
    for one in everybody:
        where = _where(session, one.name)
        if (why := whys[one.name]) is not None:
            by = one.name if one.name == COMMAND else f"{one.name} ({where})"  # it says itself which program
            yield problem("notify", f"nobody was told by {by}: {why}", fix=_fix(session, one.name))
        elif one.name == PING:
            yield ok("notify", f"the dead man's switch answered: {PING} ({where})")
        else:
            yield ok("notify", f"told by {one.name} ({where})")


def no_means(session: Session) -> str:
    """What to write where nobody is told."""
    origins, files = session.settings.origins, session.settings.files
    line = 'webhook = { env = "NIGHT_WEBHOOK" }'
    table = origin_of(origins, "notify").where  # a second table of that name would be a mistake
    if table:
        return f"put this into [notify] of {table}:\n{line}"
    return f"put this into {files[0] if files else FILE_NAME}:\n[notify]\n{line}"


def _batches(session: Session) -> Iterable[BatchInfo]:
    """Those whose profiles name keys; a look neither makes a database nor brings one to a newer schema."""
    if not session.is_there:
        return ()
    found = database_file.status(session)
    if (found.revision or "") < found.newest:  # revisions are numbered 0001, 0002, ...
        raise SchemaError(
            f"the database is of an older schema, {found.revision}",
            why="it cannot say which variables hold keys, and no program is handed one",
            fix="runner db upgrade",
        )
    return session.store().reports.batches()


def _where(session: Session, name: str) -> str:
    """What of it may be shown: neither an address nor an argument."""
    notify = session.settings.notify
    if name == COMMAND:
        return _program(session)
    return whereabouts(session.settings.keys, getattr(notify, name))


def _program(session: Session) -> str:
    return (session.settings.notify.command or ("?",))[0]


def _fix(session: Session, name: str) -> str:
    """What to look at, and the command that shows whether it was mended."""
    place = origin_of(session.settings.origins, "notify", name).describe()
    if name == APPRISE:
        return f"try each address by itself ({place}): apprise -vv -b test ADDRESS"
    if name != COMMAND:
        return f"check the address ({place}) and who answers there, then: {AGAIN}"
    program = _program(session)
    if shutil.which(program) is None:
        return f"chmod +x {quote(program)}   (if it is there)"
    return (
        f"run {program} by hand with the arguments of {place}: it is to end with 0 within {COMMAND_SECONDS:g} s; "
        f"then: {AGAIN}"
    )
