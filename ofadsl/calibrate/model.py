"""Fit an estimator of latency to few measurements: a table for each layer, and what it knows.

In: the features of a space, measured archs, tables of other devices. Out: an ``Estimator``: the
mean is a sum over layers, or a soft maximum of two such sums where launching kernels hides what is
computed; the variance is a sum of squares of such sums. The form is that of a Bayesian additive
model, averaged over a bank of prior scales by evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ofadsl.calibrate import bank
from ofadsl.calibrate.features import Archs, Features
from ofadsl.calibrate.gate import Gate, choose_gate
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.posterior import (
    Problem,
    Solution,
    evidence_of,
    left_out,
    parameters,
    solutions,
    weights_of,
)
from ofadsl.calibrate.trend import Design, design_of

FACTORS = 6  # of the covariance; what they leave out counts as noise
_COUNTED = 1e-3  # solutions that weigh less change nothing
_TAIL = 4.0  # degrees of freedom of the errors when outliers are weighed
_ROUGH = 0.05  # a deviation that tells whether there is a gate
_MOST = 0.94  # of the samples that were left out, are to be covered
_USUAL, _SAFE = 1.1, 15.0  # what is believed before, and how many samples that counts for
_CHOSEN = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimator:
    """Sums over the cells of an arch; the first axis of a table is the cell.

    ``compute`` and ``launch`` hold the mean, then the factors of the covariance; ``base`` is what
    no layer explains, and belongs to ``launch`` where there is a gate.
    """

    features: Features
    compute: Floats
    launch: Floats | None
    base: Floats
    power: float
    noise: float
    """Relative, one standard deviation; drift is part of it."""
    widen: float
    """What errors on samples that were left out say of the model's own variance."""
    errors: Floats
    """Relative errors for each sample as if it had been left out."""
    deviations: Floats
    sources: Floats
    """The evidence for each source, then for none."""

    def predict(self, x: Archs) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation for each arch."""
        cells = self.features.cells(x)
        compute = self.features.summed(self.compute, cells)
        if self.launch is None:
            total = compute + self.base
        else:
            launch = self.features.summed(self.launch, cells) + self.base
            total = _joined(compute, launch, self.power)
        mean = np.maximum(total[:, 0], 1e-9)
        variance = (total[:, 1:] ** 2).sum(axis=1) + (self.noise * mean) ** 2
        return mean, np.sqrt(variance) * self.widen


def fit(
    features: Features,
    x: Archs,
    y: Floats,
    *,
    sources: Sequence[Floats] = (),
    order: Floats | None = None,
    gated: bool = True,
) -> Estimator:
    """Return an estimator for measured archs; a source is a value for each cell.

    ``order`` says when each was measured, in counts of measurements.
    """
    median = float(np.median(y))
    design = design_of(features, x, y / median, sources)
    gate = choose_gate(design) if gated else None
    if gate is not None and len(y) < bank.FEW and not _needed(design, gate):
        gate = None
    problem = _problem(design, gate, order)
    settings = bank.settings(len(y), ordered=order is not None)
    trends = bank.trends(len(y), len(sources))
    if len(y) >= bank.FEW:
        problem = _robust(problem)
    found = solutions(problem, settings, trends)
    weights = weights_of(problem, found)
    return _estimator(design, gate, problem, found, weights, median)


def _problem(design: Design, gate: Gate | None, order: Floats | None) -> Problem:
    x, z = design.x, design.z
    if gate is not None:
        x = x * np.where(design.launches[None], gate.launch[:, None], gate.compute[:, None])
        z = z * gate.compute[:, None]
    return Problem(
        x=x,
        z=z,
        y=design.y,
        totals=design.totals,
        sources=design.sources,
        thin=design.thin,
        likeness=design.features.likeness,
        scale=design.y,
        weights=np.ones(len(design.y)),
        order=order,
    )


def _needed(design: Design, gate: Gate) -> bool:
    """Return whether a soft maximum explains few samples as well as a sum does."""
    rough = tuple(s for s in bank.settings(0, ordered=False) if s.smooth == _ROUGH)
    trends = bank.trends(len(design.y), design.sources)
    with_gate, without = (_problem(design, one, None) for one in (gate, None))
    gained = evidence_of(with_gate, solutions(with_gate, rough, trends))
    return gained >= evidence_of(without, solutions(without, rough, trends))


def _robust(problem: Problem) -> Problem:
    """Return the problem with less weight for samples that the others do not explain."""
    few = tuple(s for s in bank.settings(0, ordered=False) if s.smooth in (0.05, 0.15))
    trends = tuple(t for t in bank.trends(len(problem.y), problem.sources) if t.sources != "one")[
        -2:
    ]
    for _ in range(2):
        found = solutions(problem, few, trends)
        errors, _ = _average_left_out(problem, found, weights_of(problem, found))
        errors = errors / problem.scale
        width = 1.4826 * float(np.median(np.abs(errors))) + 1e-4
        weights = (_TAIL + 1) / (_TAIL + (errors / width) ** 2)
        problem = replace(problem, weights=np.minimum(1, weights))
    return problem


def _average_left_out(
    problem: Problem, found: list[Solution], weights: Floats, most: int = 8
) -> tuple[Floats, Floats]:
    best = np.argsort(-weights)[:most]
    share = weights[best] / weights[best].sum()
    parts = [left_out(problem, found[i]) for i in best]
    errors = np.stack([error for error, _ in parts])
    noises = np.array([found[i].setting.noise for i in best])[:, None] * problem.scale
    extra = noises**2 * (1 / problem.weights - 1)  # an outlier is one for all its weight
    variances = np.stack([deviation**2 for _, deviation in parts]) - extra
    mean = share @ errors
    return mean, np.sqrt(share @ (variances + errors**2) - mean**2)


def _estimator(
    design: Design,
    gate: Gate | None,
    problem: Problem,
    found: list[Solution],
    weights: Floats,
    median: float,
) -> Estimator:
    counted = np.flatnonzero(weights > _COUNTED * weights.max())
    share = weights[counted] / weights[counted].sum()
    mean, square = 0.0, 0.0
    noise = 0.0
    for part, i in zip(share, counted, strict=True):
        own, covariance = parameters(problem, found[i], spread=True)
        assert covariance is not None
        mean = mean + part * own
        square = square + part * (covariance + np.outer(own, own))
        setting = found[i].setting
        noise += part * (setting.noise**2 + setting.drift**2)
    spread = np.asarray(square) - np.outer(mean, mean)
    rows = np.concatenate([problem.x, problem.z], axis=1)
    factors, left = _factors(spread, rows)
    errors, deviations = _average_left_out(problem, found, weights)
    vectors = np.concatenate([np.asarray(mean)[:, None], factors], axis=1) * median
    compute, launch, base = design.collapse(vectors, split=gate is not None)
    return Estimator(
        features=design.features,
        compute=compute,
        launch=launch,
        base=base,
        power=gate.power if gate is not None else 1.0,
        noise=float(np.sqrt(noise + left + _drift(problem, errors / design.y))),
        widen=_widened(errors / deviations),
        errors=errors / design.y,
        deviations=deviations / design.y,
        sources=_shares(found, weights, design),
    )


def _drift(problem: Problem, errors: Floats) -> float:
    """Return the variance of a device that goes on to change as it did while it was measured."""
    if problem.order is None or len(errors) < bank.FEW:
        return 0.0
    weights = problem.weights / problem.weights.sum()
    when = problem.order - weights @ problem.order
    spread = float(weights @ when**2)
    slope = float(weights @ (when * errors)) / max(spread, 1e-12)
    return (slope * float(np.ptp(problem.order)) / 2) ** 2


def _factors(covariance: Floats, rows: Floats) -> tuple[Floats, float]:
    """Return vectors whose squares add up to the variance, and the rest of it on average."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    _, sizes, right = np.linalg.svd(rows @ root, full_matrices=True)
    left = float((sizes[FACTORS:] ** 2).sum() / len(rows))
    return root @ right[:FACTORS].T, left


