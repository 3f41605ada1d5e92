"""What a predictor sees of an arch: its size, how large each choice is, which choice it is.

A dimension that does not matter to an arch says nothing: all its columns are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.search.compute import Dimensions
from ofadsl.search.front import Archs
from ofadsl.search.problem import Cost

Single = NDArray[np.float32]


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

    def columns(self, x: Archs) -> Single:
        """Return the columns of each arch."""
        lengths = np.array([len(table) for table in self.dimensions.tables])
        first, middle, last = self.widths
        found = np.zeros((len(x), first + middle + last), np.float32)
        for i, size in enumerate(self.sizes):
            found[:, i] = np.log(np.maximum(size(x), 1))
        alive = self._alive(x)
        ranks = found[:, first : first + middle]
        np.multiply(x, (1 / np.maximum(lengths - 1, 1)).astype(np.float32), out=ranks)
        ranks -= 0.5
        ranks *= alive
        starts = first + middle + np.concatenate([[0], np.cumsum(lengths)[:-1]])
        single = x + (starts + found.shape[1] * np.arange(len(x))[:, None])
        found.reshape(-1)[single] = alive
        return found

    def _alive(self, x: Archs) -> Single:
        """Return 1 for each dimension that matters to an arch, else 0."""
        alive = np.ones(x.shape, np.float32)
        together: dict[int, list[int]] = {}
        for d, live in enumerate(self.dimensions.live):
            if live is not None:
                together.setdefault(id(live), []).append(d)
        for dims in together.values():
            live = self.dimensions.live[dims[0]]
            assert live is not None
            alive[:, dims] = live(x)[:, None]
        return alive
