"""Every kind of run with a key and an address planted in it, and a provider that echoes them wherever it can."""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import trustme
from anyio.from_thread import start_blocking_portal

import runner
from runner.domain.model import Answer
from runner.sandbox.replies import Behaviour, Manner
from tests.proofs.place import ROOT, holds, same, until
from tests.proofs.provider import Played
from tests.proofs.stage import ADDRESS, KEY, Stage
from tests.transport.rude import polite, rude

RUN = ("run", "list.csv", "-p", "defastra.email", "--max-wait", "1s")
ECHO = f"refused {ADDRESS} with {KEY}"
PAGE = f"<html><body>{ADDRESS} sent X-API-KEY: {KEY} and Basic {KEY}</body></html>"
NAMED = (("x-request-id", f"{KEY}"), ("x-echo", f"{ADDRESS} {KEY}"), ("location", f"https://example.com/?k={KEY}"))
WELL = {
    "status": True,
    "request_id": KEY,
    "echo": ECHO,
    "deep_email_check": {"risk_level": "low", "domain": ADDRESS, "signals": [ADDRESS, KEY]},
}

Scene = Callable[[Path, Played], Stage]


def _embedded(folder: Path, provider: Played) -> Stage:
    """A program that uses the library: what it is told, and what it would print."""
    stage = _stage(folder, provider)
    provider.next(ADDRESS, [lambda: _echo(200, json.dumps(_error("INSUFFICIENT_FUNDS")))])
    seen: list[object] = []
    environ = {"DEFASTRA_API_KEY": KEY, "XDG_RUNTIME_DIR": str(stage.place.runtime)}
    with runner.open("runner.db", directory=folder, environ=environ) as library:
        loaded = library.load("list.csv", ["defastra.email"], batch="list")
        result = library.run("list", on_event=seen.append, max_wait="1s", output="list-defastra-email.csv")
        seen += [library, loaded, result, library.status("list"), library.explain("list", 1)]
        for misuse in (
            lambda: library.status(ADDRESS),
            lambda: library.explain("list", ADDRESS + "x"),
            lambda: library.load([{"email": ADDRESS, "note": object()}], ["defastra.phone"], batch="other"),
        ):
            try:
                misuse()
            except runner.RunnerError as error:
                seen += [error, repr(error), error.__cause__, "".join(traceback.format_exception(error))]
    same("exit code", result.exit_code, 4)
    for one in seen:
        stage.search(f"what the library tells: {type(one).__name__}", f"{one} {one!r}".encode())
    return stage


def _succeeded(folder: Path, provider: Played) -> Stage:
    stage = _stage(folder, provider)
    done = stage.run(*RUN, "-v", "--log-file", "run.log", "--json")
    same("exit code", done.code, 0)
    holds("the answer was not stored", "[key]" in stage.place.query("SELECT CAST(body AS TEXT) FROM answers")[0][0])
    holds("explain VALUE does not know the row", "succeeded" in stage.run("explain", "list", ADDRESS, address=True).out)
    holds("export does not show the row", ADDRESS in stage.run("export", "list", "-o", "-", address=True).out)
    return stage


def _refused(body: Any, code: int, *, status: int = 200, flags: tuple[str, ...] = ()) -> Scene:
    """Every request is answered like this."""

    def scene(folder: Path, provider: Played) -> Stage:
        stage = _stage(folder, provider)
        text = body if isinstance(body, str) else json.dumps(body)
        provider.next(ADDRESS, [lambda: _echo(status, text)] * 20)
        done = stage.run(*RUN, "-v", "--log-file", "run.log", *flags)
        same(f"exit code, with {done.err}", done.code, code)
        stage.run("explain", "list", ADDRESS, address=True)
        return stage

    return scene


def _error(kind: str) -> dict[str, Any]:
    return {"status": False, "error_type": kind, "error_message": ECHO, "request_id": ADDRESS}


def _doubted(folder: Path, provider: Played) -> Stage:
    """No answer, then what is said about it."""
    stage = _stage(folder, provider)
    provider.next(ADDRESS, [lambda: Behaviour(manner=Manner.CUT, after_bytes=150, answer=provider.well)])
    same("exit code", stage.run(*RUN, "--progress", "json").code, 3)
    stage.run("doubt", "resolve", "list", "--row", "1", "--as", "charged")
    return stage


def _killed(folder: Path, provider: Played) -> Stage:
    """In the middle of a request, after a look at its processes."""
    stage = _stage(folder, provider)
    provider.next(ADDRESS, [lambda: Behaviour(manner=Manner.HANG)])
    with stage.place.process(*RUN, "-v", "--log-file", "run.log") as process:
        until(lambda: bool(provider.times(ADDRESS)), what="the request")
        stage.look(process)
        process.popen.kill()
        process.popen.wait()
    stage.read((("status",), ("status", "list", "--json")))
    same("exit code", stage.run(*RUN, "--json").code, 3)
    return stage


