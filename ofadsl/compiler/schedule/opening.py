"""What each phase leaves open: the values of every dimension, unlocked one phase after the other.

In: drafts and a space. Out: for each phase the values that `unlock` has opened up to there, by
the name of the dimension; what is missing is locked. Mistakes go to the report.
"""

from __future__ import annotations

from collections.abc import Sequence

from ofadsl.compiler.report import Report
from ofadsl.compiler.schedule.dimensions import named
from ofadsl.compiler.schedule.draft import Draft, Opening
from ofadsl.compiler.schedule.order import Order
from ofadsl.expr import Value
from ofadsl.space import Dim, Space

Opened = dict[str, frozenset[Value]]


def opened(
    drafts: Sequence[Draft], space: Space, order: Order, report: Report
) -> tuple[Opened, ...]:
    """Return what is open in each phase."""
    phases = []
    so_far: Opened = {}
    for draft in drafts:
        so_far = dict(so_far)
        for opening in draft.openings:
            dims = named(opening.node, space, report)
            for dim in dims:
                values = _values(opening, order[dim.var.name])
                so_far[dim.var.name] = so_far.get(dim.var.name, frozenset()) | values
            if dims:
                _bounded(opening, dims, order, report)
        phases.append(so_far)
    return tuple(phases)


def _values(opening: Opening, ordered: tuple[Value, ...]) -> frozenset[Value]:
    """Return the values of a dimension, from the smallest, that an `unlock` opens."""
    if opening.largest is not None:
        return frozenset(ordered[-opening.largest :])
    if opening.least is None:
        return frozenset(ordered)
    least = opening.least
    return frozenset(v for v in ordered if not isinstance(v, str) and v >= least)


def _bounded(opening: Opening, dims: Sequence[Dim], order: Order, report: Report) -> None:
    """Report a bound of `from` that no value of any of the dimensions reaches."""
    if opening.least is None or any(_values(opening, order[dim.var.name]) for dim in dims):
        return
    part = opening.node.part
    assert part is not None
    tops = [order[dim.var.name][-1] for dim in dims]
    numbers = [value for value in tops if not isinstance(value, str)]
    label = f"the largest is {max(numbers)}" if numbers else "these are words, not numbers"
    help = "use a smaller one" if numbers else "write `largest 2` for the two that compute the most"
    report.add(
        "OFA165", "`from` opens the values that are at least so large", part.span, label, help
    )
