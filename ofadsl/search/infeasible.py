"""What to say where no subnet meets the constraints: if that is proven, which one is nearest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ofadsl.diagnostics import Diagnostic, Diagnostics
from ofadsl.search.front import Archs, Limit
from ofadsl.search.listing import shown
from ofadsl.search.pose import Posed
from ofadsl.search.problem import Batch
from ofadsl.search.vocabulary import ANALYTIC, MEASURED


def unreachable(limit: Limit, least: Mapping[str, int]) -> bool:
    """Return whether a bound is below the least that any subnet costs."""
    value = least.get(limit.cost)
    if value is None or limit.op not in ("<", "<=", "=="):
        return False
    return value > limit.bound or (value == limit.bound and limit.op == "<")


def infeasible(
    posed: Posed,
    nearest: Archs,
    arch: Mapping[str, Any],
    *,
    tried: int,
    every: bool,
    least: Mapping[str, int],
) -> Diagnostics:
    """Return the report of a search that found nothing: the nearest arch, and what it breaks.

    ``every`` says that all subnets were tried; ``least`` are the least costs of all, where known.
    """
    batch = Batch(x=nearest, costs=posed.problem.costs)
    far = np.array([float(constraint(batch)[0]) for constraint in posed.problem.constraints])
    bounded = [i for i, limit in enumerate(posed.limits) if unreachable(limit, least)]
    worst = [int(i) for i in np.argsort(-far, kind="stable") if far[i] > 0]
    order = list(dict.fromkeys([*bounded, *worst]))
    why = f"none of {tried:,} that were tried does"
    if bounded:
        why = "what they cost at least is known exactly"
    elif every:
        why = f"all {tried:,} were tried"
    rule, code = f"no subnet meets the constraints: {why}", "OFA229"
    if bounded or every:
        code = "OFA228"
    if not order:
        help = "every objective needs a finite value; here each is divided by 0, or scored as NaN"
        return Diagnostics([Diagnostic(code=code, message=rule, help=help)])
    spans = [posed.constraints[i].span for i in order]
    labels = [_label(posed.limits[i], batch, far[i], least, i in bounded) for i in order]
    item = Diagnostic(
        code=code,
        message=rule,
        span=spans[0],
        label=labels[0],
        help=f"allow more; the nearest subnet is\n{json.dumps(arch)}",
        notes=tuple(zip(spans[1:], (f"also: {text}" for text in labels[1:]), strict=True)),
    )
    return Diagnostics([item])


def _label(limit: Limit, batch: Batch, far: float, least: Mapping[str, int], bounded: bool) -> str:
    if bounded:
        return f"every subnet has {least[limit.cost]:,} or more"
    if not limit.cost:
        return "the nearest subnet breaks this"
    value = float(batch.column(limit.cost)[0])
    side = {"<": "above", "<=": "above", ">": "below", ">=": "below"}.get(limit.op, "away")
    kind = ANALYTIC.get(limit.cost) or MEASURED.get(limit.cost.partition("[")[0])
    said = shown(value, "" if kind is None else kind.unit)
    by = f"{far:.2%}" if far < 10 else f"{far:,.0f} times"
    return f"the nearest subnet has {said}, {by} {side}"