def _crashed(folder: Path, provider: Played) -> Stage:
    """A mistake of ours whose exception quotes what it worked on."""
    own = folder / "own"
    own.mkdir(parents=True)
    (own / "sitecustomize.py").write_text(
        "import os\nimport runner.work.deliver as broken\n"
        "def boom(*given, **named):\n"
        "    raise ValueError(f'no such thing: {os.environ}', os.environ['ECHO'])\n"
        "broken.deliver = boom\n"
    )
    stage = _stage(folder, provider, PYTHONPATH=os.pathsep.join([str(own), str(ROOT)]), ECHO=ECHO)
    stage.crashes = True
    for flags in ((), ("--json",), ("-v",)):
        same("exit code", stage.run(*RUN, *flags).code, 1)
    return stage


def _mistyped(folder: Path, provider: Played) -> Stage:
    """Values where a command wants something else, and cells that cannot be used."""
    stage = _stage(folder, provider)
    same("exit code", stage.run(*RUN).code, 0)
    broken = ADDRESS.replace("@", "@@")
    stage.place.write_list([broken, ADDRESS.replace("@", " "), *[f"person{n}@example.com" for n in range(8)]])
    for arguments in (
        ("run", ADDRESS, "-p", "defastra.email"),
        ("run", "list.csv", "-p", ADDRESS),
        ("run", "list.csv", "-p", "defastra.email", "--map", f"email={ADDRESS}"),
        ("run", "list.csv", "-p", "defastra.email", f"--{KEY}"),
        ("run", "list.csv", "-p", "defastra.email", "--api-key", KEY),
        (
            "run",
            "--source",
            f"postgresql://user:{KEY}@localhost/db",
            "--from",
            "t",
            "--key",
            "id",
            "-p",
            "defastra.email",
        ),
        ("status", ADDRESS),
        ("explain", "list", f"no.{ADDRESS}"),
        (ADDRESS,),
        (KEY,),
    ):
        same(f"exit code of {arguments}", stage.run(*arguments).code, 2)
    same("exit code", stage.run(*RUN, "--new", "--batch", "invalid").code, 0)
    (folder / "invalid.csv").unlink()
    for lines in (
        ("id,email", f'1,"{ADDRESS}'),
        ("id,email", f"1,{ADDRESS},{ADDRESS}"),
        ("id,email", f'1,"{ADDRESS}" {ADDRESS}'),
        (ADDRESS, ADDRESS),
        (f"{ADDRESS},{ADDRESS}", "1,2"),
        (f"{ADDRESS},b@example.com", "x@example.com,y@example.com"),
        (f"note,{ADDRESS}", "1,2"),
    ):
        (folder / "torn.csv").write_text("\n".join([*lines, ""]))
        same(f"exit code of {lines}", stage.run("run", "torn.csv", "-p", "defastra.email").code, 2)
    (folder / "torn.csv").unlink()
    return stage


def _set_wrongly(folder: Path, provider: Played) -> Stage:
    """A key, or something like one, where settings want none: refused without repeating it."""
    stage = _stage(folder, provider)
    stage.with_key = {"runner.toml", ".env"}
    settings = folder / "runner.toml"
    good = settings.read_text()
    for wrong in (
        f'http = {{ auth = {{ header = "X-API-KEY", secret = "{KEY}" }} }}',
        f'http = {{ auth = {{ header = "X-API-KEY", secret = {{ env = "{KEY}" }} }} }}',
        f'http = {{ key = "{KEY}" }}',
        f'api_key = "{KEY}',
        f'http = {{ base_url = "https://user:{KEY}@api.example.com" }}',
        f'http = {{ base_url = "https://api.example.com/?key={KEY}" }}',
    ):
        settings.write_text(f"[providers.defastra]\n{wrong}\n")
        same(f"exit code with {wrong}", stage.run(*RUN).code, 2)
        stage.read((("config", "show"), ("doctor",), ("providers", "show", "defastra")))
    (folder / ".env").write_text(f"{KEY}\nDEFASTRA_API_KEY {KEY}\n")
    settings.write_text(f'[run]\nenv_file = ".env"\n{good}')
    stage.run(*RUN)
    settings.write_text(good)
    return stage


def _keyed_wrongly(folder: Path, provider: Played) -> Stage:
    """A key that cannot travel, or has not the shape of one."""
    stage = _stage(folder, provider, DEFASTRA_API_KEY=f"{KEY}é", DFIRLAB_API_KEY=KEY)
    for operation in ("defastra.email", "dfirlab.email"):
        for flags in ((), ("--json",)):
            same(f"exit code of {operation}", stage.run("run", "list.csv", "-p", operation, *flags).code, 2)
    return stage


