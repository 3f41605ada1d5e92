"""From what was read to checked expressions: names are known, units fit, sorts are right.

All mistakes of a text come together. What is wrong becomes None, and None is silent.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from ofadsl.compiler import syntax
from ofadsl.compiler.names import nearest
from ofadsl.compiler.syntax import Expression
from ofadsl.diagnostics import Source, Span
from ofadsl.search.kinds import SHOWN, Kind, divided, joined, multiplied
from ofadsl.search.leaves import Leaves
from ofadsl.search.read import Chain, read
from ofadsl.search.terms import (
    Compare,
    Compute,
    Condition,
    Every,
    Select,
    Some,
    Term,
    negated,
)
from ofadsl.search.vocabulary import Vocabulary

_FUNCTIONS = {"min": 2, "max": 2, "round": 1}
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%"})
_SEVERAL = "write a condition for each, joined by `or`, or `low <= x <= high`"
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A part of what `--where` says, and where it says it."""

    span: Span
    condition: Condition


def check_constraints(source: Source, vocabulary: Vocabulary) -> tuple[Constraint, ...]:
    """Return the conditions that a text joins by `and`."""
    text = read(source)
    checker = _Checker(text=text, vocabulary=vocabulary)
    found = []
    for part in _conjuncts(text.tree):
        if (chain := text.chain(part)) is not None:
            found += checker.links(chain)
        elif (condition := checker.condition(part)) is not None:
            found.append(Constraint(span=checker.whole(part), condition=condition))
    checker.finish()
    return tuple(found)


def check_objective(source: Source, vocabulary: Vocabulary) -> Term:
    """Return the number that a text says."""
    text = read(source)
    checker = _Checker(text=text, vocabulary=vocabulary)
    term = checker.term(text.tree)
    if term is not None and term.kind is Kind.WORD:
        checker.refuse("OFA223", "an objective is a number", text.tree, "this is a word")
    checker.finish()
    assert term is not None
    return term


def _conjuncts(tree: Expression) -> tuple[Expression, ...]:
    if isinstance(tree, syntax.Binary) and tree.op == "and":
        return (*_conjuncts(tree.left), *_conjuncts(tree.right))
    return (tree,)


