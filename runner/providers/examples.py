"""A profile's examples put to its own rules: what `runner providers test` shows, and what the loader insists on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from runner.domain.model import Verdict
from runner.domain.provider import Example, Operation, Provider
from runner.domain.rules import classify


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleResult:
    """One example at one operation: which rule it should lead to, and the verdict it got."""

    number: int  # its place in the profile, from 1
    example: Example
    operation: str  # "defastra.email"
    tried: Operation  # the same, with the example's `safe` in place of its own
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """Whether the rule is the one the example names."""
        return self.verdict.rule == self.example.rule


def check_examples(provider: Provider, examples: Iterable[tuple[int, Example]] | None = None) -> list[ExampleResult]:
    """Every example at its operation, or at each operation where it names none. `examples`: these, with their numbers,
    instead of the provider's own.
    """
    numbered = enumerate(provider.examples, start=1) if examples is None else examples
    return [result for number, example in numbered for result in run_example(provider, example, number)]


def run_example(provider: Provider, example: Example, number: int) -> list[ExampleResult]:
    """One example at its operations; `safe` in the example stands for an operation that is, or is not."""
    chosen = [
        operation
        for name, operation in provider.operations.items()
        if example.operation is None or example.operation == name
    ]
    results = []
    for operation in chosen:
        tried = operation if example.safe is None else replace(operation, safe=example.safe)
        verdict = classify(provider, tried, example.answer)
        results.append(
            ExampleResult(number=number, example=example, operation=operation.key, tried=tried, verdict=verdict)
        )
    return results
