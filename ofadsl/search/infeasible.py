"""What to say where no subnet meets the constraints: if that is proven, which one is nearest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ofadsl.chart import shown
from ofadsl.diagnostics import Diagnostic, Diagnostics
from ofadsl.search.check import Constraint
from ofadsl.search.compute import column
from ofadsl.search.front import Archs
from ofadsl.search.kinds import Kind
from ofadsl.search.pose import Posed, sided
from ofadsl.search.problem import Batch
from ofadsl.search.ranges import Known, never, range_of
from ofadsl.search.terms import Compare, Cost, Term

_SIDE = {"<": "above", "<=": "above", ">": "below", ">=": "below"}


def infeasible(
    posed: Posed,
    nearest: Archs,
    arch: Mapping[str, Any],
    *,
    tried: int,
    every: bool,
    stopped: bool,
    known: Known,
) -> Diagnostics:
    """Return the report of a search that found nothing: the nearest arch, and what it breaks.

    ``every`` says that all subnets were tried, ``stopped`` that there was no time for more;
    ``known`` are the ends of what subnets cost.
    """
    batch = Batch(x=nearest, costs=posed.problem.costs)
    far = np.array([float(constraint(batch)[0]) for constraint in posed.problem.constraints])
    proven = [i for i, one in enumerate(posed.constraints) if never(one.condition, known)]
    worst = [int(i) for i in np.argsort(-far, kind="stable") if far[i] > 0]
    order = list(dict.fromkeys([*proven, *worst]))
    why, code = f"none of {tried:,} that were tried does", "OFA229"
    if proven:
        why, code = "what all cost at least and at most is known", "OFA228"
    elif every:
        why, code = f"all {tried:,} were tried", "OFA228"
    rule = f"no subnet meets the constraints: {why}"
    if not order:
        help = "every objective needs a finite value; here each is divided by 0, or scored as NaN"
        return Diagnostics([Diagnostic(code=code, message=rule, help=help)])
    spans = [posed.constraints[i].span for i in order]
    labels = [
        _bounds(posed.constraints[i], known)
        if i in proven
        else _label(posed.constraints[i], posed, batch, far[i])
        for i in order
    ]
    more = "search for longer, or allow more" if stopped and not proven else "allow more"
    item = Diagnostic(
        code=code,
        message=rule,
        span=spans[0],
        label=labels[0],
        help=f"{more}; the nearest subnet is\n{json.dumps(arch)}",
        notes=tuple(zip(spans[1:], (f"also: {text}" for text in labels[1:]), strict=True)),
    )
    return Diagnostics([item])


def _bounds(constraint: Constraint, known: Known) -> str:
    """Return what makes it certain that a condition holds nowhere."""
    condition = constraint.condition
    if not isinstance(condition, Compare):
        return "no subnet meets this"
    said = sided(condition)
    if said is None:
        left, right = range_of(condition.left, known), range_of(condition.right, known)
        low = left[0] > right[1] or condition.op in ("<", "<=")
        ends = (("or more", left[0]), ("or less", right[1]))
        ends = ends if low else (("or less", left[1]), ("or more", right[0]))
        texts = [f"{end:,.10g} {which}" for which, end in ends]
        return f"every subnet has {texts[0]} on the left, {texts[1]} on the right"
    term, op, bound = said
    low_end, high_end = range_of(term, known)
    if op in ("<", "<=") or (op == "==" and low_end > bound):
        return f"every subnet has {low_end:,.16g} or more"
    return f"every subnet has {high_end:,.16g} or less"


def _label(constraint: Constraint, posed: Posed, batch: Batch, far: float) -> str:
    """Return what the nearest arch has, and how far from a condition that is."""
    condition = constraint.condition
    if not isinstance(condition, Compare) or condition.left.kind is Kind.WORD:
        return "the nearest subnet breaks this"

    def value(term: Term) -> str:
        return shown(float(column(term, batch, posed.dimensions)[0]), term.kind.unit)

    said = sided(condition)
    if said is None:
        left, right = value(condition.left), value(condition.right)
        return f"the nearest subnet has {left} on the left, {right} on the right"
    term, op, _ = said
    by = f"{far:.2%}" if far < 10 else f"{far:,.0f} times"
    away = f", {by} {_SIDE.get(op, 'away')}" if isinstance(term, Cost) else ""
    return f"the nearest subnet has {value(term)}{away}"
