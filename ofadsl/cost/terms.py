"""Costs as sums of products of small tables: what can be looked up, exactly, for any arch.

In: amounts with the conditions under which they count. Out: terms. A term is a table of whole
numbers over a few dimensions, times factors that many terms share: the pixels at a resolution, the
existence of a block. An amount that depends on too many dimensions together is split where it is a
sum; what cannot be split is left as an expression, to be computed instead of looked up.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ofadsl.cost.liveness import Part
from ofadsl.cost.logic import simplest
from ofadsl.cost.runtime import Table
from ofadsl.cost.table import Order, table_of
from ofadsl.elimination import conjuncts
from ofadsl.expr import (
    FALSE,
    TRUE,
    Apply,
    Expr,
    apply,
    combinations,
    conjunction,
    const,
    negate,
    select,
)

LARGEST_FACTOR = 1 << 9
"""A table that stands in generated text has at most so many entries."""
LARGEST_TERM = 1 << 17
"""What is looked up, all factors multiplied out, has at most so many entries."""
_READABLE = 96  # larger tables are split, and smaller ones added up, where that is possible
_MOST_ADDENDS = 8  # more are left to be computed: sums of sums would have ever more of them
_MOST_WAYS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """``table`` times the pixels times 1 where ``when`` holds, else 0."""

    when: Expr
    pixels: Expr
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Terms to look up and parts to compute."""

    terms: tuple[Term, ...] = ()
    rest: tuple[Part, ...] = ()


def sum_of(parts: Iterable[Part], order: Order) -> Sum:
    """Return the sum of all parts."""
    terms: list[Term] = []
    rest: list[Part] = []
    for part in parts:
        if part.when == FALSE or part.amount == const(0):
            continue
        found = _terms(part, order)
        rest += [] if found else [part]
        for term in found:
            _add(term, terms)
    return Sum(terms=tuple(t for t in terms if t.table.values.any()), rest=tuple(rest))


def bound(cost: Sum, order: Order) -> int:
    """Return a number that no arch's sum of terms exceeds."""
    factors = (
        (term.table.values.max(), table_of(term.pixels, order).values.max()) for term in cost.terms
    )
    return sum(int(most) * int(pixels) for most, pixels in factors)


def multiplied(term: Term, order: Order) -> Table:
    """Return a term with its factors multiplied out."""
    table = term.table
    for factor in (term.pixels, select(term.when, const(1), const(0))):
        table = table.join(table_of(factor, order), np.multiply)
    return table


def _terms(part: Part, order: Order) -> list[Term]:
    """Return terms that add up to ``part``; none where the tables would be too large."""
    pixels: list[Expr] = []
    local: list[Expr] = []
    for factor in _factors(part.amount):
        names = {var.name for var in factor.support}
        (pixels if names == {"resolution"} else local).append(factor)
    common = _product(pixels)
    if any(combinations(p.support) > LARGEST_FACTOR for p in conjuncts(part.when)):
        return []
    terms = []
    for way, addend in _addends(_product(local)):
        when = part.when if way == TRUE else simplest(apply("and", part.when, way))
        when, addend = _narrowed(when, addend)
        outer = (*when.support, *common.support, *addend.support)
        size = combinations({var.name: var for var in outer}.values())
        if combinations(addend.support) > LARGEST_FACTOR or size > LARGEST_TERM:
            return []
        terms.append(Term(when=when, pixels=common, table=table_of(addend, order)))
    return terms


def _narrowed(when: Expr, amount: Expr) -> tuple[Expr, Expr]:
    """Move into ``amount`` what of a condition makes a small table with it.

    How deep a stage is stays outside: equal blocks then have equal tables.
    """
    own, shared = {*amount.support}, []
    for part in dict.fromkeys(conjuncts(when)):
        small = combinations(own | {*part.support}) <= _READABLE
        deep = any(var.name.endswith(".depth") and var not in own for var in part.support)
        if part.support and (own.issuperset(part.support) or (small and not deep)):
            amount = select(part, amount, const(0))
            own |= {*part.support}
        else:
            shared.append(part)
    return conjunction(shared), amount


def _factors(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, Apply) and expr.op == "*":
        for arg in expr.args:
            yield from _factors(arg)
    else:
        yield expr


def _product(factors: list[Expr]) -> Expr:
    """Return the product in an order of its own, so that equal products are equal expressions."""
    ordered = sorted(factors, key=lambda e: ([var.name for var in e.support], e.depth, e.size))
    return functools.reduce(lambda a, b: apply("*", a, b), ordered, const(1))


Addend = tuple[Expr, Expr]
"""When something is added, and how much."""


def _both(a: Expr, b: Expr) -> Expr:
    return b if a == TRUE else a if b == TRUE else simplest(apply("and", a, b))


def _addends(expr: Expr) -> Sequence[Addend]:
    """Return amounts of fewer dimensions that add up to ``expr``; itself where it is small."""
    if combinations(expr.support) <= _READABLE:
        return [(TRUE, expr)]
    found = _split(expr)
    most = max(Counter(way for way, _ in found).values())
    return found if most <= _MOST_ADDENDS and len(found) <= _MOST_WAYS else [(TRUE, expr)]


@functools.lru_cache(maxsize=1 << 12)
def _split(expr: Expr) -> Sequence[Addend]:
    if not isinstance(expr, Apply) or combinations(expr.support) <= _READABLE:
        return [(TRUE, expr)]
    if expr.op == "+":
        found = [part for arg in expr.args for part in _split(arg)]
        return found if len(found) <= _MOST_WAYS else [(TRUE, expr)]
    if expr.op == "*":
        left, right = map(_split, expr.args)
        if len(left) * len(right) > 2 * _MOST_ADDENDS:
            return [(TRUE, expr)]
        return [(_both(way, other), apply("*", a, b)) for way, a in left for other, b in right]
    if expr.op == "if":
        condition, then, orelse = expr.args
        found = []
        for holds, part in ((condition, then), (negate(condition), orelse)):
            for way, amount in _split(part):
                found.append((_both(holds, way), amount))
        return found
    return [(TRUE, expr)]


def _add(term: Term, terms: list[Term]) -> None:
    """Add a term to one that has the same factors, where the table stays readable."""
    for i, other in enumerate(terms):
        if (other.when, other.pixels) != (term.when, term.pixels):
            continue
        joint = other.table.join(term.table, np.add)
        if joint.values.size <= max(_READABLE, other.table.values.size, term.table.values.size):
            terms[i] = Term(when=term.when, pixels=term.pixels, table=joint)
            return
    terms.append(term)
