"""Some points of a front that stand for all: its ends, and then what is farthest from the rest."""

from __future__ import annotations

import numpy as np

from ofadsl.search.domination import Places
from ofadsl.search.front import Floats


def spread_out(values: Floats, count: int) -> Places:
    """Return at most ``count`` points, by the order of their first objective."""
    order = np.lexsort(values.T[::-1])
    if len(values) <= count:
        return order
    spans = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(spans > 0, spans, 1)
    chosen = list(dict.fromkeys(int(i) for i in values.argmin(axis=0)))[:count]
    nearest = np.full(len(values), np.inf)
    for point in chosen:
        nearest = np.minimum(nearest, np.square(scaled - scaled[point]).sum(axis=1))
    while len(chosen) < count:
        point = int(nearest.argmax())
        chosen.append(point)
        nearest = np.minimum(nearest, np.square(scaled - scaled[point]).sum(axis=1))
    kept = np.zeros(len(values), np.bool_)
    kept[chosen] = True
    return order[kept[order]]
