"""What an estimator is linear in: columns of work, and one cell for each choice of each layer.

In: a workload. Out: flat tables over all cells of all layers, so that the features of an arch are
sums of the rows that its choices select. Layers that do the same work share a kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.workload import COLUMNS, QUANTITIES, Layer, Workload

Archs = NDArray[np.uint8]
_LENGTH = 0.5  # kinds that are this far apart in log-work have little in common
_CONTRAST = 50.0
_SHARED = 0.4  # all layers together at one resolution: less than each for itself
_SMOOTH = 3.0  # steps of the resolution that have much in common


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Tables over the cells of a space; a cell is a layer with all choices that it depends on."""

    workload: Workload
    starts: NDArray[np.intp]
    """The first cell of each layer."""
    trend: Floats
    """(cells, columns): totals of each quantity, then each quantity of each class of ops."""
    totals: int
    """How many of the columns are totals."""
    ratio: Floats
    """The work of a cell, in units of that of its kind."""
    kind: NDArray[np.intp]
    size: NDArray[np.intp]
    """The kind that stands for the resolution of a cell; 0, with no share, for other cells."""
    shared: Floats
    """How far a cell follows the kind of its resolution."""
    likeness: Floats
    """(kinds, kinds): 1 where layers do the same work, less the more they differ."""

    @property
    def kinds(self) -> int:
        """How many different layers there are."""
        return len(self.likeness)

    def cells(self, x: Archs) -> NDArray[np.intp]:
        """Return the cells of each arch: an array (archs, layers)."""
        layers = self.workload.layers
        found = [layer.index(x) + start for layer, start in zip(layers, self.starts, strict=True)]
        return np.stack(found, axis=1)

    def summed(self, values: Floats, cells: NDArray[np.intp]) -> Floats:
        """Return the sum over the cells of each arch of a table (cells, ...)."""
        total = np.zeros((len(cells), *values.shape[1:]))
        for column in cells.T:
            total += values[column]
        return total

    def counts(self, scale: Floats, cells: NDArray[np.intp]) -> Floats:
        """Return an array (archs, kinds): the sum of ``scale`` over the cells of each kind."""
        out = np.zeros((len(cells), self.kinds))
        rows = np.arange(len(cells))
        for column in cells.T:
            out[rows, self.kind[column]] += scale[column]  # a layer has one cell of an arch
            out[rows, self.size[column]] += scale[column] * self.shared[column]
        return out

    def spread(self, deviations: Floats) -> Floats:
        """Return the deviation of each cell from those of the kinds: the reverse of ``counts``."""
        own = deviations[self.kind]
        shared = self.shared.reshape(-1, *[1] * (deviations.ndim - 1))
        return np.asarray(own + shared * deviations[self.size])


def features_of(workload: Workload) -> Features:
    """Return the tables of a workload."""
    works, references, sizes_of = [], [], []
    for layer in workload.layers:
        work = layer.work
        reference = work
        if workload.resolution in layer.dims:
            axis = layer.dims.index(workload.resolution)
            largest = np.take(work, [work.shape[axis] - 1], axis=axis)
            reference = np.broadcast_to(largest, work.shape)
        sizes_of.append(_resolutions(workload, layer))
        works.append(work.reshape(-1, len(COLUMNS)))
        references.append(reference.reshape(-1, len(COLUMNS)))
    sizes = [len(work) for work in works]
    every, reference = np.concatenate(works), np.concatenate(references)
    kinds, kind = np.unique(reference, axis=0, return_inverse=True)
    size = np.concatenate(sizes_of)
    likeness = _likeness(kinds)
    steps = np.arange(size.max() + 1)
    curve = np.exp(-((steps[:, None] - steps[None]) ** 2) / (2 * _SMOOTH**2))
    both = np.zeros((len(kinds) + len(steps),) * 2)
    both[: len(kinds), : len(kinds)] = likeness
    both[len(kinds) :, len(kinds) :] = curve
    amount, whole = every.sum(axis=1), reference.sum(axis=1)
    totals = [every[:, i :: len(QUANTITIES)].sum(axis=1) for i in range(len(QUANTITIES))]
    return Features(
        workload=workload,
        starts=np.cumsum([0, *sizes[:-1]]),
        trend=np.concatenate([np.stack(totals, axis=1), every], axis=1),
        totals=len(QUANTITIES),
        ratio=np.divide(amount, whole, out=np.zeros_like(amount), where=whole > 0),
        kind=kind.reshape(-1),
        size=np.where(size >= 0, size + len(kinds), 0),
        shared=np.where(size >= 0, _SHARED, 0.0),
        likeness=both,
    )


def _resolutions(workload: Workload, layer: Layer) -> NDArray[np.intp]:
    """Return which resolution each cell of a layer is at, -1 where it does not matter."""
    if workload.resolution not in layer.dims:
        return np.full(math.prod(layer.shape), -1, np.intp)
    axis = layer.dims.index(workload.resolution)
    return np.asarray(np.indices(layer.shape)[axis].reshape(-1), np.intp)


def _likeness(kinds: Floats) -> Floats:
    largest = np.maximum(kinds.max(axis=0), 1)
    features = np.log1p(kinds / largest * _CONTRAST) / np.log1p(_CONTRAST)
    squares = (features**2).sum(axis=1)
    distance = squares[:, None] + squares[None] - 2 * features @ features.T
    return np.asarray(np.exp(-np.maximum(distance, 0) / (2 * _LENGTH**2)))
