"""A batch as a person reads it: its state, what a run would do, how one ended. Returns text; prints nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runner.cli.text import clean, count, listed, moment, number
from runner.domain.states import BatchState, JobState
from runner.domain.typed import typed_name
from runner.work.money import costs_text
from runner.work.money_words import (
    charged_texts,
    cut_off_text,
    saved_text,
    sent_text,
    today_text,
    twice_text,
    unknown_text,
    wallet_texts,
)
from runner.work.results import BatchStatus, Halt, Loaded, RunResult
from runner.work.state_words import counts_text, halted, meaning, state_text
from runner.work.status import CUT_OFF

_WAITING = {
    "gated": "asked to wait",
    "circuit": "fails: one request is tried at a time",
    "parked": "resets later",
    "unreachable": "is not there: looked for again",
}
"""What a provider that is waited for does, by the reason or the state of its lane."""

_NAMED = "^(runner (?:run|status|resume|export|doubt list) )"
"""What a batch's name may be shortened behind. Not behind `load --batch`: that would be another batch."""


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns by their longest cell, two spaces between, no rules: readable and easy to cut."""
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Indented names and values; an empty value is left out."""
    return "\n".join(f"  {name:<9} {value}" for name, value in pairs if value)


def halt_text(halt: Halt) -> str:
    """The provider's words, what they mean, and what to do about it."""
    return facts(
        [
            ("halted", halted(halt)),
            ("means", f"{meaning(halt.reason)}; nothing waiting was failed or charged for it"),
            ("do", clean(halt.advice or "")),
        ]
    )


def status_text(status: BatchStatus) -> str:
    """One batch in full."""
    lines = [
        f"{status.batch}: {state_text(status)}",
        facts(
            [
                ("list", f"{_source_text(status.source)}, {count(status.rows, 'row')}, {listed(status.operations)}"),
                ("requests", counts_text(status.outcomes)),
                *((name, counts_text(counts)) for name, counts in _of_several(status)),
                ("refused", f"{count(status.not_sent, 'cell')}, not sent" if status.not_sent else ""),
                ("sent", sent_text(status)),
                ("cut off", cut_off_text(status)),
                ("unknown", unknown_text(status)),
                ("twice", twice_text(status)),
                *(("charged", text) for text in charged_texts(status)),
                ("saved", saved_text(status)),
                *(("wallet", text) for text in wallet_texts(status.wallets)),
                *(("today", today_text(one)) for one in status.today),
                ("waiting", ", ".join(_waits(status))),
                ("ready by", f"about {moment(status.eta_us)}" if status.eta_us else ""),
            ]
        ),
        *(halt_text(halt) for halt in status.halts),
        go_on_text(status),
    ]
    return "\n".join(line for line in lines if line)


def _waits(status: BatchStatus) -> Iterable[str]:
    """The providers that are waited for. What a provider asked for holds for the next run too; after one that fails
    nobody looks unless somebody is at work."""
    over = status.state in (BatchState.COMPLETED, BatchState.CANCELLED)
    at_work = status.state is BatchState.RUNNING and status.reason != CUT_OFF
    for lane in status.lanes:
        if lane.state in _WAITING and not over and (at_work or lane.state != "circuit"):
            until = f", until {moment(lane.until_us)}" if lane.until_us else ""
            yield f"{lane.provider} {_WAITING.get(str(lane.reason), _WAITING[lane.state])}{until}"


def _of_several(status: BatchStatus) -> Iterable[tuple[str, Mapping[JobState, int]]]:
    """The providers of a batch that asks more than one: one may be halted while another is through."""
    return status.by_provider.items() if len(status.by_provider) > 1 else ()


def _source_text(source: str) -> str:
    return near(Path(source)) if source.startswith("/") else clean(source)


def next_text(command: str, why: str) -> str:
    """The next command, with its reason. A folder in it may be called anything: what it is called moves no cursor."""
    command, why = clean(command), clean(why)
    return facts([("next", f"{command}{f'   ({why})' if why else ''}")]) if command else facts([("next", why)])


def go_on_text(status: BatchStatus) -> str:
    """The next command of a batch, named as shortly as can be."""
    short = typed_name(status.handle)
    named = _NAMED + re.escape(typed_name(status.batch)) + r"(?= |$)"
    command = re.sub(named, lambda found: f"{found[1]}{short}", status.next.command)
    return next_text(command, status.next.why)


def overview_next(batches: Sequence[BatchStatus]) -> str:
    """What comes next over all batches: first what is in doubt, in whatever batch; then the one last worked on."""
    doubtful = [status for status in batches if status.outcomes[JobState.IN_DOUBT]]
    last = go_on_text(batches[0])
    if not doubtful or batches[0].next.command.startswith("runner doubt"):
        return last
    many = sum(status.outcomes[JobState.IN_DOUBT] for status in doubtful)
    what = "1 request is" if many == 1 else f"{number(many)} requests are"
    which = f" {typed_name(doubtful[0].handle)}" if len(doubtful) == 1 else ""
    may = "it may have been charged" if many == 1 else "they may have been charged"
    return f"{next_text(f'runner doubt list{which}', f'{what} in doubt: {may}.')}\n{last}"


