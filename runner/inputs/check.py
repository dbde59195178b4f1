"""The checker of a parameter, by its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Final, assert_never

from runner.domain.file_value import most_bytes
from runner.domain.provider import Input, InputKind
from runner.inputs.cell import EMPTY, Accepted, Checker, Refused, trim

HERE: Final = Path()
"""Where relative paths start if nobody says otherwise: the current folder."""


def checker(parameter: Input, *, region: str | None = None, folder: Path = HERE) -> Checker:
    """How cells of this parameter are checked and normalised.

    `region` is the list's country, ISO 3166 alpha-2 (`GB`); a row's own region, given with the cell, goes before it.
    `folder` is the list's, where its files are. Raises InputError if `region` is not a country with telephones.
    """
    check = _by_kind(parameter, region, folder)
    return check if parameter.max is None or parameter.kind is InputKind.FILE else _at_most(parameter.max, check)


def sample_checker(parameter: Input, *, region: str | None = None, folder: Path = HERE) -> Checker:
    """As `checker`, for telling what a column holds: a file is looked for, but not read."""
    if parameter.kind is InputKind.FILE:
        from runner.inputs.files import file_glance

        return file_glance(folder=folder, most_bytes=most_bytes(parameter))
    return checker(parameter, region=region)


def given_checker(parameter: Input, *, region: str | None = None, folder: Path = HERE) -> Checker:
    """As `checker`, for a value that the user typed and no list: a file may be anywhere."""
    if parameter.kind is InputKind.FILE:
        from runner.inputs.files import file_checker

        return file_checker(folder=folder, most_bytes=most_bytes(parameter), anywhere=True)
    return checker(parameter, region=region)


def _by_kind(parameter: Input, region: str | None, folder: Path) -> Checker:
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
        case InputKind.FILE:
            from runner.inputs.files import file_checker

            return file_checker(folder=folder, most_bytes=most_bytes(parameter))
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
