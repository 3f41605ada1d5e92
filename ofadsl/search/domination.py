"""Who is better than whom: ranks of non-dominated sorting, crowding, the front of many points.

Values are (points, objectives), smaller is better. All is exact: no tolerance.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from ofadsl.search.front import Floats

Places = NDArray[np.intp]
_BLOCK = 32  # points that others are compared with at a time


def ranks(values: Floats, enough: int | None = None) -> Places:
    """Return the front of each point, the best 0 (Deb et al. 2002, section III A).

    Points beyond the fronts that hold the first ``enough`` may all have the rank after them.
    """
    unique, inverse = _distinct(values)
    if unique.shape[1] == 1:
        return np.asarray(inverse, np.intp)
    if unique.shape[1] == 2:
        return _two(unique)[inverse]
    wanted = len(unique) if enough is None else min(enough, len(unique))
    return _many(unique, wanted)[inverse]


def _distinct(values: Floats) -> tuple[Floats, Places]:
    """Return the distinct points in ascending order, and which of them each point is.

    `np.unique` of rows returns the same; it compares rows as records, which is slower.
    """
    order = np.lexsort(values.T[::-1])
    ascending = values[order]
    new = np.ones(len(values), np.bool_)
    new[1:] = (ascending[1:] != ascending[:-1]).any(axis=1)
    inverse = np.empty(len(values), np.intp)
    inverse[order] = np.cumsum(new) - 1
    return ascending[new], inverse


def _two(points: Floats) -> Places:
    """Return the ranks of distinct points in the order of their first value, then the second.

    The fronts' smallest second values ascend: the first that is not at most a point's own is the
    first front of which no point dominates it.
    """
    least: list[float] = []
    found = np.empty(len(points), np.intp)
    for i, second in enumerate(points[:, 1].tolist()):
        rank = bisect_right(least, second)
        if rank == len(least):
            least.append(second)
        else:
            least[rank] = second
        found[i] = rank
    return found


def _many(points: Floats, enough: int) -> Places:
    """Return the ranks of distinct points: peel off what nothing that is left dominates."""
    small = np.int16 if len(points) < 1 << 15 else np.int32
    better = np.ones((len(points), len(points)), np.bool_)
    for column in points.T:
        place = np.unique(column, return_inverse=True)[1].reshape(-1).astype(small)
        better &= np.less_equal(place[:, None], place[None, :])
    np.fill_diagonal(better, False)
    count = better.sum(axis=0, dtype=np.int32)
    found = np.full(len(points), -1, np.intp)
    rank = done = 0
    while done < enough:
        front = np.flatnonzero((count == 0) & (found < 0))
        found[front] = rank
        count -= better[front].sum(axis=0, dtype=np.int32)
        rank, done = rank + 1, done + len(front)
    found[found < 0] = rank
    return found


def crowding(values: Floats, rank: Places) -> Floats:
    """Return how far the neighbours of each point on its front are; the ends are infinitely far."""
    found = np.zeros(len(values))
    for column in values.T if len(values) else ():
        order = np.lexsort((column, rank))
        own, front = column[order], rank[order]
        ends = np.flatnonzero(np.diff(front)) + 1
        starts = np.concatenate([[0], ends])
        stops = np.concatenate([ends, [len(own)]]) - 1
        width = np.repeat(own[stops] - own[starts], stops - starts + 1)
        gap = np.zeros(len(own))
        gap[1:-1] = own[2:] - own[:-2]
        scaled = np.divide(gap, width, out=np.zeros(len(own)), where=width > 0)
        scaled[starts] = scaled[stops] = np.inf
        found[order] += scaled
    return found


def best(values: Floats) -> Places:
    """Return the points that none dominates, the first of each that are equal, in order."""
    if not len(values):
        return np.zeros(0, np.intp)
    if values.shape[1] == 1:
        return np.array([int(values[:, 0].argmin())])
    if values.shape[1] == 2:
        order = np.lexsort((values[:, 1], values[:, 0]))
        second = values[order, 1]
        before = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
        return np.sort(order[second < before])
    return _best_of_many(values)


def _best_of_many(values: Floats) -> Places:
    """Go through the points by the sum of their places: those with low sums dominate most."""
    spans = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(spans > 0, spans, 1)
    order = np.lexsort((*values.T[::-1], scaled.sum(axis=1)))
    done, left = [order[:0]], order
    while len(left):
        block = values[left[:_BLOCK]]
        beaten = np.triu(np.ones((len(block), len(left)), np.bool_), 1)  # by one that is before
        for own, other in zip(block.T, values[left].T, strict=True):
            beaten &= own[:, None] <= other
        kept = np.logical_not(beaten.any(axis=0))
        done.append(left[:_BLOCK][kept[:_BLOCK]])
        left = left[_BLOCK:][kept[_BLOCK:]]
    return np.sort(np.concatenate(done))
