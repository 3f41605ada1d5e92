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
from ofadsl.calibrate.gate import Gate, gates_of
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.posterior import (
    Member,
    Problem,
    evidence_of,
    members,
    parameters,
    scores_of,
    weights_of,
)
from ofadsl.calibrate.trend import Design, design_of
from ofadsl.calibrate.widen import widening

FACTORS = 6  # of the covariance; what they leave out counts as noise
_TAIL = 4.0  # degrees of freedom of the errors when outliers are weighed
_ROUGH = 0.05  # a deviation that tells whether there is a gate
_DOUBT = 1.0  # of the logarithm of its evidence


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
    gate = _gate(design) if gated else None
    problem = _problem(design, gate, order)
    settings = bank.settings(len(y), ordered=order is not None)
    trends = bank.trends(len(y), len(sources))
    if len(y) >= bank.FEW:
        problem = _robust(problem)
    found = members(problem, settings, trends)
    weights = weights_of(scores_of(problem, found))
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


def _gate(design: Design) -> Gate | None:
    """Return the soft maximum that explains samples better than a sum, or None.

    Its evidence has to be clear where samples are few; else cross-validation has to agree.
    """
    few = len(design.y) < bank.FEW
    rough = tuple(s for s in bank.settings(0, ordered=False) if s.smooth == _ROUGH)
    trends = bank.trends(len(design.y), design.sources)
    best, most, least = None, 0.0, 0.0
    for gate in gates_of(design):
        problem = _problem(design, gate, None)
        found = evidence_of(scores_of(problem, members(problem, rough, trends)))
        if gate.power == 1:
            most, least = found + (_DOUBT if few else 0.0), gate.error
        elif found > most and (few or gate.error < least):
            best, most = gate, found
    return best


def _robust(problem: Problem) -> Problem:
    """Return the problem with less weight for samples that the others do not explain."""
    few = tuple(s for s in bank.settings(0, ordered=False) if s.smooth in (0.05, 0.15))
    trends = tuple(t for t in bank.trends(len(problem.y), problem.sources) if t.sources != "one")[
        -2:
    ]
    for _ in range(2):
        found = members(problem, few, trends)
        errors, _ = _left_out(problem, found, weights_of(scores_of(problem, found)))
        errors = errors / problem.scale
        width = 1.4826 * float(np.median(np.abs(errors))) + 1e-4
        weights = (_TAIL + 1) / (_TAIL + (errors / width) ** 2)
        problem = replace(problem, weights=np.minimum(1, weights))
    return problem


def _left_out(problem: Problem, found: list[Member], weights: Floats) -> tuple[Floats, Floats]:
    """Return the errors of the average as if each sample had been left out, and its deviations."""
    errors = np.stack([member.errors for member in found])
    noises = np.array([member.setting.noise for member in found])[:, None, None] * problem.scale
    extra = noises**2 * (1 / problem.weights - 1)  # an outlier is one for all its weight
    variances = np.stack([member.deviations for member in found]) ** 2 - extra
    mean = np.tensordot(weights, errors, 2)
    return mean, np.sqrt(np.tensordot(weights, variances + errors**2, 2) - mean**2)


def _estimator(
    design: Design,
    gate: Gate | None,
    problem: Problem,
    found: list[Member],
    weights: Floats,
    median: float,
) -> Estimator:
    mean, spread = parameters(problem, found, weights)
    settings = [member.setting for member in found]
    noise = weights.sum(axis=1) @ [setting.noise**2 + setting.drift**2 for setting in settings]
    rows = np.concatenate([problem.x, problem.z], axis=1)
    factors, left = _factors(spread, rows)
    errors, deviations = _left_out(problem, found, weights)
    vectors = np.concatenate([mean[:, None], factors], axis=1) * median
    compute, launch, base = design.collapse(vectors, split=gate is not None)
    return Estimator(
        features=design.features,
        compute=compute,
        launch=launch,
        base=base,
        power=gate.power if gate is not None else 1.0,
        noise=float(np.sqrt(noise + left + _drift(problem, errors / design.y))),
        widen=widening(errors / design.y, deviations / design.y, gate),
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


def _shares(found: list[Member], weights: Floats, design: Design) -> Floats:
    """Return how much of the weight each source has, then what none has."""
    shares = np.zeros(design.sources + 1)
    columns = design.x.shape[1]
    for member, own in zip(found, weights, strict=True):
        used = np.zeros((len(own), columns))
        used[np.arange(len(own))[:, None], member.index] = member.coefficients
        used = used[:, columns - design.sources :]
        total = used.sum(axis=1)
        shares[:-1] += (own * (total > 0) / np.where(total > 0, total, 1)) @ used
        shares[-1] += own @ (total == 0)
    return shares


def _joined(compute: Floats, launch: Floats, power: float) -> Floats:
    """Return the soft maximum of both, and its factors to first order."""
    a, b = np.maximum(compute[:, :1], 1e-9), np.maximum(launch[:, :1], 1e-9)
    total = (a**power + b**power) ** (1 / power)
    gates = (a / total) ** (power - 1), (b / total) ** (power - 1)
    factors = gates[0] * compute[:, 1:] + gates[1] * launch[:, 1:]
    return np.concatenate([total, factors], axis=1)
