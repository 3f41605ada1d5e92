"""Drift: how fast the device was at any time, told by an arch that is measured again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ofadsl.calibrate.nnls import Floats


def reference_at(times: Sequence[float], readings: Sequence[float], when: Floats) -> Floats:
    """Return what the reference would have taken at each time of ``when``.

    A reading is replaced by the median of it and its neighbours before lines are drawn from one to
    the next: what disturbs a single reading is no drift.
    """
    values = np.asarray(readings, np.float64)
    if len(values) > 2:
        inner = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
        values = np.concatenate([[values[:2].mean()], inner, [values[-2:].mean()]])
    return np.asarray(np.interp(when, np.asarray(times, np.float64), values))


def uncertainty(values: Floats) -> float:
    """Return how far the median of values may be off, as a part of it; infinite for less than 3."""
    if len(values) < 3:
        return float("inf")
    middle = float(np.median(values))
    spread = _SIGMA * float(np.median(np.abs(values - middle)))
    return _MEDIAN * spread / middle / float(np.sqrt(len(values)))


_SIGMA = 1.4826  # from the median deviation to the standard one
_MEDIAN = 1.2533  # a median varies so much more than a mean
