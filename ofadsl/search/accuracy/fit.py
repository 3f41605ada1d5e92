"""From evaluations to a predictor: the method that predicts best what it has not seen.

Each fold is predicted by a fit, choices of scales and all, to the others. What these predictions
miss by gives the intervals; whether an interval of 90 % holds 90 % is counted in each fold with the
misses of the other folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ofadsl.search.accuracy.bounds import Bounds
from ofadsl.search.accuracy.features import Single
from ofadsl.search.accuracy.perceptron import Perceptron
from ofadsl.search.accuracy.ridge import Quadric
from ofadsl.search.front import Floats

FOLDS = 5
LEAST = 10
"""Fewer archs than this say nothing of other archs."""
MANY = 200
"""With as many archs a perceptron is tried too."""

Model = Quadric | Perceptron
Method = Callable[[Single, tuple[int, int, int], Floats], Model]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quality:
    """How a method predicts archs that it has not seen."""

    method: str
    tau: float
    """Kendall's rank correlation."""
    error: float
    """The mean absolute error."""
    coverage: float
    """The part of all archs within the interval of 90 %."""
    misses: Floats
    """All absolute errors, ascending."""


def choose(
    methods: Mapping[str, Method], columns: Single, widths: tuple[int, int, int], y: Floats
) -> tuple[Model, tuple[Quality, ...]]:
    """Return the best method's fit to all archs, and the quality of each, the best first."""
    found = [cross_validated(name, methods[name], columns, widths, y) for name in methods]
    found.sort(key=lambda quality: quality.error)
    return methods[found[0].method](columns, widths, y), tuple(found)


def cross_validated(
    name: str, method: Method, columns: Single, widths: tuple[int, int, int], y: Floats
) -> Quality:
    """Return how well a method predicts each fold from the others."""
    fold = np.random.default_rng(0).permutation(len(y)) % FOLDS
    predicted = np.empty(len(y))
    for k in range(FOLDS):
        out = fold == k
        model = method(columns[~out], widths, y[~out])
        predicted[out] = Bounds.of(y[~out]).within(model.predict(columns[out]))
    misses = np.abs(predicted - y)
    inside = [
        misses[fold == k] <= half_width(np.sort(misses[fold != k]), 0.9) for k in range(FOLDS)
    ]
    return Quality(
        method=name,
        tau=kendall(predicted, y),
        error=float(misses.mean()),
        coverage=float(np.concatenate(inside).mean()),
        misses=np.sort(misses),
    )


def half_width(misses: Floats, coverage: float) -> float:
    """Return the miss that a part ``coverage`` of all archs stays below; misses ascend."""
    place = int(np.ceil(coverage * (len(misses) + 1))) - 1
    return float(misses[min(place, len(misses) - 1)])


def kendall(a: Floats, b: Floats) -> float:
    """Return Kendall's tau-b, which counts ties; 0 where all values of either are equal."""
    signs = np.sign(a[:, None] - a) * np.sign(b[:, None] - b)
    different = [float((values[:, None] != values).sum()) for values in (a, b)]
    scale = float(np.sqrt(different[0] * different[1]))
    return float(signs.sum() / scale) if scale else 0.0
