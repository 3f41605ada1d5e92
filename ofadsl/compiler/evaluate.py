"""Expressions of the language to expressions over dimensions.

In: a syntax expression and its scope. Out: a meaning; where a value is expected and a set is
found, a new dimension. Mistakes go to the report and leave an unknown value behind, so that
nothing that merely depends on one is reported again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from ofadsl.compiler import syntax
from ofadsl.compiler.dimensions import Dimensions
from ofadsl.compiler.members import member
from ofadsl.compiler.names import BUILTINS, WORDS
from ofadsl.compiler.rules import Rules, kind
from ofadsl.compiler.scope import Choices, Function, Meaning, Place, Scope, StageRef
from ofadsl.compiler.sets import Number, read_range, read_set
from ofadsl.diagnostics import Span
from ofadsl.elimination import conjuncts
from ofadsl.expr import (
    DEEPEST,
    LARGEST,
    TRUE,
    UNKNOWN,
    Const,
    Expr,
    TooLargeError,
    Var,
    apply,
    negate,
    select,
    static,
)

MOST_NESTED = 16
MOST_CALLS = 1 << 16


@dataclass(slots=True)
class Evaluator(Rules):
    """Evaluates expressions, and makes the dimensions that they ask for."""

    dims: Dimensions = field(default_factory=Dimensions)
    words: frozenset[str] = WORDS
    frozen: bool = False
    """Whether all dimensions are there, so that a set makes no new one."""
    nesting: int = 0
    calls: int = 0

    def value(
        self, expr: syntax.Expression, scope: Scope, place: Place, hint: str = "value"
    ) -> Expr:
        """Return the value of ``expr``; a set becomes a dimension named after ``hint``."""
        if id(expr) not in scope.values:
            found = self.meaning(expr, scope, place, hint)
            if isinstance(found, Choices):
                found = self._dimension(found, expr, place, hint)
            elif found is UNKNOWN:
                self.dims.poison(place, hint)
            elif not isinstance(found, Expr):
                stage = isinstance(found, StageRef)
                label = "this is a stage" if stage else "this is a function"
                help = "name a dimension of it: `s1.depth`" if stage else "call it: `w(8)`"
                self.report.add("OFA040", "expected a value", expr.span, label, help)
                found = UNKNOWN
            scope.values[id(expr)] = found
        return scope.values[id(expr)]

    def _dimension(
        self, choices: Choices, expr: syntax.Expression, place: Place, hint: str
    ) -> Expr:
        if not self.frozen:
            return self.dims.make(hint, choices.values, place, expr.span)
        rule, help = "a requirement compares single values", "write `... == 3 or ... == 5`"
        self.report.add("OFA041", rule, expr.span, "this is a set", help)
        return UNKNOWN

    def truth(self, expr: syntax.Expression, scope: Scope, place: Place) -> Expr:
        """Return the value of a condition."""
        value = self.value(expr, scope, place, "condition")
        if value is UNKNOWN or kind(value) == "a condition":
            return value
        label, help = f"this is {kind(value)}", "compare it with something, such as `== 1`"
        self.blame("OFA047", "expected a condition", (expr, scope), label, help)
        return UNKNOWN

    def choices(self, expr: syntax.Expression, scope: Scope, place: Place) -> Choices | None:
        """Return ``expr`` as a set: a set, a range, or one number that no choice changes."""
        found = self.meaning(expr, scope, place, "value")
        if isinstance(found, Choices):
            return found
        number = self._fixed(found, expr.span, "expected a set, a range or a number")
        return None if number is None else Choices(values=(number,))

    def meaning(self, expr: syntax.Expression, scope: Scope, place: Place, hint: str) -> Meaning:
        """Return what ``expr`` stands for; a set stays a set."""
        match expr:
            case syntax.Number(value=number):
                return self.guarded(expr.span, lambda: _bounded(number))
            case syntax.Bool(value=truth):
                return Const(truth)
            case syntax.Name():
                binding = scope.find(expr.text)
                if binding is not None:
                    return binding.meaning
                return Const(expr.text) if expr.text in self.words else UNKNOWN
            case syntax.SetLit():
                return read_set(expr, lambda e: self._number(e, scope, place), self.report)
            case syntax.RangeLit():
                return read_range(expr, lambda e: self._number(e, scope, place), self.report)
            case syntax.Member() | syntax.Index():
                found = member(expr, scope, self.dims, self.report)
                return self._chosen(found, place) if isinstance(found, Var) else found
            case _:
                found = self._operation(expr, scope, place, hint)
                if not isinstance(found, Expr) or found.depth <= DEEPEST:
                    return found
                deep = found
                return self.guarded(expr.span, lambda: deep)

    def _chosen(self, var: Var, place: Place) -> Expr:
        """Return a dimension read from elsewhere: its first value where it does not matter.

        A requirement says nothing of what does not matter, and is given the dimension itself.
        """
        live = self.dims.by_name[var.name].live
        if self.frozen or {*conjuncts(live)} <= {TRUE, *conjuncts(place.when)}:
            return var
        return select(live, var, Const(var.values[0]))

    def _operation(
        self,
        expr: syntax.Unary | syntax.Binary | syntax.IfElse | syntax.Apply,
        scope: Scope,
        place: Place,
        hint: str,
    ) -> Meaning:
        match expr:
            case syntax.Unary(op=op, operand=operand):
                value = self._operand(operand, scope, place, hint, op)
                return apply("neg" if op == "-" else op, value)
            case syntax.Binary():
                return self._binary(expr, scope, place, hint)
            case syntax.IfElse():
                return self._ifelse(expr, scope, place, hint)
            case syntax.Apply():
                return self._apply(expr, scope, place, hint)
            case _:
                assert_never(expr)

    def _number(self, expr: syntax.Expression, scope: Scope, place: Place) -> Number | None:
        found = self.meaning(expr, scope, place, "value")
        return self._fixed(found, expr.span, "the values of a set are fixed numbers")

    def _fixed(self, found: Meaning, span: Span, rule: str) -> Number | None:
        if found is UNKNOWN:
            return None
        if not isinstance(found, Expr):
            label = "this is a set" if isinstance(found, Choices) else "this is not a number"
        elif kind(found) != "a number":
            label = f"this is {kind(found)}"
        else:
            number = static(found)
            if isinstance(number, int | float):
                return number
            label = "this depends on choices"
        help = "write the values themselves, such as `{2, 3, 4}` or `2..4`"
        self.report.add("OFA041", rule, span, label, help)
        return None

    def _operand(
        self, expr: syntax.Expression, scope: Scope, place: Place, hint: str, op: str
    ) -> Expr:
        value = self.value(expr, scope, place, hint)
        wanted = "a condition" if op in ("and", "or", "not") else "a number"
        if value is UNKNOWN or kind(value) == wanted:
            return value
        rule = f"`{op}` works on {wanted.removeprefix('a ')}s"
        help = "compare it with something, such as `== 1`" if wanted == "a condition" else ""
        self.blame("OFA040", rule, (expr, scope), f"this is {kind(value)}", help)
        return UNKNOWN

    def _binary(self, expr: syntax.Binary, scope: Scope, place: Place, hint: str) -> Expr:
        if expr.op in ("==", "!="):
            left, right = (self._single(e, scope, place) for e in (expr.left, expr.right))
            rule = "two values of different kinds are never equal"
            if not self.same_kind(rule, expr, scope, left, right):
                return UNKNOWN
            return apply(expr.op, left, right)
        if expr.op in ("<", "<=", ">", ">="):
            for side in (expr.left, expr.right):
                self._single(side, scope, place)
        left, right = (
            self._operand(e, scope, place, hint, expr.op) for e in (expr.left, expr.right)
        )
        if expr.op in ("/", "//", "%") and not self.divides(right, (expr.right, scope)):
            return UNKNOWN
        return self.guarded(expr.span, lambda: apply(expr.op, left, right))

    def _single(self, expr: syntax.Expression, scope: Scope, place: Place) -> Expr:
        """Return the value of one side of a comparison, where a set makes no dimension."""
        if id(expr) not in scope.values:
            meaning = self.meaning(expr, scope, place, "condition")
            if isinstance(meaning, Choices):
                help = "name it: `choice c = {...}`, then compare `c`"
                if self.frozen:
                    help = "compare with each value: `... == 3 or ... == 5`"
                rule, label = "a comparison is of single values", "this is a set"
                self.blame("OFA041", rule, (expr, scope), label, help)
                scope.values[id(expr)] = UNKNOWN
        return self.value(expr, scope, place, "condition")

    def _ifelse(self, expr: syntax.IfElse, scope: Scope, place: Place, hint: str) -> Meaning:
        condition = self.truth(expr.condition, scope, place)
        fixed = static(condition)
        if fixed is not None:
            taken = expr.then if fixed else expr.orelse
            meaning = self.meaning(taken, scope, place, hint)
            if isinstance(meaning, Expr):
                scope.values[id(taken)] = meaning
            return meaning
        ways = ((expr.then, condition), (expr.orelse, negate(condition)))
        then, orelse = (self.value(way, scope, _under(place, holds), hint) for way, holds in ways)
        rule = "both ways of `if` are of one kind"
        if not self.same_kind(rule, expr, scope, then, orelse):
            return UNKNOWN
        return apply("if", condition, then, orelse)

    def _apply(self, expr: syntax.Apply, scope: Scope, place: Place, hint: str) -> Meaning:
        name = expr.function.text
        binding = scope.find(name)
        if binding is not None and isinstance(binding.meaning, Function):
            return self._call(expr, binding.meaning, scope, place, hint)
        args = [self._operand(arg, scope, place, hint, name) for arg in expr.arguments]
        if name not in BUILTINS or binding is not None:
            return UNKNOWN  # reported where names are resolved
        least, most = {"round": (1, 1), "floor": (1, 1), "divisible": (2, 3)}.get(name, (2, 16))
        if not least <= len(args) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            rule = f"`{name}` takes {wanted} value{'s' if most > 1 else ''}"
            help = f"write `{name}({', '.join('abc'[:least])})`"
            self.report.add("OFA025", rule, expr.span, f"{len(args)} given", help)
            return UNKNOWN
        if name == "divisible" and not self.divisible(expr, args, scope, place):
            return UNKNOWN
        return self.guarded(expr.span, lambda: apply(name, *args))

    def _call(
        self, expr: syntax.Apply, function: Function, scope: Scope, place: Place, hint: str
    ) -> Meaning:
        parameters = function.let.parameters or ()
        if len(parameters) != len(expr.arguments):
            return UNKNOWN  # reported where names are resolved
        if id(expr) not in scope.calls:
            inner = function.scope.inner()
            for parameter, argument in zip(parameters, expr.arguments, strict=True):
                value = self.value(argument, scope, place, hint)
                inner.bind(parameter.text, value, argument, scope)
            scope.calls[id(expr)] = inner
        self.calls += 1
        if self.nesting >= MOST_NESTED or self.calls > MOST_CALLS:
            rule = f"functions call each other at most {MOST_NESTED} levels deep"
            if self.nesting < MOST_NESTED:
                rule = f"a space calls functions at most {MOST_CALLS} times"
            span, help = function.let.name.span, "write what it comes to instead"
            self.report.add("OFA054", rule, span, "this goes beyond it", help)
            return UNKNOWN
        self.nesting += 1
        found = self.meaning(function.let.value, scope.calls[id(expr)], place, hint)
        self.nesting -= 1
        return found


def _bounded(number: int | float) -> Expr:
    if abs(number) > LARGEST:
        raise TooLargeError(f"this goes beyond {LARGEST:.0e}")
    return Const(number)


def _under(place: Place, condition: Expr) -> Place:
    """Return a place where a condition holds, too: what is chosen there matters only then."""
    if condition is UNKNOWN:
        return place
    return replace(place, when=apply("and", place.when, condition))
