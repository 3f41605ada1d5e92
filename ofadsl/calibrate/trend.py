"""The columns of a fit for measured archs, and the way back from coefficients to cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.features import Archs, Features
from ofadsl.calibrate.nnls import Floats, nnls
from ofadsl.calibrate.workload import QUANTITIES

_SHARE = 0.7  # of a deviation that follows the trend of its layer; the rest is the same for all
_ROUGH = 0.05
_WIDTH = 0.3
_DENSE = 1 / 3
_MATTERS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """Samples as rows: ``x`` has the trend's columns, a constant, the sources; ``z`` deviations."""

    features: Features
    x: Floats
    z: Floats
    y: Floats
    totals: int
    sources: int
    thin: NDArray[np.bool_]
    """Which columns are the work of ops that do little with each element."""
    launches: NDArray[np.bool_]
    """Which columns count kernels, or nothing at all: the host's part."""
    columns: Floats
    """The same columns for each cell."""
    scale: Floats
    """How large a deviation is expected of each cell."""

    def collapse(self, vectors: Floats, *, split: bool) -> tuple[Floats, Floats | None, Floats]:
        """Return (cells, vectors) tables of what is computed and launched, and the constants."""
        width = self.columns.shape[1]
        constant = width - self.sources - 1
        coefficients, deviations = vectors[:width], vectors[width:]
        deviation = self.scale[:, None] * self.features.spread(deviations)
        if not split:
            return self.columns @ coefficients + deviation, None, vectors[constant]
        own = ~self.launches
        compute = self.columns[:, own] @ coefficients[own] + deviation
        launch = self.columns[:, self.launches] @ coefficients[self.launches]
        return compute, launch, vectors[constant]


def design_of(features: Features, x: Archs, y: Floats, sources: Sequence[Floats]) -> Design:
    """Return the columns for archs ``x``, each with a mean of 1, so that scales compare."""
    cells = features.cells(x)
    sums = features.summed(features.trend, cells)
    mean = sums.mean(axis=0)
    kept = (mean > 0) & (sums.std(axis=0) > 1e-9 * mean)
    kept[: features.totals] = mean[: features.totals] > 0
    trend = features.trend[:, kept] / mean[kept]
    columns = np.concatenate([trend, np.zeros((len(trend), 1))], axis=1)
    if sources:
        tables = np.stack(sources, axis=1)
        level = features.summed(tables, cells).mean(axis=0)
        columns = np.concatenate([columns, tables / level], axis=1)
    own = trend.shape[1]
    rows = features.summed(columns, cells)
    rows[:, own] = 1
    kernels = np.flatnonzero(kept) % len(QUANTITIES) == QUANTITIES.index("kernels")
    launches = np.zeros(columns.shape[1], np.bool_)
    launches[:own] = kernels
    launches[own] = True
    thin = np.append(_thin(mean, features.totals)[kept], False)
    totals = int(kept[: features.totals].sum())
    scale = _scale(features, rows[:, : own + 1], y, trend, cells)
    return Design(
        features=features,
        x=rows,
        z=features.counts(scale, cells),
        y=y,
        totals=totals,
        sources=len(sources),
        thin=thin,
        launches=launches,
        columns=columns,
        scale=scale,
    )


def _thin(mean: Floats, totals: int) -> NDArray[np.bool_]:
    """Return which columns are the work of classes that do little with each element.

    What such a class takes says little of what the others do: a depthwise convolution waits for
    memory where a pointwise one computes.
    """
    work = mean[totals:].reshape(-1, len(QUANTITIES))
    macs, elements = work[:, 0], work[:, 1]
    share = macs / max(float(macs.sum()), 1.0)
    density = macs / np.maximum(elements, 1.0)
    thin = np.zeros((len(work), len(QUANTITIES)), np.bool_)
    thin[:, :2] = ((share > _MATTERS) & (density < _DENSE * float(share @ density)))[:, None]
    return np.concatenate([np.zeros(totals, np.bool_), thin.reshape(-1)])


def _scale(
    features: Features, rows: Floats, y: Floats, trend: Floats, cells: NDArray[np.intp]
) -> Floats:
    """Return the part of each cell in a rough trend, blended with the mean of all cells."""
    white = rows / y[:, None] / _ROUGH
    hessian = white.T @ white + np.eye(white.shape[1]) / _WIDTH**2
    target = white.T @ np.full(len(y), 1 / _ROUGH)
    rough, _ = nnls(hessian, target, np.ones(len(target), np.bool_))
    part = trend @ rough[:-1]
    present = features.ratio > 0
    mean = float(part[cells].sum() / max(1, int(present[cells].sum())))
    return np.where(present, _SHARE * part + (1 - _SHARE) * mean, 0.0)
