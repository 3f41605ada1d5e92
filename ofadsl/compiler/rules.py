"""Rules that values keep: their kinds, their bounds, what divides and what is rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.compiler.blame import given, poison, shown, whereabouts
from ofadsl.compiler.prove import Prover, UnprovableError
from ofadsl.compiler.report import Report
from ofadsl.compiler.scope import Place, Scope, Written
from ofadsl.diagnostics import Span
from ofadsl.expr import TRUE, UNKNOWN, Expr, TooLargeError, Value, Var, apply, bounded

_KINDS = {bool: "a condition", int: "a number", float: "a number", str: "a word"}


def kind(value: Expr) -> str:
    """Return `a number`, `a condition` or `a word`."""
    return _KINDS[value.kind]


@dataclass(slots=True)
class Rules:
    """Checks values, and reports those that break a rule."""

    report: Report
    prover: Prover = field(default_factory=Prover)

    def blame(self, code: str, rule: str, written: Written, label: str, help: str = "") -> None:
        """Report a mistake where a call gave the value, not where a block uses it."""
        span, used = given(written)[0].span, written[0].span
        notes = () if span is used else self.report.reached(used)
        self.report.add(code, rule, span, label, help, notes)
        poison(written)

    def refuted(self, condition: Expr, place: Place) -> Mapping[str, Value] | None:
        """Return choices that lead here and break a condition; none where that is not known."""
        try:
            return self.prover.counterexample(condition, place.when)
        except UnprovableError:
            return {}

    def divides(self, divisor: Expr, written: Written) -> bool:
        """Check a divisor for all choices, also those that do not lead here.

        What is generated computes some values before it is known whether they matter.
        """
        if divisor is UNKNOWN:
            return True
        values = self.prover.possible(divisor)
        if values is not None and 0 not in values:
            return True
        label = "this is 0"
        if divisor.support:
            try:
                choices = Prover().counterexample(apply("!=", divisor, 0))
            except UnprovableError as error:
                rule = "too many dimensions decide together whether this is valid"
                label = f"a divisor must not be zero, which depends on {error}"
                self.blame("OFA056", rule, written, label, "let it depend on fewer choices")
                return False
            if choices is None:
                return True
            label = f"`{divisor}` can be 0"
            if not isinstance(divisor, Var):
                label += f", where {whereabouts(choices)}"
        help = "use `max(..., 1)`" if divisor.support else "divide by something else"
        self.blame("OFA046", "a divisor must not be zero", written, label, help)
        return False

    def divisible(self, expr: syntax.Apply, args: list[Expr], scope: Scope, place: Place) -> bool:
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

    def same_kind(
        self,
        rule: str,
        expr: syntax.Binary | syntax.IfElse,
        scope: Scope,
        left: Expr,
        right: Expr,
    ) -> bool:
        """Return whether two values are of one kind."""
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

    def guarded(self, span: Span, compute: Callable[[], Expr]) -> Expr:
        """Return what is computed, if it has a value of a reasonable size."""
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
