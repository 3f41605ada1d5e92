"""Expressions of the language to expressions over dimensions.

In: a syntax expression and its scope. Out: a meaning; where a value is expected and a set is
found, a new dimension. Mistakes go to the report and leave an unknown value behind, so that
nothing that merely depends on one is reported again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ofadsl.compiler import syntax
from ofadsl.compiler.blame import given, poison, shown
from ofadsl.compiler.dimensions import Dimensions
from ofadsl.compiler.names import BUILTINS, WORDS, nearest
from ofadsl.compiler.prove import Prover, UnprovableError
from ofadsl.compiler.report import Report
from ofadsl.compiler.scope import Choices, Function, Meaning, Place, Scope, StageRef, Written
from ofadsl.compiler.sets import Number, read_range, read_set
from ofadsl.diagnostics import Span
from ofadsl.expr import (
    DEEPEST,
    LARGEST,
    TRUE,
    UNKNOWN,
    Const,
    Expr,
    TooLargeError,
    Value,
    apply,
    bounded,
    static,
)

MOST_NESTED = 16
MOST_CALLS = 1 << 16
_KINDS = {bool: "a condition", int: "a number", float: "a number", str: "a word"}


def kind(value: Expr) -> str:
    """Return `a number`, `a condition` or `a word`."""
    return _KINDS[value.kind]


@dataclass(slots=True)
class Evaluator:
    """Evaluates expressions, and makes the dimensions that they ask for."""

    report: Report
    prover: Prover = field(default_factory=Prover)
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

    def blame(self, code: str, rule: str, written: Written, label: str, help: str = "") -> None:
        """Report a mistake where a call gave the value, not where a block uses it."""
        span, used = given(written)[0].span, written[0].span
        notes = () if span is used else self.report.reached(used)
        self.report.add(code, rule, span, label, help, notes)
        poison(written)

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
                return self._guarded(expr.span, lambda: _bounded(number))
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
                return self._member(expr, scope)
            case _:
                found = self._operation(expr, scope, place, hint)
                if not isinstance(found, Expr) or found.depth <= DEEPEST:
                    return found
                deep = found
                return self._guarded(expr.span, lambda: deep)

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
            if not self._same_kind(rule, expr, scope, left, right):
                return UNKNOWN
            return apply(expr.op, left, right)
        if expr.op in ("<", "<=", ">", ">="):
            for side in (expr.left, expr.right):
                self._single(side, scope, place)
        left, right = (
            self._operand(e, scope, place, hint, expr.op) for e in (expr.left, expr.right)
        )
        if expr.op in ("/", "//", "%") and not self._divides(right, (expr.right, scope)):
            return UNKNOWN
        return self._guarded(expr.span, lambda: apply(expr.op, left, right))

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

    def _divides(self, divisor: Expr, written: Written) -> bool:
        """Check a divisor for all choices, also those that do not lead here.

        What is generated computes some values before it is known whether they matter.
        """
        if divisor is UNKNOWN:
            return True
        values = self.prover.possible(divisor)
        if values is not None and 0 not in values:
            return True
        label = f"`{divisor}` can be 0" if divisor.support else "this is 0"
        help = "use `max(..., 1)`" if divisor.support else "divide by something else"
        self.blame("OFA046", "a divisor must not be zero", written, label, help)
        return False

    def refuted(self, condition: Expr, place: Place) -> Mapping[str, Value] | None:
        """Return choices that lead here and break a condition; none where that is not known."""
        try:
            return self.prover.counterexample(condition, place.when)
        except UnprovableError:
            return {}

    def _same_kind(
        self,
        rule: str,
        expr: syntax.Binary | syntax.IfElse,
        scope: Scope,
        left: Expr,
        right: Expr,
    ) -> bool:
        if UNKNOWN in (left, right):
            return False
        if kind(left) == kind(right):
            return True
        label, help = f"{kind(left)} and {kind(right)}", "use two of one kind"
        sides = (expr.left, expr.right) if isinstance(expr, syntax.Binary) else (expr.orelse,)
        outside = [s for s in sides if given((s, scope))[0] is not s]
        if len(outside) == 1:
            self.blame("OFA040", rule, (outside[0], scope), label, help)
        else:
            self.report.add("OFA040", rule, expr.span, label, help)
        return False

    def _ifelse(self, expr: syntax.IfElse, scope: Scope, place: Place, hint: str) -> Meaning:
        condition = self.truth(expr.condition, scope, place)
        fixed = static(condition)
        if fixed is not None:
            taken = expr.then if fixed else expr.orelse
            meaning = self.meaning(taken, scope, place, hint)
            if isinstance(meaning, Expr):
                scope.values[id(taken)] = meaning
            return meaning
        then, orelse = (self.value(e, scope, place, hint) for e in (expr.then, expr.orelse))
        rule = "both ways of `if` are of one kind"
        if not self._same_kind(rule, expr, scope, then, orelse):
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
        if name == "divisible" and not self._divisible(expr, args, scope, place):
            return UNKNOWN
        return self._guarded(expr.span, lambda: apply(name, *args))

    def _divisible(self, expr: syntax.Apply, args: list[Expr], scope: Scope, place: Place) -> bool:
        """Check the arguments of ``divisible``: a positive value, a positive whole multiple."""
        rules = (
            "`divisible` rounds a positive value",
            "`divisible` rounds to a multiple of a positive whole number",
            "what `divisible` gives is at least a positive whole number",
        )
        wholes = [TRUE, *(_is_whole(arg) for arg in args[1:])]
        for arg, whole, written, rule in zip(args, wholes, expr.arguments, rules, strict=False):
            choices = self.refuted(apply("and", apply(">", arg, 0), whole), place)
            if choices is not None:
                help = "use at least 1" if arg is args[0] else "use a whole number from 1 on"
                label = shown(arg, choices)
                self.blame("OFA057", rule, (written, scope), label, help)
                return False
        return True

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

    def _member(self, expr: syntax.Member | syntax.Index, scope: Scope) -> Meaning:
        """Return the depth of a stage, or a dimension of it or of one of its blocks."""
        path = member_path(expr, scope)
        if path is None:
            base = base_name(expr)
            if base is not None and scope.find(base.text) is None:
                return UNKNOWN  # reported where names are resolved
            rule = "only a stage has members"
            help = "write `s1.depth` or `s1[0].kernel`, for a stage `s1`"
            self.report.add("OFA031", rule, expr.span, "this is none of a stage", help)
            return UNKNOWN
        ref, key = path
        if not key:
            return ref
        if self.dims.is_poisoned(ref.name, key):
            return UNKNOWN
        dim = self.dims.in_stage(ref.name, None, key) or self.dims.in_stage(
            ref.name, ref.block, key
        )
        if dim is not None:
            return dim.var
        if self.dims.is_poisoned(ref.name, "depth"):
            return UNKNOWN
        known = dict.fromkeys(d.key for d in self.dims.of_stage(ref.name))
        if key in known and ref.block is not None and not ref.written:
            return UNKNOWN  # this block has no such dimension: nothing is required of it
        label, help = self._no_member(ref, key, known)
        self.report.add("OFA031", "unknown dimension", expr.span, label, help)
        return UNKNOWN

    def _no_member(self, ref: StageRef, key: str, known: Collection[str]) -> tuple[str, str]:
        """Return what is wrong with a member of a stage, and the repair."""
        name, blocks = ref.name, self.dims.blocks[ref.name]
        if ref.block is not None and ref.block >= blocks:
            return f"stage `{name}` has {blocks} blocks", f"the last one is `{name}[{blocks - 1}]`"
        if key not in known:
            label = f"stage `{name}` has no dimension `{key}`"
            parts = [k for k in known if k.endswith(f".{key}")]
            near = f"did you mean `{parts[0]}`?" if parts else nearest(key, known)
            return label, near or f"it has {', '.join(f'`{k}`' for k in known)}"
        if ref.block is None:
            return "which block?", f"write `{name}[0].{key}` for the first"
        return f"block {ref.block} of stage `{name}` has no `{key}`", ""

    def _guarded(self, span: Span, compute: Callable[[], Expr]) -> Expr:
        try:
            return bounded(compute())
        except TooLargeError as error:
            rule, help = (
                "a value is too large, or made in too many steps",
                "a network needs neither",
            )
            self.report.add("OFA045", rule, span, str(error), help)
        except (ValueError, ArithmeticError) as error:
            self.report.add("OFA045", "this has no value", span, str(error))
        return UNKNOWN


def _is_whole(value: Expr) -> Expr:
    return TRUE if value.kind is int else apply("==", apply("round", value), value)


def member_path(expr: syntax.Member | syntax.Index, scope: Scope) -> tuple[StageRef, str] | None:
    """Return the stage and the key that a chain of members names, or None."""
    match expr:
        case syntax.Member(base=syntax.Name(text=base), name=name):
            binding = scope.find(base)
            if binding is None or not isinstance(binding.meaning, StageRef):
                return None
            return binding.meaning, name.text
        case syntax.Member(base=syntax.Member() | syntax.Index() as base, name=name):
            path = member_path(base, scope)
            if path is None:
                return None
            ref, key = path
            return ref, f"{key}.{name.text}" if key else name.text
        case syntax.Index(base=syntax.Name(text=base), index=syntax.Number(value=int(block))):
            binding = scope.find(base)
            if binding is None or not isinstance(binding.meaning, StageRef):
                return None
            return StageRef(name=binding.meaning.name, block=block, written=True), ""
    return None


def base_name(expr: syntax.Expression) -> syntax.Name | None:
    """Return the name that a chain of members begins with."""
    while isinstance(expr, syntax.Member | syntax.Index):
        expr = expr.base
    return expr if isinstance(expr, syntax.Name) else None


def _bounded(number: int | float) -> Expr:
    if abs(number) > LARGEST:
        raise TooLargeError(f"this goes beyond {LARGEST:.0e}")
    return Const(number)