def batches_text(batches: Sequence[BatchStatus]) -> str:
    """All batches, one a line, then what to do next about the first."""
    rows = [("batch", "state", "rows", "waiting", "failed", "in doubt", "charged")]
    rows += [
        (
            status.batch,
            state_text(status),
            number(status.rows),
            number(status.outcomes[JobState.QUEUED] + status.outcomes[JobState.RUNNING]),
            number(status.outcomes[JobState.FAILED]),
            number(status.outcomes[JobState.IN_DOUBT]),
            costs_text(status.charged),
        )
        for status in batches
    ]
    return table(rows)


def loaded_text(loaded: Loaded) -> str:
    """What an import came to."""
    verb = "loaded" if loaded.created else "continued"
    added = f", {number(loaded.added_rows)} of them new" if loaded.added_rows and not loaded.created else ""
    return "\n".join(
        line
        for line in [
            f"{loaded.batch}: {verb}",
            facts(
                [
                    ("list", f"{count(loaded.rows, 'row')}{added}"),
                    *(("column", clean(column)) for column in dict.fromkeys(loaded.columns)),
                    ("countries", countries_text(loaded.countries)),
                    ("requests", f"{number(loaded.jobs)}, {count(loaded.shared, 'row')} shared with an earlier one"),
                    ("refused", invalid_text(loaded.invalid)),
                    *(("note", clean(notice)) for notice in loaded.notices),
                ]
            ),
        ]
        if line
    )


def invalid_text(invalid: Mapping[str, int]) -> str:
    """Refused cells by reason: `2 empty, 1 email`."""
    return ", ".join(f"{number(figure)} {reason.removeprefix('invalid:')}" for reason, figure in invalid.items())


def countries_text(countries: Mapping[str, int]) -> str:
    """The countries of the phones that were read, the most frequent first: `US 812, DE 40, unknown 3`."""
    most = sorted(countries.items(), key=lambda pair: (pair[0] == "unknown", -pair[1], pair[0]))
    return ", ".join(f"{name} {number(figure)}" for name, figure in most)


def ended_text(result: RunResult, doubt: str) -> str:
    """How a run ended: what it sent, how the batch stands, where the rows are, and what comes next."""
    status = result.status
    this_run = f"{number(result.charged)} charged, {number(result.not_charged)} not charged"
    unknown = f", {number(result.in_doubt)} in doubt" if result.in_doubt else ""
    again = [
        f"{count(result.requeued, 'failure')} that could pass were queued again" if result.requeued else "",
        f"{count(result.released, 'request')} in doubt were queued again" if result.released else "",
    ]
    reused = f"{count(result.reused, 'answer')} of other batches taken, not sent" if result.reused else ""
    lines = [
        f"{status.batch}: {state_text(status)}",
        facts(
            [
                ("sent", f"{count(result.sent, 'request')} now: {this_run}{unknown}"),
                ("again", listed(filter(None, again))),
                ("reused", reused),
                ("in all", f"{count(status.rows, 'row')}; requests: {counts_text(status.outcomes)}"),
                ("refused", f"{count(status.not_sent, 'cell')}, not sent" if status.not_sent else ""),
                ("unknown", unknown_text(status)),
                ("twice", twice_text(status)),
                *(("charged", text) for text in charged_texts(status, result.receipt)),
                ("saved", saved_text(status)),
                *(("wallet", text) for text in wallet_texts(one for one in status.wallets if one.run == result.run)),
                *(("today", today_text(one)) for one in status.today),
                ("file", _file_text(result)),
                *(("note", clean(notice)) for notice in result.notices),
            ]
        ),
        *(halt_text(halt) for halt in status.halts),
        doubt,
        _after_text(result),
    ]
    return "\n".join(line for line in lines if line)


def _after_text(result: RunResult) -> str:
    """What comes after a run: nothing, where all is well and the rows are written."""
    delivered = result.target == "-" or (result.exported is not None and not result.exported.diverted)
    complete = result.status.state is BatchState.COMPLETED and result.exit_code == 0
    if complete and delivered and result.status.next.command.startswith("runner export"):
        return next_text("", f"nothing to do: {result.status.next.why[:1].lower()}{result.status.next.why[1:]}")
    return go_on_text(result.status)


def _file_text(result: RunResult) -> str:
    if result.exported is None or result.exported.path is None:
        return ""
    file = near(result.exported.path)
    if result.exported.diverted:
        return f"{file} (the file itself could not be replaced: is it open in another program?)"
    return file


def near(path: Path) -> str:
    """A path as one would type it here, fit to be shown."""
    here = Path.cwd()
    return clean(str(path.relative_to(here) if path.is_relative_to(here) else path))
