"""Arguments of a call to an op or a block: which parameter each one is for, and its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ofadsl.compiler import syntax
from ofadsl.compiler.blame import given, origin, shown
from ofadsl.compiler.evaluate import Evaluator
from ofadsl.compiler.rules import kind
from ofadsl.compiler.scope import Place, Scope, Written
from ofadsl.expr import UNKNOWN, Const, Expr, Var, apply, static
from ofadsl.ops import Arg

Defaults = Mapping[str, Mapping[str, Written]]


def bind(
    call: syntax.Call, parameters: Sequence[str], scope: Scope, defaults: Defaults
) -> dict[str, Written]:
    """Return the expression written for each parameter; what is written wrongly is left out."""
    # A scope of its own for each call: a set in a default is a dimension of each call.
    result = {
        name: (expr, given.inner())
        for name, (expr, given) in defaults.get(call.callee.text, {}).items()
    }
    positional = 0
    for argument in call.arguments:
        if argument.name is not None:
            name = argument.name.text
        elif positional < len(parameters):
            name = parameters[positional]
            positional += 1
        else:
            continue
        if name in parameters:
            result[name] = (argument.value, scope)
    return result


def op_value(arg: Arg, written: Written | None, evaluator: Evaluator, place: Place) -> Expr:
    """Return the value of an argument of an op, of the kind that the op takes."""
    if written is None:
        return UNKNOWN if arg.default is None else Const(arg.default)
    expr, scope = written
    value = evaluator.value(expr, scope, place, arg.name)
    if value is UNKNOWN:
        return UNKNOWN
    wanted = {"flag": "a condition", "word": "a word"}.get(arg.kind, "a number")
    if kind(value) != wanted:
        label = f"this is {kind(value)}"
        rule = f"`{arg.name}` takes {wanted}"
        evaluator.blame("OFA040", rule, written, label, _one_of(arg))
        return UNKNOWN
    if arg.kind != "size" and static(value) is None:
        rule = f"`{arg.name}` must be the same in every subnet"
        label = f"this depends on {', '.join(f'`{v.name}`' for v in value.support[:3])}"
        evaluator.blame("OFA048", rule, written, label, "give it one value")
        return UNKNOWN
    if arg.kind == "word" and static(value) not in arg.words:
        rule = f"`{arg.name}` takes one of its own words"
        label = f"`{static(value)}` is not one of them"
        evaluator.blame("OFA040", rule, written, label, _one_of(arg))
        return UNKNOWN
    if arg.kind in ("size", "whole"):
        return whole(arg.name, value, written, evaluator, place)
    return value


def whole(name: str, value: Expr, written: Written, evaluator: Evaluator, place: Place) -> Expr:
    """Return a value as a whole number for every choice."""
    if value.kind is int:
        return value
    rounded = apply("round", value)
    choices = evaluator.refuted(apply("==", rounded, value), place)
    if choices is not None:
        rule, label = f"`{name}` takes a whole number", shown(value, choices)
        used = written[0].span
        span = origin(written, choices) if isinstance(value, Var) else given(written)[0].span
        notes = () if span == used else evaluator.report.reached(used)
        help = "use `round(...)` or `divisible(..., 8)`"
        evaluator.report.add("OFA050", rule, span, label, help, notes)
        return UNKNOWN
    number = static(value)
    if number is not None:
        return Const(int(number)) if isinstance(number, int | float) else UNKNOWN
    return rounded


def _one_of(arg: Arg) -> str:
    return f"one of {', '.join(f'`{word}`' for word in arg.words)}" if arg.words else ""
