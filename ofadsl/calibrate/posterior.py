"""Explain measurements with every setting of the bank: coefficients, evidence, covariance.

The model is y = X b + Z d + noise, with b >= 0 under a half-normal prior, d a Gaussian deviation
of each kind of layer. Each b is the mode; the evidence is Laplace's around it, with the integral of
the tail for coefficients that are 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.bank import Columns, Setting
from ofadsl.calibrate.nnls import Flags, Floats, nnls

_CONSTANT = 0.5  # a priori the part of the latency that no layer explains
_SOURCE_ALL = 0.3
_SOURCE_ONE = 1.0
_HOPELESS = 25.0  # so much less evidence is not looked at
_MEMORY = 400.0  # how many measurements a drift lasts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Samples, all relative to their median: ``x`` has totals, classes, the constant, sources."""

    x: Floats
    totals: int
    sources: int
    thin: Flags
    z: Floats
    likeness: Floats
    y: Floats
    scale: Floats
    """What noise is relative to."""
    weights: Floats
    """1, or less for outliers."""
    order: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """One member of the bank with its evidence; ``half`` whitens what the trend leaves."""

    setting: Setting
    picked: NDArray[np.intp]
    coefficients: Floats
    positive: Flags
    hessian: Floats
    half: Floats
    whole: Floats
    """The inverse of the covariance of what the trend leaves."""
    white: Floats
    """The rest, whitened."""
    evidence: float


def solutions(
    problem: Problem, settings: tuple[Setting, ...], trends: tuple[Columns, ...]
) -> list[Solution]:
    """Return a solution for each setting and each trend."""
    found: list[Solution] = []
    smooth = problem.z @ problem.likeness @ problem.z.T
    single = problem.z @ problem.z.T
    drift = _drift(problem)
    starts: dict[tuple[Columns, int], Flags] = {}
    picks = [(trend, *pick) for trend in trends for pick in _picks(problem, trend)]
    for setting in settings:
        noise = setting.noise**2 * problem.scale**2 / problem.weights
        own = setting.smooth**2 * smooth + setting.single**2 * single
        own = own + np.diag(noise) + setting.drift**2 * drift
        lower = np.linalg.cholesky(own)
        half = np.linalg.inv(lower)
        whole = half.T @ half
        logdet = float(np.log(np.diag(lower)).sum())
        x, y = half @ problem.x, half @ problem.y
        gram, target = x.T @ x, x.T @ y
        for trend, picked, scales, penalty in picks:
            key = (trend, int(picked[-1]))
            hessian = gram[np.ix_(picked, picked)] + np.diag(scales**-2)
            start = starts.get(key, np.ones(len(picked), np.bool_))
            b, positive = nnls(hessian, target[picked], start)
            starts[key] = positive
            rest = y - x[:, picked] @ b
            evidence = -0.5 * float(rest @ rest) - logdet + penalty
            evidence += _occam(hessian, b, positive, hessian @ b - target[picked], scales)
            found.append(
                Solution(
                    setting=setting,
                    picked=picked,
                    coefficients=b,
                    positive=positive,
                    hessian=hessian,
                    half=half,
                    whole=whole,
                    white=rest,
                    evidence=evidence,
                )
            )
    return found


def weights_of(problem: Problem, found: list[Solution]) -> Floats:
    """Return how much each solution counts; the sum is 1."""
    scores = _scores(problem, found)
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def evidence_of(problem: Problem, found: list[Solution]) -> float:
    """Return how well all solutions together explain the samples."""
    scores = _scores(problem, found)
    return float(scores.max() + np.log(np.exp(scores - scores.max()).mean()))


def _scores(problem: Problem, found: list[Solution]) -> Floats:
    """Return the mean of evidence and of the density of samples that are left out.

    Evidence depends on how wide priors are, which nobody knows; what is said of samples left out
    does not, but with few samples it is chance: half of each does better than either.
    """
    evidence = np.array([solution.evidence for solution in found])
    scores = np.full(len(found), -np.inf)
    for i in np.flatnonzero(evidence > evidence.max() - _HOPELESS):
        errors, deviations = left_out(problem, found[i])
        density = -0.5 * (errors / deviations) ** 2 - np.log(deviations)
        scores[i] = (evidence[i] + float(problem.weights @ density)) / 2
    return scores


