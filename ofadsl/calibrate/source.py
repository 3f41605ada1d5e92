"""The table of a device that has been measured well, as a value for each cell."""

from __future__ import annotations

import numpy as np

from ofadsl.calibrate.features import Archs, Features
from ofadsl.calibrate.nnls import Floats

_NOISE = 0.03
_TREND = 0.3
_SINGLE = 0.02


def cell_table(features: Features, x: Archs, y: Floats) -> Floats:
    """Return what each cell adds to the latency, by least squares on all measurements."""
    cells = features.cells(x)
    sums = features.summed(features.trend, cells)
    mean = sums.mean(axis=0)
    kept = (mean > 0) & (sums.std(axis=0) > 1e-9 * mean)
    trend = features.trend[:, kept] / mean[kept]
    level = float(np.median(y))
    blocks = [sums[:, kept] / mean[kept], np.ones((len(x), 1))]
    rows = np.concatenate([*blocks, features.counts(features.ratio, cells)], axis=1)
    white = rows / (y / level)[:, None] / _NOISE
    columns = trend.shape[1]
    scales = np.full(rows.shape[1], _SINGLE)
    scales[:columns], scales[columns] = _TREND, 1.0
    hessian = white.T @ white + np.diag(scales**-2)
    b = np.linalg.solve(hessian, white.T @ np.full(len(x), 1 / _NOISE))
    deviations = b[columns + 1 :]
    return np.asarray(level * (trend @ b[:columns] + features.ratio * features.spread(deviations)))
