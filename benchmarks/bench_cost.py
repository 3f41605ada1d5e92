"""How fast the cost model of a space is, against the least that any table model does.

The measure: the multiply-adds of a million archs, in units of a bare numpy loop that gathers and
adds twenty columns of bytes of the same length. Medians of several repeats, one thread.

    python benchmarks/bench_cost.py [SPACE.ofa]
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from ofadsl.compiler.emit.cost import emit_cost
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space

ROOT = Path(__file__).resolve().parent.parent
ARCHS, COLUMNS, REPEATS = 1_000_000, 20, 9


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "spaces" / "mbv3.ofa"
    started = time.perf_counter()
    checked = checked_space(path)
    text = emit_cost(checked, lower(checked), source=path.name)
    print(
        f"{path.stem}: {len(text) / 1000:.1f} kB written in {time.perf_counter() - started:.2f} s"
    )
    cost = ModuleType("cost")
    exec(compile(text, "cost.py", "exec"), cost.__dict__)

    rng = np.random.default_rng(0)
    x = cost.sample(ARCHS, rng)
    columns = rng.integers(0, 25, (COLUMNS, ARCHS), dtype=np.uint8)
    tables = rng.integers(0, 10**7, (COLUMNS, 25))

    def gather_and_add() -> None:
        total = np.zeros(ARCHS, np.int64)
        for column, table in zip(columns, tables, strict=True):
            total += table[column]

    names = ("macs", "params", "peak_memory")
    runs = [gather_and_add, *(partial(getattr(cost, name), x) for name in names)]
    bare, *times = medians(runs)
    print(f"gather and add, {COLUMNS} columns: {bare * 1e3:.1f} ms for {ARCHS:,} archs")
    for name, taken in zip(names, times, strict=True):
        print(f"{name}: {taken * 1e3:.1f} ms, {taken / bare:.2f} times that")


def medians(runs: list[Callable[[], object]]) -> list[float]:
    """Return the median seconds of each, run in turns so that all see the same machine."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(REPEATS):
        for run, times in zip(runs, taken, strict=True):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


if __name__ == "__main__":
    main()
