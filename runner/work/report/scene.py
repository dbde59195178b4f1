"""What the parts of a report are made of: one moment of the database, and how its times and values are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from runner.domain.model import MILLION
from runner.domain.personal import clean, shown_name
from runner.domain.provider import Provider
from runner.errors import RunnerError
from runner.exports.page import Command
from runner.store.reporting import Figures
from runner.store.snapshot import Snapshot
from runner.store.values import BatchInfo, EventView
from runner.store.values import BatchStatus as StoredStatus
from runner.work.event_words import sentence
from runner.work.records import Record
from runner.work.results import BatchStatus
from runner.work.tools import Tools
from runner.work.words import local_time, offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One batch at one moment."""

    info: BatchInfo
    status: BatchStatus
    stored: StoredStatus
    figures: Figures
    moment: Snapshot
    tools: Tools
    now_us: int

    @property
    def files(self) -> Mapping[str, str]:
        """Profile files by provider name."""
        files: Mapping[str, str] = self.info.source.get("profiles", {})
        return files

    @property
    def source(self) -> str:
        """The list: its file without the folder, which is nobody else's business."""
        return shown_name(clean(PurePath(self.status.source).name or self.status.source))

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the batch's providers, in the order of its operations."""
        return tuple(dict.fromkeys(key.partition(".")[0] for key in self.info.operations))

    def title(self, provider: str) -> str:
        """A provider as people call it; with its name, where two accounts are called the same."""
        titles = {name: self.tools.profiles.title(name, self.files) for name in (*self.providers, provider)}
        title = titles[provider]
        return f"{title} ({provider})" if list(titles.values()).count(title) > 1 else title

    def profile(self, provider: str) -> Provider | None:
        """As it is today; None: it is gone, or wrong by now."""
        try:
            return self.tools.profiles.provider(self.files.get(provider, provider))
        except RunnerError:
            return None

    def command(self, words: str, options: str = "") -> Command:
        """`runner WORDS BATCH OPTIONS`, aimed at this database."""
        behind = f" {options}" if options else ""
        return Command(text=f"runner {words} {self.info.typed}{self.tools.settings.typed}{behind}")

    def at(self, at_us: int) -> str:
        """An instant, local; with its offset from UTC where that is not the page's."""
        zone = offset(at_us)
        return local_time(at_us) if zone == offset(self.now_us) else f"{local_time(at_us)} {zone}"

    @property
    def zone(self) -> str:
        """What the page's times are, in words."""
        zone = offset(self.now_us)
        return "UTC" if zone == "UTC" else f"local, UTC{zone}"

    def tell(self, event: EventView) -> str:
        """An event in its sentence."""
        record = Record(
            at_us=event.at_us,
            run=event.run,
            batch=event.batch,
            handle=None,
            provider=event.lane,
            title=self.title(event.lane) if event.lane else None,
            event=event.event,
            detail=event.detail,
        )
        return sentence(record)

    def ticks(self) -> tuple[str, ...]:
        """The times along the axis, at equal distances."""
        axis = self.figures.axis
        if axis is None:
            return ()
        parts = min(4, axis.steps)
        instants = [axis.start_us + (axis.end_us - axis.start_us) * place // parts for place in range(parts + 1)]
        texts = [local_time(at) for at in instants]
        length = (axis.end_us - axis.start_us) / MILLION
        if texts[0][:10] == texts[-1][:10]:
            return tuple(text[11:] if length < _SECONDS_TOLD else text[11:16] for text in texts)
        return tuple(text[5:10] if length > _DAYS_TOLD else text[5:16] for text in texts)


_SECONDS_TOLD = 600
_DAYS_TOLD = 20 * 86_400
