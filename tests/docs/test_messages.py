"""Every error of this package for people: what, why and fix, and the fix can be typed or done as it stands."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import errors
from tests.docs.commands import real
from tests.docs.pages import ROOT

KINDS = {name for name, value in vars(errors).items() if isinstance(value, type)}
# Somebody who reads a fix wants to be told what to do, not to be sent looking.
NO_FIX = ("check", "look", "see", "choose", "leave", "did you", "correct", "try", "use ", "make sure", "verify")
COMMANDS = real()
OPTIONS = {option for command in COMMANDS for option in command.options} | {"--help", "--version"}
WORDS = {words for command in COMMANDS for words in (command.words, command.words.split()[0])}
NOT_OURS = {"--upgrade"}  # of pip


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every file of the package, parsed."""
    for path in sorted((ROOT / "runner").rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def made() -> Iterator[tuple[str, ast.Call]]:
    """Where an error of ours is made, raised at once or returned to whoever raises it."""
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in KINDS:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def can_be_empty(node: ast.expr | None) -> bool:
    """Whether a text is missing, or may turn out empty: `""`, `x or ""`, `x if y else ""`."""
    match node:
        case None:
            return True
        case ast.Constant(value=str(text)):
            return not text.strip()
        case ast.BoolOp(op=ast.Or()):
            return can_be_empty(node.values[-1])
        case ast.IfExp():
            return can_be_empty(node.body) or can_be_empty(node.orelse)
        case _:
            return False


def beginning(node: ast.expr) -> str:
    """The text a message begins with, as far as it is written down: `""` where it begins with a value."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text
        case ast.BoolOp() | ast.IfExp():
            parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
            return next(filter(None, map(beginning, parts)), "")
        case _:
            return ""


@pytest.mark.parametrize(("where", "call"), [pytest.param(*one, id=one[0]) for one in made()])
def test_an_error_says_what_why_and_how_to_mend_it(where, call):
    """Each is made with all three parts, none of which can be empty; the fix is something to type or to do."""
    parts = {keyword.arg: keyword.value for keyword in call.keywords}
    assert not can_be_empty(call.args[0] if call.args else None), f"{where}: what"
    assert not can_be_empty(parts.get("why")), f"{where}: why"
    assert not can_be_empty(parts.get("fix")), f"{where}: fix"
    assert not beginning(parts["fix"]).lower().startswith(NO_FIX), f"{where}: {beginning(parts['fix'])}"


def test_an_error_without_a_fix_is_found_out():
    """The test above can fail: each way of leaving a part empty is seen."""
    for text in ('""', 'x or ""', 'x if y else ""'):
        assert can_be_empty(ast.parse(text, mode="eval").body)
    assert not can_be_empty(ast.parse('x or "y"', mode="eval").body)
    assert beginning(ast.parse('f"check {x}"', mode="eval").body).startswith(NO_FIX)


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text of a module but its docstrings, `{}` standing for the values in it."""
    parents = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(text) for node in ast.walk(tree) if isinstance(node, parents) for text in docstring(node.body)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inner:
            yield node.lineno, node.value


def test_no_command_in_a_text_pipes_its_words():
    """`--as charged|resend`, pasted, runs `--as charged`: a command for each word instead."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path, tree in modules()
        for line, text in texts(tree)
        if re.search(r"\brunner [a-z]+ [^`\n]*\w\|\w", text) or re.search(r"--[a-z]+ \w[\w-]*\|\w", text)
    ]
    assert not found, "\n".join(found)


def docstring(body: list[ast.stmt]) -> list[ast.expr]:
    """The docstring that a body begins with, if it does."""
    first = body[0] if body else None
    return [first.value] if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else []


def test_no_text_names_a_command_or_option_that_is_not_there():
    """`runner WORD` and `--option`, wherever a message or a profile's advice says them, can be typed."""
    found = [
        (f"{path.relative_to(ROOT)}:{line}", text)
        for path, tree in modules()
        if path.name not in {"crash.py", "states.py", "endings.py", "generated.py"}  # of the tools around it
        for line, text in texts(tree)
    ]
    for profile in (ROOT / "runner" / "providers").glob("*.toml"):
        found.append((profile.name, "\n".join(re.findall(r'^advice = "(.*)"$', profile.read_text(), re.MULTILINE))))
    wrong = [
        f"{where}: {word}"
        for where, text in found
        for word in [
            *(
                one
                for one in re.findall(r"(?<![\w-])--[a-z][a-z-]*(?![a-z-])(?<!-)", text)
                if one not in OPTIONS | NOT_OURS
            ),
            *(
                one
                for one in re.findall(r"(?<!a )\brunner ([a-z]+)(?= [A-Z{.]| [a-z]+ [A-Z{]|`|$)", text)
                if one not in WORDS
            ),
        ]
    ]
    assert not wrong, "\n".join(wrong)
