"""Files sent: byte for byte what the list was loaded with, or nothing at all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.file_value import FileValue
from runner.domain.model import Request
from runner.domain.provider import Auth, Http, Input, InputKind, Operation
from runner.engine.ports import UnsendableError
from runner.transport.template import render
from tests.transport.conftest import ATTEMPT, Connect

HTTP = Http(base_url="https://api.example.com", auth=Auth(kind="none"))
MOST = 1000
JSON = Operation(
    provider="acme",
    name="scan",
    column_prefix="acme_scan_",
    method="POST",
    path="/scan",
    inputs=(
        Input(name="message", kind=InputKind.FILE, max=MOST),
        Input(name="note", kind=InputKind.TEXT, required=False),
    ),
    json={"raw": "{message}", "options": {"note": "{note?}"}},
)
FORM = replace(JSON, json=None, form={"raw": "{message}", "note": "{note?}"})


def kept(path: Path, content: bytes) -> str:
    """Write a file, and what a job keeps of it."""
    path.write_bytes(content)
    return FileValue(hashlib.sha256(content).hexdigest(), str(path)).text


def rendered(operation: Operation, **params: str) -> Request:
    """Render with a fixed attempt id."""
    return render(HTTP, operation, params, attempt_id="abcdefghijklmnop")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the file is written anew each time
@given(content=st.binary(min_size=1, max_size=MOST) | st.text(min_size=1, max_size=MOST // 4).map(str.encode))
def test_every_byte_of_a_file_survives(tmp_path: Path, content: bytes) -> None:
    """UTF-8 arrives as its text and anything else with a character for each byte, in JSON and in a form."""
    value = kept(tmp_path / "one.eml", content)
    raw = json.loads(rendered(JSON, message=value).body)["raw"]
    (field,) = parse_qs(rendered(FORM, message=value).body.decode(), keep_blank_values=True)["raw"]
    assert raw == field
    assert content in (raw.encode(), raw.encode("latin-1", "replace"))


def test_a_file_is_data_wherever_it_goes(tmp_path: Path) -> None:
    """Placeholders, quotes and braces in a file are its content; the other values stay in their places."""
    content = 'From: "{note}" <{message}>\r\n\r\n{"x": 1}, \x00'
    request = rendered(JSON, message=kept(tmp_path / "one.eml", content.encode()), note="mine")
    assert json.loads(request.body) == {"raw": content, "options": {"note": "mine"}}


def test_a_body_is_no_larger_than_it_must(tmp_path: Path) -> None:
    """Text beyond ASCII travels as UTF-8 and not in escapes of six bytes: providers limit the size."""
    content = "Привет " * 50
    body = rendered(JSON, message=kept(tmp_path / "one.eml", content.encode())).body
    assert len(body) < len(content.encode()) + 50


@pytest.mark.parametrize("change", [b"x", b"hello!", b"", b"h" * (MOST + 1)])
def test_a_file_that_changed_is_not_sent(tmp_path: Path, change: bytes) -> None:
    """One byte more, less or other: the row fails, and neither path nor content is told."""
    value = kept(tmp_path / "anna.eml", b"hello")
    (tmp_path / "anna.eml").write_bytes(change)
    with pytest.raises(UnsendableError, match=r"^the file of message changed") as told:
        rendered(JSON, message=value)
    assert told.value.reason == "file-changed"


def test_a_file_that_is_gone_is_told_apart(tmp_path: Path) -> None:
    """Gone itself, or with its folder."""
    folder = tmp_path / "box"
    folder.mkdir()
    value = kept(folder / "anna.eml", b"hello")
    (folder / "anna.eml").unlink()
    for _ in range(2):
        with pytest.raises(UnsendableError, match=r"^the file of message is gone$") as told:
            rendered(JSON, message=value)
        assert told.value.reason == "file-missing"
        if folder.is_dir():
            folder.rmdir()
            folder.write_text("a file where the folder was")


@pytest.mark.parametrize(
    "take", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["folder", "pipe", "device"]
)
def test_what_took_the_place_of_a_file_is_never_waited_for(tmp_path: Path, take: Callable[[Path], None]) -> None:
    """A folder, a pipe without a writer, a link to a device: changed, and at once."""
    path = tmp_path / "one.eml"
    value = kept(path, b"hello")
    path.unlink()
    take(path)
    with pytest.raises(UnsendableError) as told:
        rendered(JSON, message=value)
    assert told.value.reason == "file-changed"


def test_a_file_that_cannot_be_read_is_a_matter_of_its_row(tmp_path: Path) -> None:
    """Links in a circle can be opened by nobody."""
    path = tmp_path / "one.eml"
    value = kept(path, b"hello")
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(UnsendableError, match=r"^the file of message cannot be read: ") as told:
        rendered(JSON, message=value)
    assert told.value.reason == "file-unreadable"
    assert str(tmp_path) not in str(told.value)


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "sha256:abc /etc/passwd", f"sha256:{'g' * 64} /x", f"sha256:{'0' * 64} "]
)
def test_a_value_that_is_no_file_stops_everything(text: str) -> None:
    """Without a digest nothing is ever read: no reason, so that the lane halts."""
    with pytest.raises(UnsendableError, match="names no file") as told:
        rendered(JSON, message=text)
    assert told.value.reason is None


@given(path=st.text(st.characters(exclude_characters="\0"), min_size=1).map("/".__add__))
def test_digest_and_path_are_read_back(path: str) -> None:
    """Whatever a path holds: spaces, line breaks, marks."""
    value = FileValue("0123456789abcdef" * 4, path)
    assert FileValue.parse(value.text) == value


@pytest.mark.anyio
async def test_a_large_file_that_is_refused_on_its_way_is_an_answer(tmp_path: Path, connect: Connect) -> None:
    """A server that says 413 after the head of the request, and reads on, is heard."""
    content = bytes(range(256)) * 8000
    most = replace(JSON, inputs=(replace(JSON.inputs[0], max=len(content)),))
    done = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        while await reader.read(65536):
            pass
        writer.close()
        done.set()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with connect(url) as transport:
            request = transport.prepare(most, {"message": kept(tmp_path / "a", content)}, attempt_id=ATTEMPT)
            answer = await transport.send(request)
        await done.wait()
    assert len(request.body) > 3_000_000
    assert (answer.status, answer.body) == (413, b"{}")