@dataclass(slots=True, kw_only=True)
class _Checker(Leaves):
    """Conditions and terms, each made of the other."""

    def condition(self, tree: Expression) -> Condition | None:
        match tree:
            case syntax.Bool(value=value):
                return Every(parts=()) if value else Some(parts=())
            case syntax.Unary(op="not", operand=operand):
                inner = self.condition(operand)
                return None if inner is None else negated(inner)
            case syntax.Binary(op="and" | "or" as op, left=left, right=right):
                both = self.condition(left), self.condition(right)
                parts = tuple(part for part in both if part is not None)
                if len(parts) < len(both):
                    return None
                return Every(parts=parts) if op == "and" else Some(parts=parts)
            case syntax.Binary(op=op, left=left, right=right) if op in _COMPARISONS:
                return self.comparison(op, left, right, tree)
            case syntax.Name() if (chain := self.text.chain(tree)) is not None:
                return self.chain(chain)
            case syntax.IfElse(condition=asked, then=then, orelse=orelse):
                ways = self.condition(asked), self.condition(then), self.condition(orelse)
                if ways[0] is None or ways[1] is None or ways[2] is None:
                    return None
                yes = Every(parts=(ways[0], ways[1]))
                return Some(parts=(yes, Every(parts=(negated(ways[0]), ways[2]))))
            case _:
                found = self.term(tree)
                if found is not None:
                    help = f"compare it: `{self.text.name(tree)} <= ...`"
                    rule = "a constraint is a condition"
                    self.refuse("OFA223", rule, tree, f"this is {found.kind.value}", help)
                return None

    def chain(self, chain: Chain) -> Condition | None:
        links, number = self.links(chain), len(chain.comparisons)
        return Every(parts=tuple(x.condition for x in links)) if len(links) == number else None

    def links(self, chain: Chain) -> list[Constraint]:
        """Return the comparisons of a chain, each with its own place."""
        found = []
        for op, pair in zip(chain.comparisons, itertools.pairwise(chain.operands), strict=True):
            condition = self.comparison(op, *pair, pair[1])
            if condition is not None:
                span = self.whole(pair[0]).to(self.whole(pair[1]))
                found.append(Constraint(span=span, condition=condition))
        return found

    def whole(self, tree: Expression) -> Span:
        """Return where a part of the tree was written, with the unit that it ends with."""
        last = max((part.span.end, part.span.start) for part in syntax.walk(tree))[1]
        unit = self.text.units.get(last)
        return self.text.span(tree) if unit is None else self.text.span(tree).to(unit)

    def comparison(
        self, op: str, left: Expression, right: Expression, at: Expression
    ) -> Condition | None:
        sides = self.term(left), self.term(right)
        if sides[0] is None or sides[1] is None:
            return None
        if joined(sides[0].kind, sides[1].kind) is None:
            self.mismatch(left, right, (sides[0].kind, sides[1].kind))
            return None
        if sides[0].kind is Kind.WORD and op not in ("==", "!="):
            rule = "words are equal or not"
            self.refuse("OFA222", rule, at, f"`{op}` compares numbers", "use `==` or `!=`")
            return None
        return Compare(op=op, left=sides[0], right=sides[1])

    def mismatch(self, left: Expression, right: Expression, kinds: tuple[Kind, Kind]) -> None:
        number = isinstance(right, syntax.Number)
        at, own, other = (right, kinds[1], kinds[0]) if number else (left, kinds[0], kinds[1])
        beside = self.text.name(left if number else right).strip()
        shown = SHOWN.get(other)
        help = f"write it as {shown}" if shown and isinstance(at, syntax.Number) else ""
        label = f"this is {own.value}, and `{beside}` is {other.value}"
        self.refuse("OFA222", "what is compared or added has one unit", self.whole(at), label, help)

    def term(self, tree: Expression) -> Term | None:
        match tree:
            case syntax.Number():
                return self.number(tree)
            case syntax.Name() if self.text.chain(tree) is not None:
                return self.no_number(tree)
            case syntax.Name() | syntax.Member() | syntax.Index():
                return self.named(tree)
            case syntax.Unary() | syntax.Binary():
                return self.computed(tree)
            case syntax.IfElse():
                return self.selected(tree)
            case syntax.Apply(function=function, arguments=arguments):
                return self.applied(function, arguments)
            case syntax.SetLit() | syntax.RangeLit():
                rule = "an expression of a search has one value"
                self.refuse("OFA224", rule, tree, "these are several", _SEVERAL)
                return None
            case syntax.Bool():
                return self.no_number(tree)
            case _:
                assert_never(tree)

    def no_number(self, tree: Expression) -> Term | None:
        self.refuse("OFA223", "a number stands here", tree, "this is a condition")
        return None

    def computed(self, tree: syntax.Unary | syntax.Binary) -> Term | None:
        if isinstance(tree, syntax.Binary) and tree.op in _ARITHMETIC:
            return self.arithmetic(tree.op, tree.left, tree.right)
        if isinstance(tree, syntax.Binary) or tree.op != "-":
            return self.no_number(tree)
        inner = self.term(tree.operand)
        return inner and Compute(op="neg", terms=(inner,), kind=inner.kind)

    def selected(self, tree: syntax.IfElse) -> Term | None:
        trees = (tree.then, tree.orelse)
        condition, ways = self.condition(tree.condition), self.terms(trees)
        kind = ways and self.one_kind(trees, ways)
        if condition is None or not ways or not kind:
            return None
        return Select(condition=condition, then=ways[0], orelse=ways[1], kind=kind)

    def terms(self, trees: Sequence[Expression]) -> tuple[Term, ...] | None:
        found = [self.term(tree) for tree in trees]
        known = tuple(term for term in found if term is not None)
        return known if len(known) == len(found) else None

    def one_kind(self, trees: Sequence[Expression], terms: Sequence[Term]) -> Kind | None:
        kind = terms[0].kind
        for tree, term in zip(trees[1:], terms[1:], strict=True):
            both = joined(kind, term.kind)
            if both is None:
                self.mismatch(trees[0], tree, (kind, term.kind))
                return None
            kind = both
        return kind

    def arithmetic(self, op: str, left: Expression, right: Expression) -> Term | None:
        terms = self.terms((left, right))
        if terms is None:
            return None
        for tree, term in zip((left, right), terms, strict=True):
            if term.kind is Kind.WORD:
                self.refuse("OFA222", f"`{op}` takes numbers", tree, "this is a word")
                return None
        kind: Kind | None
        if op == "*":
            kind = multiplied(terms[0].kind, terms[1].kind)
        elif op in ("/", "//"):
            kind = divided(terms[0].kind, terms[1].kind)
        else:
            kind = self.one_kind((left, right), terms)
        return kind and Compute(op=op, terms=terms, kind=kind)

    def applied(self, function: syntax.Name, arguments: Sequence[Expression]) -> Term | None:
        least = _FUNCTIONS.get(function.text)
        if least is None:
            help = nearest(function.text, _FUNCTIONS) or f"known are {', '.join(_FUNCTIONS)}"
            rule = f"no function of a search is named `{function.text[:40]}`"
            self.refuse("OFA220", rule, function, "unknown", help)
            return None
        if len(arguments) < least or (least == 1 and len(arguments) > 1):
            number = "one value" if least == 1 else "two values or more"
            label = f"it has {len(arguments)}"
            self.refuse("OFA224", f"`{function.text}` takes {number}", function, label)
            return None
        terms = self.terms(arguments)
        kind = terms and self.one_kind(arguments, terms)
        return Compute(op=function.text, terms=terms, kind=kind) if terms and kind else None