def left_out(problem: Problem, solution: Solution) -> tuple[Floats, Floats]:
    """Return the error for each sample as if it had been left out, and its deviation."""
    used = solution.picked[solution.positive]
    x = solution.half @ problem.x[:, used]
    part = np.ix_(solution.positive, solution.positive)
    cross = solution.half.T @ x
    inverse = solution.whole - cross @ np.linalg.solve(solution.hessian[part], cross.T)
    diagonal = np.maximum(np.diag(inverse), 1e-12)
    return np.asarray(inverse @ problem.y / diagonal), np.asarray(diagonal**-0.5)


def parameters(
    problem: Problem, solution: Solution, *, spread: bool
) -> tuple[Floats, Floats | None]:
    """Return the mean of all coefficients and deviations together and, if asked, the covariance."""
    columns, kinds = problem.x.shape[1], len(problem.likeness)
    setting = solution.setting
    prior = setting.smooth**2 * problem.likeness + setting.single**2 * np.eye(kinds)
    gain = prior @ problem.z.T @ solution.half.T
    mean = np.zeros(columns + kinds)
    mean[solution.picked] = solution.coefficients
    mean[columns:] = gain @ solution.white
    if not spread:
        return mean, None
    used = solution.picked[solution.positive]
    part = np.ix_(solution.positive, solution.positive)
    moves = np.zeros((columns + kinds, len(used)))
    moves[used, np.arange(len(used))] = 1
    moves[columns:] = -gain @ (solution.half @ problem.x[:, used])
    covariance = moves @ np.linalg.solve(solution.hessian[part], moves.T)
    covariance[columns:, columns:] += prior - gain @ gain.T
    return mean, covariance


def _drift(problem: Problem) -> Floats:
    """Return how much the errors of two samples have in common because of when they were taken."""
    if problem.order is None:
        return np.zeros((len(problem.y), len(problem.y)))
    apart = np.abs(problem.order[:, None] - problem.order[None])
    common = np.exp(-apart / _MEMORY)
    means = common.mean(axis=0)
    common = common - means[:, None] - means[None] + means.mean()  # a level is no drift
    return np.asarray(common * np.outer(problem.scale, problem.scale))


def _picks(problem: Problem, trend: Columns) -> Iterator[tuple[NDArray[np.intp], Floats, float]]:
    """Yield columns, their prior scales, and the logarithm of the share of such a choice."""
    columns = problem.x.shape[1]
    own = columns - problem.sources
    base = np.full(own, trend.spread)
    base[problem.thin] = max(trend.thin, trend.spread)
    base[: problem.totals] = trend.total
    base[-1] = _CONSTANT
    match trend.sources:
        case "none":
            yield np.arange(own), base, -trend.doubt
        case "all":
            scales = np.append(base, np.full(problem.sources, _SOURCE_ALL))
            yield np.arange(columns), scales, -trend.doubt
        case "one":
            share = -float(np.log(problem.sources)) - trend.doubt
            for source in range(own, columns):
                yield np.append(np.arange(own), source), np.append(base, _SOURCE_ONE), share


def _occam(hessian: Floats, b: Floats, positive: Flags, slope: Floats, scales: Floats) -> float:
    """Return what the prior and the width of the posterior add to the logarithm of evidence."""
    inner = scales[positive]
    part = hessian[np.ix_(positive, positive)]
    value = -0.5 * float((b[positive] ** 2 / inner**2).sum()) - float(np.log(inner).sum())
    value += float(positive.sum()) * float(np.log(2.0))
    value -= 0.5 * float(np.linalg.slogdet(part)[1]) if positive.any() else 0.0
    tail = scales[~positive] * np.maximum(slope[~positive], 1e-12)
    return value + float(np.minimum(0, np.log(np.sqrt(2 / np.pi) / tail)).sum())
