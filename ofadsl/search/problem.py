"""What a search is to solve: a domain, objectives and constraints over columns of costs.

Columns are computed when something asks for them, once for each batch of archs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofadsl.search.domain import Domain
from ofadsl.search.front import Archs, Floats

Cost = Callable[[Archs], NDArray[Any]]
Rows = NDArray[np.intp] | NDArray[np.bool_] | slice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Archs, and what is known of them."""

    x: Archs
    costs: Mapping[str, Cost]
    known: dict[str, Floats] = field(default_factory=dict)

    def column(self, name: str) -> Floats:
        """Return a cost of each arch."""
        if name not in self.known:
            self.known[name] = np.asarray(self.costs[name](self.x), np.float64)
        return self.known[name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Objectives are minimised; an arch is feasible where all its violations are 0."""

    domain: Domain
    costs: Mapping[str, Cost]
    objectives: tuple[Callable[[Batch], Floats], ...]
    constraints: tuple[Callable[[Batch], Floats], ...]
    """Each gives how far an arch is from meeting it, relative to its bound."""

    def evaluate(self, x: Archs) -> Evaluated:
        """Return archs with their objectives and violations."""
        batch = Batch(x=x, costs=self.costs)
        values = np.empty((len(x), len(self.objectives)))
        for i, objective in enumerate(self.objectives):
            values[:, i] = objective(batch)
        violation = np.zeros(len(x))
        for constraint in self.constraints:
            violation += constraint(batch)
        violation[~np.isfinite(values).all(axis=1)] = np.inf
        return Evaluated(x=x, values=values, violation=violation)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """Archs with their objectives, (archs, objectives), and the sum of their violations."""

    x: Archs
    values: Floats
    violation: Floats

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Rows) -> Evaluated:
        return Evaluated(x=self.x[rows], values=self.values[rows], violation=self.violation[rows])

    def join(self, other: Evaluated) -> Evaluated:
        """Return the archs of both."""
        return Evaluated(
            x=np.concatenate([self.x, other.x]),
            values=np.concatenate([self.values, other.values]),
            violation=np.concatenate([self.violation, other.violation]),
        )
