"""One arch of a front: the best of those that meet a condition on costs and dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofadsl.chart import shown
from ofadsl.diagnostics import Source, fault
from ofadsl.search.check import Constraint, check_constraints
from ofadsl.search.compute import Dimensions, violation, word_number
from ofadsl.search.front import Archs, Floats, Front, arch_name
from ofadsl.search.kinds import Kind
from ofadsl.search.problem import Batch
from ofadsl.search.terms import mentioned
from ofadsl.search.vocabulary import ANALYTIC, MEASURED, Vocabulary, dimensions_named


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
    dimensions = dimensions_named(front.dimensions)
    vocabulary = Vocabulary(costs=analytic, devices=devices, dimensions=dimensions)
    return check_constraints(Source(path="--pick", text=text), vocabulary)


def _devices(front: Front, cost: str) -> tuple[str, ...]:
    return tuple(n[len(cost) + 1 : -1] for n in front.costs if n.startswith(f"{cost}["))


def _far(front: Front, constraint: Constraint) -> Floats:
    known = {name: _meant(front, name) for name in front.costs}
    batch = Batch(x=front.x, costs={}, known=known)
    return violation(constraint.condition, batch, _dimensions(front))


def _dimensions(front: Front) -> Dimensions:
    """Return the values of dimensions; one that an arch does not say does not matter to it."""
    known = [said(arch) for arch in front.archs]

    def live(name: str) -> Callable[[Archs], NDArray[np.bool_]]:
        return lambda _: np.array([name in names for names in known], np.bool_)

    return Dimensions(
        tables=tuple(np.array([*map(word_number, own)]) for own in front.dimensions.values()),
        live=tuple(map(live, front.dimensions)),
    )


def said(arch: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the dimensions that an arch says, as expressions name them."""
    found = {key for key in arch if key not in ("space", "stages", "choices")}
    found |= {*arch.get("choices", ())}
    for name, stage in arch.get("stages", {}).items():
        found |= {f"{name}.{key}" for key in stage if key != "blocks"}
        for i, block in enumerate(stage.get("blocks", ())):
            found |= {f"{name}.{i}.{key}" for key in block}
    return frozenset(found)


def _meant(front: Front, name: str) -> Floats:
    """Return a cost as the search meant it: a latency is the upper end where that was asked for."""
    if front.confident and name.partition("[")[0] in MEASURED:
        return front.intervals[name][:, 1]
    return front.costs[name]


def _none(front: Front, constraints: tuple[Constraint, ...], nearest: int) -> Exception:
    far = [float(_far(front, constraint)[nearest]) for constraint in constraints]
    worst = constraints[int(np.argmax(far))]
    label = f"the nearest is {arch_name(nearest)}"
    if told := ", ".join(_told(front, worst, nearest)):
        label = f"the nearest, {arch_name(nearest)}, has {told}"
    help = "allow more, or search again with this condition in --where"
    message = f"none of the {len(front.archs)} archs of the front is picked"
    return fault("OFA238", message, span=worst.span, label=label, help=help)


def _told(front: Front, constraint: Constraint, row: int) -> Iterator[str]:
    """Yield what an arch has of all that a condition mentions."""
    columns, names = mentioned(constraint.condition)
    for name in sorted(names):
        yield f"{name} {shown(float(_meant(front, name)[row]), front.units[name])}"
    for column in sorted(columns):
        name, values = [*front.dimensions.items()][column]
        yield f"{name} {values[front.x[row, column]]}"
