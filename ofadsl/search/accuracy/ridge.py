"""Ridge regression on features and on their products, by its kernel; collapsed to one quadric.

How much each block of features, and their products, may say is chosen among a bank of scales by
the error on archs that are left out, which costs no further fit: for kernel ridge it is known.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ofadsl.search.accuracy.features import Single
from ofadsl.search.front import Floats

MOST = 1500  # a fit costs the cube of it
_TUNED = 300  # archs that scales are chosen with
_SCALES = tuple(itertools.product((0.0, 1.0, 8.0), (0.3, 2.0), (0.1, 1.0), (0.0, 0.1, 0.6)))
_NOISES = np.geomspace(1e-4, 10, 16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quadric:
    """``constant + z @ linear + z @ square @ z`` of features that are shifted and scaled."""

    shift: Floats
    scale: Floats
    constant: float
    linear: Floats
    square: Floats
    """(columns, columns); no rows where products say nothing."""

    def predict(self, columns: Single) -> Floats:
        """Return the value of each arch."""
        z = (columns - self.shift.astype(np.float32)) * self.scale.astype(np.float32)
        found = self.constant + z @ self.linear.astype(np.float32)
        if len(self.square):
            found = found + np.einsum("ij,ij->i", z @ self.square.astype(np.float32), z)
        return np.asarray(found, np.float64)


def fit_ridge(columns: Single, widths: tuple[int, int, int], y: Floats) -> Quadric:
    """Return the fit of the scales that predict best what is left out."""
    rows = np.linspace(0, len(y) - 1, min(len(y), MOST)).astype(np.intp)
    table, y = columns[rows].astype(np.float64), y[rows]
    centre, spread = float(y.mean()), float(y.std()) or 1.0
    target = (y - centre) / spread
    shift = table.mean(axis=0)
    sizes = widths[0]
    shift[sizes : sizes + widths[1]] = 0  # 0 says that a dimension does not matter
    unit = np.ones(table.shape[1])
    deviation = table[:, :sizes].std(axis=0)
    unit[:sizes] = np.divide(1, deviation, out=np.zeros(sizes), where=deviation > 1e-9)
    z = (table - shift) * unit
    tuned = np.linspace(0, len(y) - 1, min(len(y), _TUNED)).astype(np.intp)
    chosen = min(
        _SCALES, key=lambda s: _error(z[tuned] * _scale(widths, s), target[tuned], s[3])[0]
    )
    scale = _scale(widths, chosen)
    noise = _error(z * scale, target, chosen[3])[1]
    alpha = np.linalg.solve(_kernel(z * scale, chosen[3]) + noise * np.eye(len(y)), target)
    square = spread * chosen[3] * ((z * scale).T * alpha) @ (z * scale)
    return Quadric(
        shift=shift,
        scale=unit * scale,
        constant=centre,
        linear=spread * ((z * scale).T @ alpha),
        square=square if chosen[3] else np.zeros((0, 0)),
    )


def _scale(widths: tuple[int, int, int], scales: tuple[float, float, float, float]) -> Floats:
    """Return a factor for each column: each block of them has a variance of its own."""
    dims = max(widths[1], 1)
    variances = (scales[0] / max(widths[0], 1), 6 * scales[1] / dims, scales[2] / dims)
    return np.repeat(np.sqrt(variances), widths)


def _kernel(z: Floats, products: float) -> Floats:
    linear = z @ z.T
    return np.asarray(linear + products * linear**2)


def _error(z: Floats, target: Floats, products: float) -> tuple[float, float]:
    """Return the least mean square of what is left out, and the noise that gives it."""
    values, vectors = np.linalg.eigh(_kernel(z, products))
    turned = vectors.T @ target
    weights = 1 / (np.maximum(values, 0)[:, None] + _NOISES)
    alpha = vectors @ (weights * turned[:, None])
    diagonal = vectors**2 @ weights
    errors = np.square(alpha / diagonal).mean(axis=0)
    at = int(errors.argmin())
    return float(errors[at]), float(_NOISES[at])
