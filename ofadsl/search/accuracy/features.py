"""What a predictor sees of an arch: its size, how large each choice is, which choice it is.

A dimension that does not matter to an arch says nothing: all its columns are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ofadsl.search.compute import Dimensions
from ofadsl.search.front import Archs, Floats
from ofadsl.search.problem import Cost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Columns in three blocks: logarithms of costs, ranks of choices, one for each choice."""

    dimensions: Dimensions
    sizes: tuple[Cost, ...]

    @property
    def widths(self) -> tuple[int, int, int]:
        """How many columns each block has."""
        lengths = [len(table) for table in self.dimensions.tables]
        return len(self.sizes), len(lengths), sum(lengths)

    def columns(self, x: Archs) -> Floats:
        """Return the columns of each arch."""
        tables = self.dimensions.tables
        lengths = np.array([len(table) for table in tables])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        first, middle, last = self.widths
        found = np.zeros((len(x), first + middle + last))
        for i, size in enumerate(self.sizes):
            found[:, i] = np.log(np.maximum(size(x), 1))
        ranks = found[:, first : first + middle]
        ranks[:] = x / np.maximum(lengths - 1, 1) - 0.5
        single = x.astype(np.intp) + (first + middle + starts)
        np.put_along_axis(found, single, 1.0, axis=1)
        for d, live in enumerate(self.dimensions.live):
            if live is not None:
                dead = np.flatnonzero(~live(x))
                ranks[dead, d] = 0
                found[dead, single[dead, d]] = 0
        return found
