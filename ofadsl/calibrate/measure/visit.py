"""One visit to a subnet: a call that warms up, then timed calls until they have taken long enough.

In: what runs a subnet once and says how many seconds that took. Out: the median of a few calls.
The seconds are the runner's, so this works with any clock.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Timed: TypeAlias = Callable[[], float]
"""Runs a subnet once; returns the seconds that it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to stay; seconds are those of calls."""

    first: float = 0.2
    """Before anything is timed, when a subnet has just been loaded."""
    first_calls: int = 3
    stay: float = 0.12
    most_calls: int = 100


def warm_up(run: Timed, pace: Pace) -> None:
    """Run until memory is allocated and kernels are chosen."""
    spent, calls = 0.0, 0
    while calls < pace.first_calls or (spent < pace.first and calls < pace.most_calls):
        spent += run()
        calls += 1


def visit(run: Timed, pace: Pace) -> float:
    """Return the median seconds of a call; the first one finds the caches of another subnet."""
    collects = gc.isenabled()
    gc.disable()
    try:
        run()
        taken = [run()]
        while sum(taken) < pace.stay and len(taken) < pace.most_calls:
            taken.append(run())
    finally:
        if collects:
            gc.enable()
    return statistics.median(taken)
