"""One arch of a front: the best of those that meet a condition on what they cost."""

from __future__ import annotations

import numpy as np

from ofadsl.diagnostics import Source, fault
from ofadsl.search.check import Constraint, check_constraints
from ofadsl.search.compute import Dimensions, violation
from ofadsl.search.front import Floats, Front, arch_name
from ofadsl.search.kinds import Kind
from ofadsl.search.problem import Batch
from ofadsl.search.terms import mentioned
from ofadsl.search.vocabulary import ANALYTIC, MEASURED, Vocabulary


def pick(front: Front, text: str | None) -> int:
    """Return the place of the arch that is best in the first objective; OFA238 where none fits."""
    constraints = () if text is None else _constraints(front, text)
    far = np.zeros(len(front.archs))
    for constraint in constraints:
        far += _far(front, constraint)
    fitting = np.flatnonzero(far == 0)
    if not len(fitting):
        raise _none(front, constraints, int(far.argmin()))
    first = front.values[fitting, 0] * (-1 if front.objectives[0].maximize else 1)
    return int(fitting[first.argmin()])


def _constraints(front: Front, text: str) -> tuple[Constraint, ...]:
    analytic = {name: ANALYTIC.get(name, Kind.PLAIN) for name in front.costs if "[" not in name}
    devices = {cost: _devices(front, cost) for cost in MEASURED}
    vocabulary = Vocabulary(costs=analytic, devices=devices, dimensions={})
    return check_constraints(Source(path="--pick", text=text), vocabulary)


def _devices(front: Front, cost: str) -> tuple[str, ...]:
    return tuple(n[len(cost) + 1 : -1] for n in front.costs if n.startswith(f"{cost}["))


def _far(front: Front, constraint: Constraint) -> Floats:
    known = {name: _meant(front, name) for name in front.costs}
    batch = Batch(x=front.x, costs={}, known=known)
    return violation(constraint.condition, batch, Dimensions(tables=(), live=()))


def _meant(front: Front, name: str) -> Floats:
    """Return a cost as the search meant it: a latency is the upper end where that was asked for."""
    if front.confident and name.partition("[")[0] in MEASURED:
        return front.intervals[name][:, 1]
    return front.costs[name]


def _none(front: Front, constraints: tuple[Constraint, ...], nearest: int) -> Exception:
    far = [float(_far(front, constraint)[nearest]) for constraint in constraints]
    worst = constraints[int(np.argmax(far))]
    names = sorted(mentioned(worst.condition)[1])
    values = ", ".join(f"{_meant(front, n)[nearest]:.6g}" for n in names)
    label = f"the nearest, {arch_name(nearest)}, has {values}"
    help = "allow more, or search again with this condition in --where"
    message = f"none of the {len(front.archs)} archs of the front is picked"
    return fault("OFA238", message, span=worst.span, label=label, help=help)
