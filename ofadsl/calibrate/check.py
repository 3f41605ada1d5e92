"""How good a fit is, on measurements that it has not seen; and what to say of a poor table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ofadsl.calibrate.features import Features
from ofadsl.calibrate.model import fit
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.tables import Table

_FOLDS = 5
_NINETY = 1.645
_NOISY = 0.1
_FAR = 2.0  # times what the others tell
_FEW = 10
_DRIFT = 2.5  # standard errors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quality:
    """Predictions of each sample by fits without it: means, deviations, and their figures."""

    y: Floats
    mean: Floats
    deviation: Floats
    order: Floats

    @property
    def rho(self) -> float:
        """The rank correlation of Spearman."""
        return rank_correlation(self.y, self.mean)

    @property
    def mape(self) -> float:
        """The mean error as a part of the value."""
        return float(np.mean(np.abs(self.mean - self.y) / self.y))

    @property
    def coverage(self) -> float:
        """The part of the values in the interval of 90 %."""
        return float(np.mean(np.abs(self.mean - self.y) <= _NINETY * self.deviation))

    def warnings(self) -> Iterator[str]:
        """Yield what a user must know of the table."""
        n = len(self.y)
        if n < _FEW:
            yield f"{n} measurements are few, so the order can be wrong: measure ten or more"
        if self.mape > _NOISY:
            yield f"the table is noisy: {self.mape:.0%} is not explained by what the subnets do"
        if np.ptp(self.y) == 0:
            yield "all measurements are equal: the table does not say which arch is faster"
        far = np.flatnonzero(np.abs(np.log(np.maximum(self.mean, 1e-9) / self.y)) > np.log(_FAR))
        if len(far) and len(far) <= n // _FEW:
            first = f"{self.y[far[0]]:.4g}, where the others tell {self.mean[far[0]]:.4g}"
            yield f"{len(far)} of {n} measurements are far from what the others tell: {first}"
        error = self.mean / self.y - 1
        slope = rank_correlation(self.order, error)
        if n >= 2 * _FEW and abs(slope) * np.sqrt(n) > _DRIFT:
            way = "faster" if slope > 0 else "slower"
            yield f"the device drifts: it became {way} while it was measured"


def cross_validated(features: Features, table: Table, sources: Sequence[Floats]) -> Quality:
    """Return what fits to four fifths of a table say of the rest."""
    n = len(table.y)
    folds = np.random.default_rng(0).permutation(n) % _FOLDS
    mean, deviation = np.zeros(n), np.zeros(n)
    for fold in range(_FOLDS):
        train, test = folds != fold, folds == fold
        estimator = fit(
            features,
            table.x[train],
            table.y[train],
            sources=sources,
            order=table.order[train],
        )
        mean[test], deviation[test] = estimator.predict(table.x[test])
    return Quality(y=table.y, mean=mean, deviation=deviation, order=table.order)


def rank_correlation(a: Floats, b: Floats) -> float:
    """Return the rank correlation of Spearman; 0 where one is constant."""
    ranks = [_ranks(values) for values in (a, b)]
    if min(rank.std() for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value, the mean of the ranks of equal ones."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray(((2 * last - counts - 1) / 2)[place.reshape(-1)])
