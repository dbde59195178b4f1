"""The checker of a parameter, by its kind."""

from __future__ import annotations

from typing import assert_never

from runner.domain.provider import Input, InputKind
from runner.inputs.cell import EMPTY, Accepted, Checker, Refused, trim


def checker(parameter: Input, *, region: str | None = None) -> Checker:
    """How cells of this parameter are checked and normalised.

    `region` is the list's country, ISO 3166 alpha-2 (`GB`); a row's own region, given with the cell, goes before it.
    Raises InputError if `region` is not a country with telephones.
    """
    check = _by_kind(parameter, region)
    return check if parameter.max is None else _at_most(parameter.max, check)


def _by_kind(parameter: Input, region: str | None) -> Checker:
    # The libraries behind e-mails and phones take a tenth of a second to load: only when a list has them.
    match parameter.kind:
        case InputKind.EMAIL:
            from runner.inputs.emails import email_checker

            return email_checker(keep_case=parameter.keep_case)
        case InputKind.PHONE:
            from runner.inputs.phones import phone_checker

            return phone_checker(send=parameter.send, region=region)
        case InputKind.DOMAIN:
            from runner.inputs.emails import check_domain

            return check_domain
        case InputKind.TEXT:
            return _check_text
        case InputKind.CHOICE:
            return _choice_checker(parameter.of)
        case _:
            assert_never(parameter.kind)


def _check_text(cell: str, _region: str | None) -> Accepted | Refused:
    return Accepted(cell, cell) if trim(cell) else EMPTY


def _choice_checker(choices: tuple[str, ...]) -> Checker:
    by_folded = {choice.casefold(): choice for choice in choices}

    def check(cell: str, _region: str | None) -> Accepted | Refused:
        text = trim(cell)
        if not text:
            return EMPTY
        choice = by_folded.get(text.casefold())
        return Refused("choice") if choice is None else Accepted(choice, choice)

    return check


def _at_most(limit: int, check: Checker) -> Checker:
    def bounded(cell: str, region: str | None) -> Accepted | Refused:
        result = check(cell, region)
        if isinstance(result, Accepted) and len(result.sent) > limit:
            return Refused("too-long")
        return result

    return bounded
