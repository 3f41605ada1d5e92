"""Whether a device launches kernels while it computes: a soft maximum in place of a sum.

y = (launch^p + compute^p)^(1/p) is homogeneous, so with its slopes as gates it is linear again,
y = g launch + h compute, and the same machinery fits it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ofadsl.calibrate.nnls import Floats, nnls
from ofadsl.calibrate.trend import Design

_POWERS = (3.0, 8.0)
_BETTER = 0.93  # an additive model is kept unless errors fall to this part
_ROUNDS = 12
_ROUGH = 0.05
_FOLDS = 5
_WIDTH = 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gate:
    """The slopes of the soft maximum with respect to its parts, for each sample."""

    power: float
    launch: Floats
    compute: Floats


def choose_gate(design: Design) -> Gate | None:
    """Return the gates that cross-validation prefers to a sum, or None."""
    n = len(design.y)
    folds = np.arange(n) % _FOLDS
    losses = {}
    for power in (1.0, *_POWERS):
        errors = np.zeros(n)
        for fold in range(_FOLDS):
            train, test = folds != fold, folds == fold
            b = _trend(design, train, power)
            errors[test] = _value(design, b, power)[test] / design.y[test] - 1
        losses[power] = float(np.mean(np.minimum(np.abs(errors), 0.3)))
    best = min(_POWERS, key=lambda power: losses[power])
    if losses[best] > _BETTER * losses[1.0]:
        return None
    launch, compute = _parts(design, _trend(design, np.ones(n, np.bool_), best))
    total = (launch**best + compute**best) ** (1 / best)
    return Gate(
        power=best,
        launch=(launch / total) ** (best - 1),
        compute=(compute / total) ** (best - 1),
    )


def _trend(design: Design, rows: np.ndarray, power: float) -> Floats:
    x, y = design.x[rows], design.y[rows]
    own = x.shape[1] - design.sources
    scales = np.full(x.shape[1], _WIDTH)
    scales[: design.totals] = 1.0
    scales[own - 1] = 1.0
    launch = compute = np.full(len(y), 2.0 ** (1 / power - 1))
    b = np.zeros(x.shape[1])
    for _ in range(_ROUNDS if power > 1 else 1):
        gates = np.where(design.launches[None], launch[:, None], compute[:, None])
        white = x * (gates if power > 1 else 1.0) / y[:, None] / _ROUGH
        hessian = white.T @ white + np.diag(scales**-2)
        target = white.T @ np.full(len(y), 1 / _ROUGH)
        new, _ = nnls(hessian, target, np.ones(len(target), np.bool_))
        b = new if power == 1 or not b.any() else (b + new) / 2
        first = np.maximum(x[:, design.launches] @ b[design.launches], 1e-3)
        second = np.maximum(x[:, ~design.launches] @ b[~design.launches], 1e-3)
        total = (first**power + second**power) ** (1 / power)
        launch, compute = (first / total) ** (power - 1), (second / total) ** (power - 1)
    return b


def _parts(design: Design, b: Floats) -> tuple[Floats, Floats]:
    launches = design.launches
    first = np.maximum(design.x[:, launches] @ b[launches], 1e-3)
    second = np.maximum(design.x[:, ~launches] @ b[~launches], 1e-3)
    return first, second


def _value(design: Design, b: Floats, power: float) -> Floats:
    launch, compute = _parts(design, b)
    return np.asarray((launch**power + compute**power) ** (1 / power))
