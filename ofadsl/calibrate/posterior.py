"""Explain measurements with every setting of the bank: coefficients, evidence, covariance.

The model is y = X b + Z d + noise, with b >= 0 under a half-normal prior, d a Gaussian deviation
of each kind of layer. Each b is the mode; the evidence is Laplace's around it, with the integral of
the tail for coefficients that are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.bank import Columns, Setting
from ofadsl.calibrate.nnls import Flags, Floats, blocks, compact, nnls

_CONSTANT = 0.5  # a priori the part of the latency that no layer explains
_SOURCE_ALL = 0.3
_SOURCE_ONE = 1.0
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
class Member:
    """One setting of the bank with every trend: the first axis of an array is the trend.

    Of the coefficients only those that are not 0 are kept: ``index`` says which, ``real`` which are
    no padding.
    """

    setting: Setting
    half: Floats
    """It whitens what the trend leaves."""
    index: NDArray[np.intp]
    real: Flags
    coefficients: Floats
    covariance: Floats
    evidence: Floats
    errors: Floats
    """(trends, samples): as if each sample had been left out."""
    deviations: Floats

    def moments(self, weights: Floats, columns: int) -> tuple[Floats, Floats]:
        """Return the weighted sums of the coefficients and of their squares."""
        trends = np.arange(len(weights))[:, None]
        every = np.zeros((len(weights), columns))
        every[trends, self.index] = self.coefficients
        square = np.zeros((columns, columns))
        parts = weights[:, None, None] * self.covariance
        np.add.at(square, (self.index[:, :, None], self.index[:, None, :]), parts)
        return weights @ every, square + (weights * every.T) @ every


def members(
    problem: Problem, settings: Sequence[Setting], trends: Sequence[Columns]
) -> list[Member]:
    """Return for each setting what comes of every trend."""
    smooth = problem.z @ problem.likeness @ problem.z.T
    single = problem.z @ problem.z.T
    drift = _drift(problem)
    scales, shares = _priors(problem, trends)
    positive = scales > 0
    found = []
    for setting in settings:
        noise = setting.noise**2 * problem.scale**2 / problem.weights
        own = setting.smooth**2 * smooth + setting.single**2 * single
        own = own + np.diag(noise) + setting.drift**2 * drift
        lower = np.linalg.cholesky(own)
        member, positive = _member(
            problem, setting, np.linalg.inv(lower), (scales, shares, positive)
        )
        found.append(member)
    return found


def _member(
    problem: Problem, setting: Setting, half: Floats, prior: tuple[Floats, Floats, Flags]
) -> tuple[Member, Flags]:
    scales, shares, start = prior
    x, y = half @ problem.x, half @ problem.y
    free = scales > 0
    precision = np.where(free, np.where(free, scales, 1.0) ** -2, 1.0)
    hessian = x.T @ x + precision[:, :, None] * np.eye(x.shape[1])
    b, positive = nnls(hessian, np.where(free, x.T @ y, -np.inf), start)
    index, real = compact(positive)
    rows = np.arange(len(b))
    part = blocks(hessian, rows, index, real)
    covariance = np.asarray(np.linalg.inv(part) * (real[:, :, None] & real[:, None, :]), np.float64)
    rest = y - b @ x.T
    slope = (hessian @ b[..., None])[..., 0] - x.T @ y
    evidence = -0.5 * (rest**2).sum(axis=1) + float(np.log(np.diag(half)).sum()) + shares
    evidence -= 0.5 * np.linalg.slogdet(part)[1]
    evidence += _occam(b, positive, free & ~positive, slope, np.where(free, scales, 1.0))
    errors, deviations = _left_out(half, x, y, index, covariance)
    member = Member(
        setting=setting,
        half=half,
        index=index,
        real=real,
        coefficients=np.take_along_axis(b, index, axis=1),
        covariance=covariance,
        evidence=evidence,
        errors=errors,
        deviations=deviations,
    )
    return member, positive


def _left_out(
    half: Floats, x: Floats, y: Floats, index: NDArray[np.intp], covariance: Floats
) -> tuple[Floats, Floats]:
    """Return the error for each sample as if it had been left out, and its deviation."""
    cross = (half.T @ x).T[index]  # trends, coefficients, samples
    spread = covariance @ cross
    diagonal = (half**2).sum(axis=0) - (cross * spread).sum(axis=1)
    diagonal = np.maximum(diagonal, 1e-12)
    fitted = ((x.T @ y)[index][:, None, :] @ spread)[:, 0]
    return (half.T @ y - fitted) / diagonal, diagonal**-0.5


def scores_of(problem: Problem, found: Sequence[Member]) -> Floats:
    """Return (members, trends): the mean of evidence and of the density of samples left out.

    Evidence depends on how wide priors are, which nobody knows; what is said of samples left out
    does not, but with few samples it is chance: half of each does better than either.
    """
    scores = []
    for member in found:
        density = -0.5 * (member.errors / member.deviations) ** 2 - np.log(member.deviations)
        scores.append((member.evidence + density @ problem.weights) / 2)
    return np.stack(scores)


def weights_of(scores: Floats) -> Floats:
    """Return how much each counts; the sum is 1."""
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def evidence_of(scores: Floats) -> float:
    """Return how well all together explain the samples."""
    return float(scores.max() + np.log(np.exp(scores - scores.max()).mean()))


def parameters(problem: Problem, found: Sequence[Member], weights: Floats) -> tuple[Floats, Floats]:
    """Return mean and covariance of all coefficients and deviations together."""
    columns, kinds = problem.x.shape[1], len(problem.likeness)
    total, square = np.zeros(columns + kinds), np.zeros((columns + kinds, columns + kinds))
    for member, own in zip(found, weights, strict=True):
        share = own.sum()
        setting = member.setting
        prior = setting.smooth**2 * problem.likeness + setting.single**2 * np.eye(kinds)
        gain = prior @ problem.z.T @ member.half.T
        moves = np.concatenate([np.eye(columns), -gain @ (member.half @ problem.x)])
        base = np.concatenate([np.zeros(columns), gain @ (member.half @ problem.y)])
        first, second = member.moments(own, columns)
        moved = moves @ first
        total += moved + share * base
        cross = np.outer(moved, base)
        square += moves @ second @ moves.T + cross + cross.T + share * np.outer(base, base)
        square[columns:, columns:] += share * (prior - gain @ gain.T)
    return total, square - np.outer(total, total)


def _drift(problem: Problem) -> Floats:
    """Return how much the errors of two samples have in common because of when they were taken."""
    if problem.order is None:
        return np.zeros((len(problem.y), len(problem.y)))
    apart = np.abs(problem.order[:, None] - problem.order[None])
    common = np.exp(-apart / _MEMORY)
    means = common.mean(axis=0)
    common = common - means[:, None] - means[None] + means.mean()  # a level is no drift
    return np.asarray(common * np.outer(problem.scale, problem.scale))


def _priors(problem: Problem, trends: Sequence[Columns]) -> tuple[Floats, Floats]:
    """Return (trends, columns) scales, 0 where a column has no part, and log shares of each."""
    own = problem.x.shape[1] - problem.sources
    scales, shares = [], []
    for trend in trends:
        base = np.full(own, trend.spread)
        base[problem.thin] = max(trend.thin, trend.spread)
        base[: problem.totals] = trend.total
        base[-1] = _CONSTANT
        match trend.sources:
            case "none":
                sources, share = np.zeros((1, problem.sources)), 0.0
            case "all":
                sources, share = np.full((1, problem.sources), _SOURCE_ALL), 0.0
            case "one":
                sources = _SOURCE_ONE * np.eye(problem.sources)
                share = -float(np.log(problem.sources))
        scales += [np.concatenate([base, source]) for source in sources]
        shares += [share - trend.doubt] * len(sources)
    return np.array(scales), np.array(shares)


def _occam(b: Floats, positive: Flags, zero: Flags, slope: Floats, scales: Floats) -> Floats:
    """Return what the prior and the tails of coefficients that are 0 add to the log evidence."""
    inner = np.log(2.0) - np.log(scales) - 0.5 * (b / scales) ** 2
    tail = np.log(np.sqrt(2 / np.pi) / (scales * np.maximum(slope, 1e-12)))
    return np.asarray((inner * positive + np.minimum(0, tail) * zero).sum(axis=1))
