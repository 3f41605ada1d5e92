"""Which archs to measure: those that tell most about all others.

In: candidates, and tables of other devices if there are any. Out: the order in which to measure
them, by how far each lowers the variance of a fit, averaged over the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.features import Archs, Features
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.trend import design_of

_CLASSES = 0.1
_TOTALS = 0.5
_SOURCES = 0.3
_SMOOTH = 0.15
_SINGLE = 0.05
_NOISE = 0.03


def choose(
    features: Features, candidates: Archs, n: int, *, sources: Sequence[Floats] = ()
) -> NDArray[np.intp]:
    """Return the rows of the ``n`` candidates to measure, the most telling first."""
    covariance = _prior(features, candidates, sources)
    chosen: list[int] = []
    for _ in range(n):
        gain = (covariance**2).sum(axis=0) / (np.diag(covariance) + _NOISE**2)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        column = covariance[:, best]
        covariance = covariance - np.outer(column, column) / (column[best] + _NOISE**2)
    return np.array(chosen, np.intp)


def _prior(features: Features, x: Archs, sources: Sequence[Floats]) -> Floats:
    """Return the covariance of relative latencies before anything is measured."""
    guess = _guess(features, x, sources)
    design = design_of(features, x, guess, sources)
    scales = np.full(design.x.shape[1], _CLASSES)
    scales[: design.totals] = _TOTALS
    constant = design.x.shape[1] - design.sources - 1
    scales[constant] = _TOTALS
    scales[constant + 1 :] = _SOURCES
    trend = design.x * scales / guess[:, None]
    z = design.z / guess[:, None]
    smooth = z @ design.features.likeness @ z.T
    return np.asarray(trend @ trend.T + _SMOOTH**2 * smooth + _SINGLE**2 * z @ z.T)


def _guess(features: Features, x: Archs, sources: Sequence[Floats]) -> Floats:
    """Return a latency with a mean of 1: that of the sources, or of the totals."""
    tables = np.stack(sources, axis=1) if sources else features.trend[:, : features.totals]
    sums = features.summed(tables, features.cells(x))
    mean = sums.mean(axis=0)
    return np.asarray((sums[:, mean > 0] / mean[mean > 0]).mean(axis=1))
