"""Column expressions: JMESPath with one function more, compiled into callables that never raise.

`keys_where(object, &expression)` lists the keys whose value the expression holds for, in the order of the answer.
JMESPath itself cannot reach the names of an object's members together with what they hold.

The library interprets its tree anew for every answer, and checks the types of arguments by their names. What columns
mostly consist of (paths, literals, `==` and three functions) is therefore turned into closures once; whatever else a
profile may say goes to the library's interpreter. A test holds both to the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.visitor import Options, TreeInterpreter

from runner.domain.provider import Expression


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
    evaluated = _compiled(jmespath.compile(text).parsed)

    def evaluate(value: Any) -> Any:
        try:
            return evaluated(value)
        except Exception:
            # A function given null raises, and so does whatever the provider sends tomorrow; the column is then empty.
            return None

    return evaluate


def _compiled(node: Any) -> Expression:
    """A node of the library's tree as a closure. It raises where the library would: a fault empties a whole column."""
    match node["type"]:
        case "identity" | "current":
            return lambda value: value
        case "literal":
            return lambda _: node["value"]
        case "field":
            return _field(node["value"])
        case "subexpression":
            return reduce(_then, map(_compiled, node["children"]))
        case "comparator" if node["value"] == "eq":
            left, right = map(_compiled, node["children"])
            equal = TreeInterpreter.COMPARATOR_FUNC["eq"]
            return lambda value: equal(left(value), right(value))
        case "function_expression" if node["value"] in _SHORT:
            return _SHORT[node["value"]](*map(_compiled, node["children"]))
        case "expref":
            condition = _compiled(node["children"][0])
            return lambda _: condition
    return lambda value: _INTERPRETER.visit(node, value)


def _then(first: Expression, second: Expression) -> Expression:
    return lambda value: second(first(value))


def _field(name: str) -> Expression:
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _length(given: Expression) -> Expression:
    return lambda value: len(_wanted(given(value), str, list, dict))


def _not_null(*given: Expression) -> Expression:
    # All are evaluated: one that cannot be makes the whole fail, as in the library.
    return lambda value: next((found for found in [one(value) for one in given] if found is not None), None)


def _keys_where(members: Expression, condition: Expression) -> Expression:
    def evaluate(value: Any) -> list[str]:
        found, test = _wanted(members(value), dict), condition(value)
        if not callable(test):  # no JSON value is: it was not written as `&expression`
            raise TypeError("keys_where() was given no expression")
        return [key for key, member in found.items() if _holds(test(member))]

    return evaluate


_SHORT: Final[Mapping[str, Callable[..., Expression]]] = {
    "length": _length,
    "not_null": _not_null,
    "keys_where": _keys_where,
}


def _wanted(value: Any, *types: type) -> Any:
    if type(value) not in types:
        raise TypeError("a function was given an argument of another type than it takes")
    return value


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
