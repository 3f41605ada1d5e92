"""Least squares with coefficients that are not negative, by block principal pivoting.

Many small problems are solved at once: the time of one is that of the calls, not of the numbers.
"""

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

    ``hessian`` is (..., n, n) and positive definite, ``target`` (..., n); ``start`` guesses where
    (Kim and Park 2011). A target of -inf keeps a coefficient that starts at 0 there.
    """
    columns = target.shape[-1]
    stack, targets = hessian.reshape(-1, columns, columns), target.reshape(-1, columns)
    positive = start.reshape(-1, columns).copy()
    fewest, patience = np.full(len(stack), columns + 1), np.full(len(stack), _PATIENCE)
    solution = np.zeros(targets.shape)
    rows = np.arange(len(stack))
    for _ in range(_MOST):
        solution[rows] = _solved(stack, targets, positive, rows)
        gradient = (stack[rows] @ solution[rows, :, None])[..., 0] - targets[rows]
        wrong = np.where(positive[rows], solution[rows] < -_SLACK, gradient < -_SLACK)
        counts = wrong.sum(axis=1)
        rows, wrong, counts = (part[counts > 0] for part in (rows, wrong, counts))
        if not len(rows):
            break
        better = counts < fewest[rows]
        fewest[rows] = np.minimum(counts, fewest[rows])
        stuck = ~better & (patience[rows] == 0)
        patience[rows] = np.where(better, _PATIENCE, np.maximum(patience[rows] - 1, 0))
        last = columns - 1 - wrong[:, ::-1].argmax(axis=1)
        only = np.arange(columns) == last[:, None]  # one at a time cannot go round in circles
        positive[rows] ^= np.where(stuck[:, None], only, wrong)
    return np.maximum(solution, 0).reshape(target.shape), positive.reshape(target.shape)


def compact(positive: Flags) -> tuple[NDArray[np.intp], Flags]:
    """Return the columns that are set in each row, padded with others, and which are no padding."""
    most = int(positive.sum(axis=1).max(initial=0))
    index = np.argsort(~positive, axis=1, kind="stable")[:, :most]
    return index, np.take_along_axis(positive, index, axis=1)


def blocks(stack: Floats, rows: NDArray[np.intp], index: NDArray[np.intp], real: Flags) -> Floats:
    """Return the parts of matrices that ``compact`` chose, with 1 on the diagonal of padding."""
    part = stack[rows[:, None, None], index[:, :, None], index[:, None, :]]
    both = real[:, :, None] & real[:, None, :]
    return np.where(both, part, np.eye(index.shape[1]))


def _solved(stack: Floats, targets: Floats, positive: Flags, rows: NDArray[np.intp]) -> Floats:
    """Return the solutions of some rows where what is not positive is 0."""
    index, real = compact(positive[rows])
    part = blocks(stack, rows, index, real)
    right = np.where(real, np.take_along_axis(targets[rows], index, axis=1), 0.0)
    found = np.linalg.solve(part, right[..., None])[..., 0]
    out = np.zeros((len(rows), targets.shape[1]))
    np.put_along_axis(out, index, np.where(real, found, 0.0), axis=1)
    return out