def _widened(ratios: Floats) -> float:
    """Return by how much errors exceed what was expected, believed as far as samples go.

    Bursts of slowness come and go, so what most errors need is not enough; and with few samples
    the solutions that count were chosen for small errors.
    """
    n = len(ratios)
    found = float(np.quantile(np.abs(ratios), _MOST)) / 1.645
    return float(np.clip((found * n + _USUAL * _SAFE) / (n + _SAFE) + _CHOSEN / n, 0.5, 4.0))


def _shares(found: list[Solution], weights: Floats, design: Design) -> Floats:
    shares = np.zeros(design.sources + 1)
    own = design.x.shape[1] - design.sources
    for solution, weight in zip(found, weights, strict=True):
        used = solution.coefficients[own:]
        names = solution.picked[own:] - own
        if used.sum() > 0:
            shares[names] += weight * used / used.sum()
        else:
            shares[-1] += weight
    return shares


def _joined(compute: Floats, launch: Floats, power: float) -> Floats:
    """Return the soft maximum of both, and its factors to first order."""
    a, b = np.maximum(compute[:, :1], 1e-9), np.maximum(launch[:, :1], 1e-9)
    total = (a**power + b**power) ** (1 / power)
    gates = (a / total) ** (power - 1), (b / total) ** (power - 1)
    factors = gates[0] * compute[:, 1:] + gates[1] * launch[:, 1:]
    return np.concatenate([total, factors], axis=1)
