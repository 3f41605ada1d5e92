"""The prior scales that are tried: a fit is their average, weighted by how well each explains."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

Sources = Literal["none", "all", "one"]
FEW = 20
"""With fewer samples, noise cannot be told from outliers, nor from drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Relative scales: of noise, of smooth and of single deviations of layers, of drift."""

    noise: float
    smooth: float
    single: float
    drift: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a trend: how far each class may leave the totals, and which sources help."""

    spread: float
    sources: Sources
    total: float = 0.5
    """How much the totals can explain."""
    thin: float = 0.0
    """How much ops that do little with each element may explain for themselves."""
    doubt: float = 0.0
    """What the logarithm of the evidence loses, before anything is known."""


NOISES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
DEVIATIONS = ((0.0, 0.0), (0.05, 0.02), (0.15, 0.05), (0.3, 0.15))
_DRIFTING = (0.02, 0.04, 0.08)


def settings(n: int, *, ordered: bool) -> tuple[Setting, ...]:
    """Return what is tried for ``n`` samples; ``ordered``: when each was taken is known."""
    pairs = list(itertools.product(DEVIATIONS, NOISES))
    still = [Setting(noise=noise, smooth=a, single=b) for (a, b), noise in pairs]
    if n < FEW or not ordered:
        return tuple(still)
    moving = [
        Setting(noise=noise, smooth=a, single=b, drift=1.4 * noise)
        for (a, b), noise in pairs
        if noise in _DRIFTING
    ]
    return (*still, *moving)


def trends(n: int, sources: int) -> tuple[Columns, ...]:
    """Return the trends that are tried for ``n`` samples and so many sources."""
    alone = [
        Columns(spread=spread, sources="none", total=total, thin=0.4)
        for spread in (0.03, 0.1, 0.3)
        for total in (0.7, 1.4)
    ]
    if not sources:
        return tuple(alone)
    if n < FEW:  # a device is more like one other than like any mixture that ten samples tell
        pairs = itertools.product((0.005, 0.02), (0.05, 0.15))
        one = [Columns(spread=a, sources="one", total=b, doubt=1.0) for a, b in pairs]
        return (*alone, *one)
    one = [Columns(spread=spread, sources="one") for spread in (0.02, 0.08)]
    return (*alone, *one, Columns(spread=0.1, sources="all"))
