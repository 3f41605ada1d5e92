"""Parameters of a space: their defaults, and what `--set name=value` gives them."""

from __future__ import annotations

from collections.abc import Mapping

from ofadsl.compiler import syntax
from ofadsl.compiler.evaluate import Evaluator
from ofadsl.compiler.names import nearest
from ofadsl.compiler.parse.parser import parse_expression
from ofadsl.compiler.report import Report
from ofadsl.compiler.rules import kind
from ofadsl.compiler.scope import Place, Scope
from ofadsl.diagnostics import Diagnostics, Source, Span
from ofadsl.expr import UNKNOWN, Const, Expr, Value, const, static


def bind_parameters(
    space: syntax.SpaceDecl | syntax.ScheduleDecl,
    settings: Mapping[str, str],
    scope: Scope,
    evaluator: Evaluator,
    flag: str = "--set",
) -> tuple[tuple[str, Value], ...]:
    """Bind each parameter in ``scope`` and return the values; ``flag`` is what sets them."""
    report = evaluator.report
    known = [p.name.text for p in space.parameters]
    for name, text in settings.items():
        if name not in known:
            source = Source(path=flag, text=f"{name}={text}")
            span = Span(source=source, start=0, end=len(name))
            help = nearest(name, known) or _lists(space.name.text, known)
            report.add("OFA029", "unknown parameter", span, f"no parameter `{name}`", help)
    result = []
    for parameter in space.parameters:
        name = parameter.name.text
        allowed = _allowed(parameter, scope, evaluator)
        value = (
            UNKNOWN
            if parameter.default is None
            else evaluator.value(parameter.default, scope, Place(), name)
        )
        span = parameter.name.span
        if name in settings:
            other, span = _setting(name, settings[name], report, flag)
            if UNKNOWN not in (value, other) and kind(value) != kind(other):
                label, help = f"this is {kind(other)}", f"give it {kind(value)}"
                report.add("OFA029", f"`{name}` takes {kind(value)}", span, label, help)
                other = UNKNOWN
            value = other
        elif parameter.default is None:
            help = f"give it with `{flag} {name}=...`"
            report.add("OFA029", "a parameter needs a value", span, "no default", help)
        fixed = static(value)
        if value is not UNKNOWN and fixed is None:
            rule, help = (
                "a parameter is the same in every subnet",
                "make it a `choice` in the space",
            )
            report.add("OFA048", rule, span, "its default is a set", help)
            value = UNKNOWN
        if fixed is not None and allowed is not None and fixed not in allowed:
            help = f"use one of {', '.join(map(_spelt, allowed))}"
            rule = f"`{name}` takes one of a few values"
            report.add("OFA029", rule, span, f"{_spelt(fixed)} is none of them", help)
        scope.bind(name, value, parameter.default, scope)
        if fixed is not None:
            result.append((name, fixed))
    return tuple(result)


def _spelt(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(parameter: syntax.Parameter, scope: Scope, evaluator: Evaluator) -> list[Value] | None:
    """Return the values that a parameter may take; its words are known from here on."""
    if not isinstance(parameter.allowed, syntax.SetLit):
        if parameter.allowed is None:
            return None
        found = evaluator.choices(parameter.allowed, scope, Place())
        return None if found is None else list(found.values)
    values: list[Value] = []
    for item in parameter.allowed.items:
        if isinstance(item, syntax.Name) and scope.find(item.text) is None:
            scope.bind(item.text, Const(item.text))
        number = static(evaluator.value(item, scope, Place()))
        if number is not None:
            values.append(number)
    return values


_SETTING = "a setting is a number, true, false or a word"


def _setting(name: str, text: str, report: Report, flag: str) -> tuple[Expr, Span]:
    """Return the value written on the command line."""
    source = Source(path=flag, text=f"{name}={text}")
    span = Span(source=source, start=len(name) + 1, end=len(source.text))
    try:
        expr = parse_expression(Source(path=flag, text=text))
    except Diagnostics:
        report.add(
            "OFA029", "a setting is a number, true, false or a word", span, "this is neither"
        )
        return UNKNOWN, span
    if isinstance(expr, syntax.Unary) and isinstance(expr.operand, syntax.Number):
        return const(-expr.operand.value), span
    if isinstance(expr, syntax.Number | syntax.Bool):
        return const(expr.value), span
    if isinstance(expr, syntax.Name):
        return Const(expr.text), span
    report.add("OFA029", _SETTING, span, "this is neither")
    return UNKNOWN, span


def _lists(space: str, known: list[str]) -> str:
    if not known:
        return f"`{space}` has no parameters"
    return f"`{space}` has {', '.join(f'`{name}`' for name in known)}"
