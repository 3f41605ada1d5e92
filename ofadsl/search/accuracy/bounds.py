"""What a share can be: a predictor that was fitted to shares promises none below 0 or above 1.

Within what was seen a prediction stays as it is. Beyond, it comes near to the end, the slower the
farther it is, so that a better prediction stays a better one. By how much it was moved is doubt,
and makes its interval wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ofadsl.search.front import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The least and the greatest value that was seen; of shares, all lie from 0 to 1."""

    low: float
    high: float

    @classmethod
    def of(cls, y: Floats) -> Bounds:
        """Return the bounds of what was seen."""
        return cls(low=float(y.min()), high=float(y.max()))

    @property
    def shares(self) -> bool:
        """Whether all that was seen lies from 0 to 1."""
        return 0 <= self.low and self.high <= 1

    def within(self, predicted: Floats) -> Floats:
        """Return predictions, those of shares from 0 to 1, in the same order."""
        if not self.shares:
            return predicted
        above = _nearing(predicted - self.high, 1 - self.high)
        below = _nearing(self.low - predicted, self.low)
        return np.asarray(np.clip(predicted, self.low, self.high) + above - below)

    def interval(self, predicted: Floats, half: float) -> tuple[Floats, Floats]:
        """Return the ends of intervals; ``half`` is the half width where nothing was moved."""
        middle = self.within(predicted)
        reach = half + np.abs(predicted - middle)
        low, high = middle - reach, middle + reach
        return (np.maximum(low, 0), np.minimum(high, 1)) if self.shares else (low, high)


def _nearing(beyond: Floats, room: float) -> Floats:
    """Return how much of what lies beyond is granted: little of it whole, never more than room."""
    if room <= 0:
        return np.zeros_like(beyond)
    return np.asarray(-room * np.expm1(-np.maximum(beyond, 0) / room))
