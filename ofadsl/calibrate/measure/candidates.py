"""Which archs may be measured: the extremes of a space, and a sample of what lies between."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np

from ofadsl.calibrate.archs import Target
from ofadsl.calibrate.design import choose
from ofadsl.calibrate.features import Archs
from ofadsl.diagnostics import fault
from ofadsl.space import Space, extreme

_LEAST = 1500  # more teach a choice of fifty nothing, and take longer
_TRIES = 20  # samples for each arch: the last ones of a small space come up rarely


def at_resolutions(target: Target, resolutions: Sequence[int]) -> Space:
    """Return the space at some of its resolutions, all if none is named; else raise OFA146."""
    if not resolutions:
        return target.space
    column = target.features.workload.resolution
    known = () if column is None else target.space.dims[column].var.values
    for resolution in resolutions:
        if resolution not in known:
            message = f"{target.space.name} has no resolution of {resolution}"
            listed = ", ".join(map(str, known)) or "a size that is no choice"
            raise fault("OFA146", message, help=f"it has {listed}")
    return target.space.restrict({"resolution": resolutions})


def chosen(target: Target, space: Space, n: int, seed: int) -> Archs:
    """Return ``n`` archs, the most telling first."""
    _refuse_too_many(space, n)
    x = candidates(space, max(_LEAST, 3 * n), seed)
    return np.asarray(x[choose(target.features, x, n)])


def drawn(space: Space, n: int, seed: int) -> Archs:
    """Return ``n`` archs drawn at random."""
    _refuse_too_many(space, n)
    return _sampled(space, n, seed)


def middle(target: Target, space: Space, seed: int) -> Archs:
    """Return the arch of the median multiply-adds among some."""
    x = _sampled(space, _LEAST, seed)
    order = np.argsort(target.cost.macs(x), kind="stable")
    return np.asarray(x[order[len(x) // 2]])


def candidates(space: Space, count: int, seed: int) -> Archs:
    """Return so many different archs, or all there are: the smallest, the largest, others drawn."""
    draws = space.draws()
    ends = [extreme(space, draws, largest=largest) for largest in (False, True)]
    x = np.concatenate([np.array(ends, np.uint8), _sampled(space, count, seed)])
    return _distinct(x)[:count]


def _sampled(space: Space, count: int, seed: int) -> Archs:
    count = min(count, space.size())
    samples = space.samples(random.Random(seed))
    found: dict[tuple[int, ...], None] = {}
    for arch in itertools.islice(samples, _TRIES * count + _LEAST):
        found[arch] = None
        if len(found) == count:
            break
    return np.array(list(found), np.uint8)


def _distinct(x: Archs) -> Archs:
    """Return the rows without those that stood before, in their order."""
    _, first = np.unique(x, axis=0, return_index=True)
    return np.asarray(x[np.sort(first)])


def _refuse_too_many(space: Space, n: int) -> None:
    count = space.size()
    if n > count:
        message = f"{n} archs were asked for, and {space.name} has {count} to measure"
        raise fault("OFA145", message, help=f"ask for {count} with -n, or for more resolutions")
