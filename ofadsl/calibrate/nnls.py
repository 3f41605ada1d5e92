"""Least squares with coefficients that are not negative, by block principal pivoting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_SLACK = 1e-10
_PATIENCE = 3
_MOST = 200


def nnls(hessian: Floats, target: Floats, start: Flags) -> tuple[Floats, Flags]:
    """Return b >= 0 that minimises b'Hb/2 - target'b, and where it is not 0.

    ``start`` guesses where; H is positive definite (Kim and Park 2011).
    """
    positive, fewest, patience = start.copy(), len(target) + 1, _PATIENCE
    solution = np.zeros(len(target))
    for _ in range(_MOST):
        solution = np.zeros(len(target))
        if positive.any():
            part = np.ix_(positive, positive)
            solution[positive] = np.linalg.solve(hessian[part], target[positive])
        gradient = hessian @ solution - target
        wrong = np.where(positive, solution < -_SLACK, gradient < -_SLACK)
        count = int(wrong.sum())
        if count == 0:
            break
        if count < fewest:
            fewest, patience = count, _PATIENCE
            positive = positive ^ wrong
        elif patience:
            patience -= 1
            positive = positive ^ wrong
        else:  # one at a time cannot go round in circles
            last = np.flatnonzero(wrong)[-1]
            positive[last] = not positive[last]
    return np.maximum(solution, 0), positive
