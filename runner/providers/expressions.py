"""Column expressions: JMESPath with one function more, compiled into callables that never raise.

`keys_where(object, &expression)` lists the keys whose value the expression holds for, in the order of the answer.
JMESPath itself cannot reach the names of an object's members together with what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.visitor import Options, TreeInterpreter

from runner.domain.body import lookup
from runner.domain.provider import Expression

_PLAIN_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


class _Functions(functions.Functions):
    @functions.signature({"types": ["object"]}, {"types": ["expref"]})
    def _func_keys_where(self, members: dict[str, Any], expression: Any) -> list[str]:
        return [key for key, value in members.items() if _holds(expression.visit(expression.expression, value))]


# One for all expressions: it keeps nothing of a value, and a new one for each search costs more than most searches.
_INTERPRETER = TreeInterpreter(Options(custom_functions=_Functions()))


def fault_of(text: str) -> str | None:
    """Why a text is no usable expression, or None: its grammar, unknown functions, wrong numbers of arguments."""
    try:
        return _fault_in(jmespath.compile(text).parsed)
    except JMESPathError as error:
        # "Invalid jmespath expression: Incomplete expression:", then the expression and a caret on further lines.
        first = str(error).splitlines()[0].rstrip(":. ").removesuffix(", for expression")
        return f"not JMESPath: {first.partition('expression: ')[2] or first}"
    except RecursionError:
        return "not JMESPath: nested too deeply"


def compile_expression(text: str) -> Expression:
    """A callable from a parsed body to a JSON value; what cannot be evaluated is None. Wants a text without fault."""
    if _PLAIN_PATH.fullmatch(text):
        return lambda value: lookup(value, text)  # the same meaning as JMESPath's, at a tenth of the time
    tree = jmespath.compile(text).parsed

    def evaluate(value: Any) -> Any:
        try:
            return _INTERPRETER.visit(tree, value)
        except Exception:
            # A function given null raises, and so does whatever the provider sends tomorrow; the column is then empty.
            return None

    return evaluate


def _fault_in(node: Mapping[str, Any]) -> str | None:
    if node["type"] == "function_expression":
        fault = _fault_of_call(node["value"], len(node["children"]))
        if fault:
            return fault
    faults = (_fault_in(child) for child in node["children"] if isinstance(child, dict))
    return next((fault for fault in faults if fault), None)


def _fault_of_call(name: str, given: int) -> str | None:
    known = _Functions.FUNCTION_TABLE.get(name)
    if known is None:
        return f"JMESPath has no function {name}()"
    signature = known["signature"]
    variadic = bool(signature) and signature[-1].get("variadic", False)
    if given < len(signature) or (given > len(signature) and not variadic):
        return f"{name}() takes {len(signature)} arguments, not {given}"
    return None


def _holds(value: Any) -> bool:
    """JMESPath's truth: null, false and whatever is empty do not hold; 0 does."""
    return not (value is None or value is False or (isinstance(value, str | list | dict) and not value))
