"""What in a profile may be meant otherwise than it will be read. A note is no mistake: the profile can be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runner.domain.body import parse_body
from runner.domain.model import Action
from runner.providers.compile import SAFE_METHODS
from runner.providers.draft import Draft
from runner.providers.examples import ExampleResult
from runner.providers.expressions import compile_expression
from runner.providers.loader import Source, looks_like_a_file, shipped_names
from runner.providers.mistakes import Mistakes, quoted


def notes_on(source: Source, draft: Draft, mistakes: Mistakes, results: Sequence[ExampleResult]) -> tuple[str, ...]:
    """One line each: file, key, and what to say so that it is clear. `results`: of the profile's own examples."""
    notes = replace(mistakes, lines=[])  # spelt as mistakes are
    _note_name(source, draft, notes)
    for name, table in draft.operations.items():
        if table.method in SAFE_METHODS and table.safe is None and (table.price_max or table.price):
            notes.add(
                ("operations", name),
                f"it has a price, and a {table.method} is sent again by itself where no answer came: say safe = false "
                "if repeating it costs again, safe = true if not",
            )
        _note_columns(name, draft, notes, results)
    return tuple(notes.lines)


def _note_name(source: Source, draft: Draft, notes: Mistakes) -> None:
    name = draft.top.name if draft.top is not None else ""
    if name in shipped_names() and looks_like_a_file(source.target):
        notes.add(
            ("name",),
            f"a shipped provider is called {quoted(name)} too: the max_spend_per_day of [providers.{name}] caps both, "
            "all else in that table changes the shipped one alone",
        )


def _note_columns(name: str, draft: Draft, notes: Mistakes, results: Sequence[ExampleResult]) -> None:
    """Columns that stay empty in every example of a success: rows are paid before anybody sees that."""
    answers = [one.example.answer for one in results if one.tried.name == name and one.verdict.action is Action.SUCCEED]
    bodies = [parsed.value for answer in answers if (parsed := parse_body(answer)).readable]
    for column, text in draft.operations[name].columns.items():
        evaluate = compile_expression(text)
        if bodies and all(evaluate(body) is None for body in bodies):
            notes.add(
                ("operations", name, "columns", column),
                f"{quoted(text)} finds nothing in any example that succeeds: is the path right, or an example missing?",
            )
