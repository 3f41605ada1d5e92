"""The way to a feasible arch by single steps: from some archs, always to the best neighbour."""

from __future__ import annotations

import numpy as np

from ofadsl.search.front import Archs
from ofadsl.search.problem import Evaluated, Problem

_BEGINNINGS = 8
_STEPS = 400  # each makes the violation smaller; this many only in the largest spaces


def approach(problem: Problem, begin: Evaluated) -> Evaluated:
    """Return the nearest arch to being feasible that descents from the best of some lead to."""
    order = np.argsort(begin.violation, kind="stable")[:_BEGINNINGS]
    best = begin[order[:1]]
    for at in order:
        found = begin[np.array([at])]
        for _ in range(_STEPS):
            if found.violation[0] == 0:
                return found
            around = problem.evaluate(neighbours(problem, found.x[0]))
            least = int(around.violation.argmin())
            if around.violation[least] >= found.violation[0]:
                break
            found = around[np.array([least])]
        if found.violation[0] < best.violation[0]:
            best = found
    return best


def neighbours(problem: Problem, arch: Archs) -> Archs:
    """Return the archs that one choice tells from an arch; among them the arch itself."""
    domain = problem.domain
    rows = [arch]
    for dim in domain.free:
        for choice in range(int(domain.counts[dim])):
            row = arch.copy()
            row[dim] = choice
            rows.append(row)
    return domain.mend(np.stack(rows))
