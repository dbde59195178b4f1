"""Programs that tell somebody: how long they may take, and what their ends mean."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import anyio
import pytest

from runner.domain.occasions import Occasion
from runner.settings import Secret
from runner.transport import apprise_program
from runner.work import means
from runner.work.means import Apprise, Command, Means
from runner.work.message import Message
from tests.virtual import run_virtual

MESSAGE = Message(
    id="a" * 16, occasion=Occasion.FINISH, at_us=0, batch="leads", run=1, provider=None, reason=None, status=None
)


def environment() -> Mapping[str, str]:
    """No variable at all."""
    return {}


@pytest.mark.parametrize("telling", [Command(["./tell"], environment), Apprise(Secret("tgram://x"), environment)])
def test_a_program_that_never_ends_has_a_minute(monkeypatch: pytest.MonkeyPatch, telling: Means) -> None:
    """Then it is ended, and the line says after how long."""

    async def hangs(_: Sequence[str], *, stdin: bytes, environment: Mapping[str, str], seconds: float) -> None:
        await anyio.sleep(seconds)

    async def told() -> tuple[str | None, float]:
        return await telling.tell(MESSAGE), anyio.current_time()

    monkeypatch.setattr(means, "run_program", hangs)
    why, took = run_virtual(told)
    assert took == pytest.approx(60)
    assert (why or "").endswith("it took longer than 60 s")


@pytest.mark.parametrize(
    ("knows", "tells", "why"),
    [
        (True, True, None),
        (True, False, "somebody could not be told"),
        (False, True, "it does not know one of the addresses"),
    ],
)
def test_apprise_says_who_was_not_told(
    monkeypatch: pytest.MonkeyPatch, knows: bool, tells: bool, why: str | None
) -> None:
    """An address of no kind it knows, or one that refused: each is told by an exit code of its program."""
    heard: list[dict[str, str]] = []

    class Library:
        def add(self, urls: str) -> bool:
            return knows

        def notify(self, **words: str) -> bool:
            heard.append(words)
            return tells

    async def inside(_: Sequence[str], *, stdin: bytes, environment: Mapping[str, str], seconds: float) -> int:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
        return apprise_program.main()

    monkeypatch.setitem(sys.modules, "apprise", SimpleNamespace(Apprise=Library))
    monkeypatch.setattr(means, "run_program", inside)

    async def told() -> str | None:
        return await Apprise(Secret("tgram://x"), environment).tell(MESSAGE)

    assert run_virtual(told) == why
    assert [words["title"] for words in heard] == (["runner: leads: is done"] if knows else [])
