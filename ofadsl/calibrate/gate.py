"""Whether a device launches kernels while it computes: a soft maximum in place of a sum.

y = (launch^p + compute^p)^(1/p) is homogeneous, so with its slopes as gates it is linear again,
y = g launch + h compute, and the same machinery fits it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ofadsl.calibrate.nnls import Flags, Floats, nnls
from ofadsl.calibrate.trend import Design

_POWERS = (6.0, 12.0, 24.0)
_ROUNDS = 14
_LEAST = 1e-3
_ROUGH = 0.05
_FOLDS = 5
_FAR = 0.3  # an error that is larger counts for no more
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
    error: float
    """The mean relative error of a rough trend on samples that the slopes do not know either."""


def gates_of(design: Design) -> Iterator[Gate]:
    """Yield a gate for each power: 1, which is a sum, then the softest first."""
    n = len(design.y)
    tests = np.arange(n) % _FOLDS == np.arange(_FOLDS)[:, None]
    rows = np.concatenate([~tests, np.ones((1, n), np.bool_)])
    slopes = (np.ones(rows.shape),) * 2
    for power in (1.0, *_POWERS):  # a sharp maximum starts from a softer one
        if power == _POWERS[0]:
            slopes = (np.full(rows.shape, 2.0 ** (1 / power - 1)),) * 2
        b, positive = _fitted(
            design, rows, slopes, np.ones((len(rows), design.x.shape[1]), np.bool_)
        )
        for _ in range(_ROUNDS if power > 1 else 0):
            slopes = _slopes(*_parts(design, b), power)
            new, positive = _fitted(design, rows, slopes, positive)
            b = (b + new) / 2
        parts = _parts(design, b)
        errors = capped(_joined(*parts, power) / design.y - 1)[:-1][tests]
        launch, compute = (slope[-1] for slope in _slopes(*parts, power))
        yield Gate(power=power, launch=launch, compute=compute, error=float(errors.mean()))


def capped(errors: Floats) -> Floats:
    """Return the size of relative errors, no more than counts."""
    return np.asarray(np.minimum(np.abs(errors), _FAR))


def _fitted(
    design: Design, rows: Flags, slopes: tuple[Floats, Floats], start: Flags
) -> tuple[Floats, Flags]:
    """Return the coefficients of rough trends, each of some rows, and which are not 0."""
    launch, compute = slopes
    gates = np.where(design.launches, launch[..., None], compute[..., None])
    white = rows[..., None] * design.x * gates / design.y[:, None] / _ROUGH
    hessian = np.swapaxes(white, 1, 2) @ white + np.diag(_scales(design) ** -2)
    return nnls(hessian, white.sum(axis=1) / _ROUGH, start)


def _scales(design: Design) -> Floats:
    own = design.x.shape[1] - design.sources
    scales = np.full(design.x.shape[1], _CLASS)
    scales[:own][design.thin] = _THIN
    scales[: design.totals] = _TOTAL
    scales[own - 1] = _TOTAL
    scales[own:] = _SOURCE
    return scales


def _parts(design: Design, b: Floats) -> tuple[Floats, Floats]:
    """Return what is launched and what is computed: (trends, samples)."""
    own = design.launches
    launch, compute = b[:, own] @ design.x[:, own].T, b[:, ~own] @ design.x[:, ~own].T
    return np.maximum(launch, _LEAST), np.maximum(compute, _LEAST)


def _slopes(launch: Floats, compute: Floats, power: float) -> tuple[Floats, Floats]:
    """Return the slopes of the soft maximum."""
    total = _joined(launch, compute, power)
    return (launch / total) ** (power - 1), (compute / total) ** (power - 1)


def _joined(launch: Floats, compute: Floats, power: float) -> Floats:
    return np.asarray((launch**power + compute**power) ** (1 / power))
