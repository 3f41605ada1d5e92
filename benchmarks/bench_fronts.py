"""Harder problems than those of bench_search.py, beside pymoo's NSGA-II at equal evaluations.

Three and four objectives, constraints that no sample meets, a choice between operations, a deep
network with requirements. For each the mean and the worst hypervolume of some seeds, with a
reference point of 1.1 between the ends of the best front that any search found, and evaluations a
second of a core's time. Of fronts in four objectives 400 points that stand for all are measured.

    python benchmarks/bench_fronts.py [--seeds 3] [--generations 25]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from bench_search import OPERATORS, ROOT, Floats, accuracy, calibrated, peer
from numpy.typing import NDArray
from pymoo.indicators.hv import HV

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.search.domain import domain_of
from ofadsl.search.domination import best
from ofadsl.search.problem import Batch, Cost, Problem
from ofadsl.search.solve import Effort, solve
from ofadsl.search.thin import spread_out

POINTS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--generations", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, problem in problems(Path(folder)):
            print(f"{name}, {1000 * options.generations:,} evaluations, {options.seeds} seeds")
            print("| search | hypervolume, mean | worst | evaluations a second |")
            compare(problem, options.seeds, options.generations)


def problems(folder: Path) -> Iterator[tuple[str, Problem]]:
    mbv3, latency = calibrated(folder)
    cost = mbv3.cost
    three: dict[str, Cost] = {"accuracy": accuracy(mbv3), "latency": latency, "params": cost.params}
    yield "mbv3, three objectives", posed(mbv3, three)
    yield "mbv3, four objectives", posed(mbv3, {**three, "memory": cost.peak_memory})
    sample = domain_of(mbv3.space, {}).sample(2000, np.random.default_rng(0))
    bounds: dict[Cost, float] = {
        cost.macs: 120e6,
        cost.params: 6e6,
        cost.peak_memory: 2.2e6,
        latency: float(np.quantile(latency(sample), 0.1)),
    }
    two: dict[str, Cost] = {"accuracy": accuracy(mbv3), "latency": latency}
    yield "mbv3, four tight constraints", posed(mbv3, two, bounds)
    fbnet = target_of(ROOT / "spaces/fbnet.ofa", {}, "fbnet")
    yield "fbnet", posed(fbnet, {"accuracy": accuracy(fbnet), "macs": fbnet.cost.macs})
    path = folder / "chained.ofa"
    path.write_text(chained())
    deep = target_of(path, {}, "chained")
    yield "25 stages", posed(deep, {"accuracy": accuracy(deep), "macs": deep.cost.macs})
    mcunet = target_of(ROOT / "spaces/mcunet.ofa", {}, "mcunet")
    costs: dict[str, Cost] = {
        "size": lambda x: -mcunet.cost.macs(x).astype(np.float64),
        "flash": mcunet.cost.flash_bytes,
        "memory": lambda x: mcunet.cost.peak_memory(x, 1),
    }
    yield "mcunet, objectives against each other", posed(mcunet, costs)


def posed(
    target: Target, costs: Mapping[str, Cost], bounds: Mapping[Cost, float] | None = None
) -> Problem:
    def column(name: str) -> Callable[[Batch], Floats]:
        return lambda batch: batch.column(name)

    def over(cost: Cost, bound: float) -> Callable[[Batch], Floats]:
        return lambda batch: np.maximum(np.asarray(cost(batch.x), np.float64) / bound - 1, 0)

    return Problem(
        domain=domain_of(target.space, {}),
        costs=costs,
        objectives=tuple(map(column, costs)),
        constraints=tuple(over(cost, bound) for cost, bound in (bounds or {}).items()),
    )


def chained() -> str:
    """Return a space of 25 stages, each at least as deep as the one before."""
    lines = ["space chained {", "  input image(channels: 3, size: {64, 96})"]
    lines += ["  stem: conv_bn(16, kernel: 3, stride: 2)"]
    block = "mbconv({16, 24, 32}, kernel: {3, 5, 7}, expand: {3, 4, 6})"
    lines += [f"  stage s{i} depth 1..4 {{ {block} }}" for i in range(25)]
    lines += [f"  require s{i}.depth <= s{i + 1}.depth" for i in range(24)]
    return "\n".join([*lines, "  pool: global_avg_pool", "  head: linear(10)", "}", ""])


def compare(problem: Problem, seeds: int, generations: int) -> None:
    runs: dict[str, list[tuple[Floats, float]]] = {name: [] for name in ("ours", *OPERATORS)}
    for seed in range(seeds):
        started = time.process_time()
        found = solve(problem, Effort(generations=generations - 1, seed=seed))
        speed = found.evaluations / (time.process_time() - started)
        runs["ours"].append((found.front.values, speed))
        for name, operators in OPERATORS.items():
            started = time.process_time()
            values = peer(problem, operators(), generations, seed)
            speed = 1000 * generations / (time.process_time() - started)
            runs[name].append((values, speed))
    every = np.concatenate([values for rows in runs.values() for values, _ in rows])
    low, high = ends(every[best(every)])
    for name, rows in runs.items():
        volumes = [volume((values - low) / (high - low)) for values, _ in rows]
        speed = statistics.median(speed for _, speed in rows)
        mean, worst = statistics.mean(volumes), min(volumes)
        print(f"| {name} | {mean:.4f} | {worst:.4f} | {speed:,.0f} |", flush=True)


def ends(front: Floats) -> tuple[Floats, Floats]:
    low, high = front.min(axis=0), front.max(axis=0)
    return low, np.where(high > low, high, low + 1)


def volume(points: NDArray[np.float64]) -> float:
    width = points.shape[1]
    if not len(points):
        return 0.0
    if width > 3:
        points = points[spread_out(points, POINTS)]
    return float(HV(ref_point=np.full(width, 1.1))(points))


if __name__ == "__main__":
    main()