def _from_file(folder: Path, provider: Played) -> Stage:
    """The key in the file that settings name: in no environment, and shown as a name alone."""
    stage = _stage(folder, provider, DEFASTRA_API_KEY="")
    (folder / ".env").write_text(f"DEFASTRA_API_KEY={KEY}\n")
    (folder / ".env").chmod(0o600)
    stage.with_key = {".env"}
    same("exit code", stage.run(*RUN, "-v", "--env-file", ".env").code, 0)
    stage.read((("config", "show", "--env-file", ".env"), ("doctor", "--env-file", ".env")))
    return stage


def _from_command(folder: Path, provider: Played) -> Stage:
    """A program that fetches one account's key is not handed the other's."""
    stage = _stage(folder, provider)
    provider.well = Answer(status=200, body=b'{"status": true}')  # it knows the key of the account that asks, no other
    (folder / "fetch.py").write_text(
        "import os, pathlib\npathlib.Path('handed.txt').write_text(repr(dict(os.environ)))\nprint('another-fake-key')\n"
    )
    auth = f'{{ header = "X-API-KEY", secret = {{ command = {json.dumps([sys.executable, "fetch.py"])} }} }}'
    http = f'{{ base_url = "{provider.url}", auth = {auth} }}'
    _settle(stage, "", f'[providers.second]\nextends = "defastra"\nhttp = {http}\n')
    done = stage.run(*RUN, "-p", "second.email", "--batch", "list-defastra-email")
    same(f"exit code, with {done.err}", done.code, 0)
    holds("the program was not run", (folder / "handed.txt").exists())
    return stage


def _untrusted(folder: Path, _: Played) -> Stage:
    """A server whose certificate nobody signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(rude(polite, tls=context)) as server:
        stage = Stage(folder, server.url)
        stage.place.write_list([ADDRESS])
        same("exit code", stage.run(*RUN, "-v", "--log-file", "run.log").code, 4)
    return stage


def _travelling(auth: str) -> Scene:
    """The key in another place of the request, and echoed as it travels."""

    def scene(folder: Path, provider: Played) -> Stage:
        stage = _stage(folder, provider)
        _settle(stage, "timeout = 2", f'timeout = 2, auth = {{ {auth}, secret = {{ env = "DEFASTRA_API_KEY" }} }}')
        coded = base64.b64encode(f"api-user:{KEY}".encode()).decode()
        page = f"<html>?email={quote(ADDRESS)}&key={KEY} Authorization: Basic {coded} {coded.rstrip('=')}</html>"
        provider.next(ADDRESS, [lambda: _echo(502, page)] * 20)
        same("exit code", stage.run(*RUN, "-v", "--log-file", "run.log").code, 3)
        stage.run("explain", "list", ADDRESS, address=True)
        return stage

    return scene


def _settle(stage: Stage, old: str, new: str) -> None:
    """Change runner.toml; without `old` write behind its end."""
    path = stage.place.folder / "runner.toml"
    text = path.read_text()
    path.write_text(text.replace(old, new) if old else text + new)


def _stage(folder: Path, provider: Played, *, more: str = "", **environ: str) -> Stage:
    stage = Stage(folder, provider.url, environ={"DEFASTRA_API_KEY": KEY, **environ}, more=more)
    stage.place.write_list([ADDRESS, "another.person@example.com"])
    return stage


def _echo(status: int, text: str) -> Behaviour:
    return Behaviour(answer=Answer(status=status, headers=NAMED, body=text.encode()))


SCENES: dict[str, Scene] = {
    "success": _succeeded,
    "library": _embedded,
    "funds": _refused(_error("INSUFFICIENT_FUNDS"), 4, flags=("--progress", "json")),
    "wrong key": _refused(_error("INVALID_API_KEY"), 4, status=401, flags=("--json",)),
    "shape": _refused(_error("INVALID_PARAMETER"), 4),
    "blocked": _refused(PAGE, 4, status=403),
    "parked": _refused(_error("RATE_LIMITED_1_MINUTE"), 6, flags=("--json",)),
    "failed": _refused(_error("INVALID_REQUEST_EMAIL"), 3),
    "unknown": _refused(_error(f"{KEY} {ADDRESS}"), 3),
    "given up": _refused(_error("SYSTEM_ERROR"), 3, flags=("--progress", "plain")),
    "page for an answer": _refused(PAGE, 3),
    "page for an error": _refused(PAGE, 3, status=502),
    "cut": _refused(json.dumps(WELL)[:-30], 3),
    "doubted": _doubted,
    "killed": _killed,
    "crashed": _crashed,
    "mistyped": _mistyped,
    "set wrongly": _set_wrongly,
    "keyed wrongly": _keyed_wrongly,
    "from a file": _from_file,
    "from a command": _from_command,
    "untrusted": _untrusted,
    "basic": _travelling('basic = "api-user"'),
    "query": _travelling('query = "key"'),
}
