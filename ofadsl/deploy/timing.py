"""How long runs take: medians, taken in turn, so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

_WARM_UP = 3
_LEAST = 10


def median_ms(runs: Mapping[str, Callable[[], object]], seconds: float = 2.0) -> dict[str, float]:
    """Return the median of each run in milliseconds; ``seconds`` are spent on all together."""
    for run in runs.values():
        for _ in range(_WARM_UP):
            run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < _LEAST or time.perf_counter() < end:
        rounds += 1
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(times) for name, times in taken.items()}
