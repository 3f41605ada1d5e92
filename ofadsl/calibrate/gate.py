"""Whether a device launches kernels while it computes: a soft maximum in place of a sum.

y = (launch^p + compute^p)^(1/p) is homogeneous, so with its slopes as gates it is linear again,
y = g launch + h compute, and the same machinery fits it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ofadsl.calibrate.nnls import Flags, Floats, nnls
from ofadsl.calibrate.trend import Design

_POWERS = (6.0, 12.0, 24.0)
_BETTER = 0.93  # an additive model is kept unless errors fall to this part
_ROUNDS = 15
_LEAST = 1e-3
_ROUGH = 0.05
_FOLDS = 5
_TOTAL = 1.0
_THIN = 0.4
_CLASS = 0.05
_SOURCE = 0.15


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
            test = folds == fold
            launch, compute = _parts(design, test, _trend(design, ~test, power))
            errors[test] = _joined(launch, compute, power) / design.y[test] - 1
        losses[power] = float(np.mean(np.minimum(np.abs(errors), 0.3)))
    best = min(_POWERS, key=lambda power: losses[power])
    if losses[best] > _BETTER * losses[1.0]:
        return None
    every = np.ones(n, np.bool_)
    launch, compute = _gates(*_parts(design, every, _trend(design, every, best)), best)
    return Gate(power=best, launch=launch, compute=compute)


def _trend(design: Design, rows: Flags, power: float) -> Floats:
    """Return the coefficients of a rough trend; a sharp maximum starts from a softer one."""
    x, y = design.x[rows], design.y[rows]
    scales = _scales(design)
    launch = compute = np.full(len(y), 2.0 ** (1 / power - 1))
    b = np.zeros(x.shape[1])
    if power > 2 * _POWERS[0] - 1:
        b = _trend(design, rows, power / 2)
        launch, compute = _gates(*_parts(design, rows, b), power)
    for _ in range(_ROUNDS if power > 1 else 1):
        gates = np.where(design.launches[None], launch[:, None], compute[:, None])
        white = x * gates / y[:, None] / _ROUGH
        hessian = white.T @ white + np.diag(scales**-2)
        target = white.T @ np.full(len(y), 1 / _ROUGH)
        new, _ = nnls(hessian, target, np.ones(len(target), np.bool_))
        b = (b + new) / 2 if b.any() else new
        launch, compute = _gates(*_parts(design, rows, b), power)
    return b


def _scales(design: Design) -> Floats:
    own = design.x.shape[1] - design.sources
    scales = np.full(design.x.shape[1], _CLASS)
    scales[:own][design.thin] = _THIN
    scales[: design.totals] = _TOTAL
    scales[own - 1] = _TOTAL
    scales[own:] = _SOURCE
    return scales


def _parts(design: Design, rows: Flags, b: Floats) -> tuple[Floats, Floats]:
    """Return what is launched and what is computed."""
    x, own = design.x[rows], design.launches
    launch, compute = x[:, own] @ b[own], x[:, ~own] @ b[~own]
    return np.maximum(launch, _LEAST), np.maximum(compute, _LEAST)


def _gates(launch: Floats, compute: Floats, power: float) -> tuple[Floats, Floats]:
    """Return the slopes of the soft maximum."""
    total = _joined(launch, compute, power)
    return (launch / total) ** (power - 1), (compute / total) ** (power - 1)


def _joined(launch: Floats, compute: Floats, power: float) -> Floats:
    return np.asarray((launch**power + compute**power) ** (1 / power))
