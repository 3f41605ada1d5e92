"""How good and how fast a search is: against the exact front, and against pymoo's NSGA-II.

1. Five spaces of up to 10^6 subnets under random smooth objectives: the hypervolume that evolution
   reaches of the exact front, which is found by trying every subnet. Goal: 0.999 in all seeds.
2. mbv3 with a calibrated latency and an accuracy that is no sum over dimensions: hypervolume and
   evaluations a second beside pymoo, at equal numbers of evaluations. Goals: not less; 8 times.
3. Evaluations a second, end to end, with a fitted accuracy on mbv3. Goal: 10^5.
4. Four constraints on mbv3, population 1000, 200 generations. Goal: 10 s.

All on one core, in seconds of its time. The hypervolume lies between the best values and the worst
of a uniform sample.

    python benchmarks/bench_search.py [--quick] [--only 1,2,3,4]
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem as Peer
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.crossover.ux import UX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.mutation.rm import ChoiceRandomMutation
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.commands.calibrate import Request, calibrate
from ofadsl.commands.estimators import load_estimator
from ofadsl.commands.search_columns import features_of
from ofadsl.diagnostics import Source
from ofadsl.expr import Value
from ofadsl.search.accuracy.ridge import fit_ridge
from ofadsl.search.accuracy.training import fit_perceptron
from ofadsl.search.check import check_constraints
from ofadsl.search.compute import dimensions_of, violation
from ofadsl.search.domain import Domain, domain_of
from ofadsl.search.domination import best
from ofadsl.search.problem import Batch, Cost, Problem
from ofadsl.search.solve import Effort, solve
from ofadsl.search.vocabulary import vocabulary_of

Floats = NDArray[np.float64]
ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "tests" / "data" / "device_tables"
SEEDS = 20

RESTRICTED = (
    "tests/spaces/mixed.ofa",
    "spaces/mbv3.ofa",
    "spaces/attentive_nas.ofa",
    "spaces/proxyless.ofa",
    "spaces/fbnet.ofa",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 seeds, few generations")
    parser.add_argument("--only", default="1,2,3,4")
    options = parser.parse_args()
    parts = (exact_fronts, beside_pymoo, fitted_accuracy, four_constraints)
    with tempfile.TemporaryDirectory() as folder:
        for number in options.only.split(","):
            parts[int(number) - 1](Path(folder), 3 if options.quick else SEEDS)


# 1


def exact_fronts(_: Path, seeds: int) -> None:
    print("| space | subnets | tried | least of the exact hypervolume | mean |")
    for number, path in enumerate(RESTRICTED):
        domain = restricted(target_of(ROOT / path, {}, path), np.random.default_rng(number))
        found = []
        for seed in range(seeds):
            rng = np.random.default_rng([number, seed])
            goals = smooth(domain, rng), smooth(domain, rng)
            costs = dict(zip(("first", "second"), goals, strict=True))
            problem = posed(domain, costs)
            exact = solve(problem, Effort()).front.values
            evolved = solve(problem, Effort(seed=seed, enumerable=0))
            scale = Scale.of(problem, exact)
            found.append(scale.volume(evolved.front.values) / scale.volume(exact))
            tried = evolved.evaluations
        print(
            f"| {Path(path).stem} | {domain.size:,} | {tried:,} | {min(found):.6f} "
            f"| {statistics.mean(found):.6f} |",
            flush=True,
        )


def restricted(target: Target, rng: np.random.Generator) -> Domain:
    """Return a domain of at most 10^6 subnets: dimensions are fixed at random until it is."""
    kept: dict[str, list[Value]] = {}
    dims = list(target.space.dims)
    domain = domain_of(target.space, kept)
    for at in rng.permutation(len(dims)):
        if domain.size <= 10**6:
            break
        values = dims[at].var.values
        kept[dims[at].var.name] = [values[int(rng.integers(len(values)))]]
        domain = domain_of(target.space, kept)
    return domain


def smooth(domain: Domain, rng: np.random.Generator, width: int = 16) -> Cost:
    """Return a random function of the choices' ranks: a sum of ridges, none along a dimension."""
    dims = len(domain.names)
    slopes = rng.normal(0, 1.5 / np.sqrt(max(len(domain.free), 1)), (dims, width))
    shifts, weights = rng.normal(0, 1, width), rng.normal(0, 1, width)
    last = np.maximum(domain.counts - 1, 1)

    def value(x: NDArray[np.uint8]) -> Floats:
        return np.tanh((x / last * 2 - 1) @ slopes + shifts) @ weights

    return value


# 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Between the best and the worst values that matter."""

    low: Floats
    high: Floats

    @classmethod
    def of(cls, problem: Problem, front: Floats) -> Scale:
        sample = problem.evaluate(problem.domain.sample(2000, np.random.default_rng(99))).values
        every = np.concatenate([sample, front])
        return cls(low=every.min(axis=0), high=every.max(axis=0))

    def volume(self, values: Floats) -> float:
        """Return the hypervolume in the unit square; of two objectives."""
        points = (values - self.low) / (self.high - self.low)
        points = points[(points <= 1).all(axis=1)]
        points = points[best(points)]
        points = points[np.argsort(points[:, 0])]
        above = np.concatenate([[1.0], points[:-1, 1]])
        return float(((1 - points[:, 0]) * (above - points[:, 1])).sum())


def beside_pymoo(folder: Path, seeds: int) -> None:
    target, latency = calibrated(folder)
    generations = 10 if seeds < SEEDS else 25
    problem = posed(domain_of(target.space, {}), {"first": accuracy(target), "second": latency})
    runs: dict[str, list[tuple[Floats, float]]] = {name: [] for name in ("ours", *OPERATORS)}
    for seed in range(seeds):
        started = time.process_time()
        effort = Effort(generations=generations - 1, seed=seed)
        found = solve(problem, effort)
        speed = found.evaluations / (time.process_time() - started)
        assert found.evaluations <= 1000 * generations
        runs["ours"].append((found.front.values, speed))
        for name, operators in OPERATORS.items():
            started = time.process_time()
            values = peer(problem, operators(), generations, seed)
            speed = 1000 * generations / (time.process_time() - started)
            runs[name].append((values, speed))
    every = np.concatenate([values for rows in runs.values() for values, _ in rows])
    scale = Scale.of(problem, every[best(every)])
    print(f"mbv3, {1000 * generations:,} evaluations, {seeds} seeds")
    print("| search | hypervolume, mean | worst | evaluations a second | ours is faster by |")
    ours = statistics.median(speed for _, speed in runs["ours"])
    for name, rows in runs.items():
        volumes = [scale.volume(values) for values, _ in rows]
        speed = statistics.median(speed for _, speed in rows)
        mean, worst = statistics.mean(volumes), min(volumes)
        print(f"| {name} | {mean:.5f} | {worst:.5f} | {speed:,.0f} | {ours / speed:.1f} |")


class Subnets(Peer):  # type: ignore[misc]
    """A problem as pymoo takes it: whole numbers, a population at a time."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        domain = problem.domain
        width = len(domain.names)
        sizes = {"n_obj": len(problem.objectives), "n_ieq_constr": int(bool(problem.constraints))}
        super().__init__(n_var=width, xl=0, xu=domain.counts - 1, vtype=int, **sizes)

    def _evaluate(self, x: NDArray[np.int64], out: dict[str, Floats], *_: object) -> None:
        archs = self.problem.domain.mend(x.astype(np.uint8))
        found = self.problem.evaluate(archs)
        out["F"] = found.values
        if self.problem.constraints:
            out["G"] = found.violation[:, None]


OPERATORS: Mapping[str, Callable[[], dict[str, object]]] = {
    "pymoo, SBX and polynomial mutation": lambda: {
        "crossover": SBX(prob=0.9, eta=3, vtype=float, repair=RoundingRepair()),
        "mutation": PM(prob=1.0, eta=3, vtype=float, repair=RoundingRepair()),
    },
    "pymoo, uniform crossover": lambda: {"crossover": UX(), "mutation": IntegerMutation()},
}


class IntegerMutation(ChoiceRandomMutation):  # type: ignore[misc]
    """Another choice in each place with a chance of 1/D."""

    def _do(
        self, problem: Subnets, x: NDArray[np.int64], *, random_state: np.random.Generator, **_: Any
    ) -> NDArray[np.int64]:
        rng = random_state
        hit = rng.random(x.shape) < 1 / x.shape[1]
        other = np.floor(rng.random(x.shape) * (problem.xu + 1)).astype(x.dtype)
        return np.where(hit, other, x)


def peer(problem: Problem, operators: Mapping[str, object], generations: int, seed: int) -> Floats:
    algorithm = NSGA2(
        pop_size=1000,
        sampling=IntegerRandomSampling(),
        eliminate_duplicates=True,
        **operators,
    )
    found = minimize(Subnets(problem), algorithm, ("n_gen", generations), seed=seed)
    none = np.zeros((0, len(problem.objectives)))  # where it found nothing within the constraints
    return none if found.F is None else np.asarray(found.F)


# 3


def fitted_accuracy(folder: Path, seeds: int) -> None:
    target, latency = calibrated(folder)
    domain, features = domain_of(target.space, {}), features_of(target)
    truth = accuracy(target)
    x = domain.sample(400, np.random.default_rng(0))
    columns = features.columns(x)
    print("| accuracy | evaluations a second |")
    for name, fit in (("ridge", fit_ridge), ("perceptron", fit_perceptron)):
        model = fit(columns, features.widths, truth(x))
        costs: dict[str, Cost] = {
            "first": lambda x, model=model: model.predict(features.columns(x)),
            "second": latency,
        }
        problem, speeds = posed(domain, costs), []
        for seed in range(min(seeds, 5)):
            started = time.process_time()
            found = solve(problem, Effort(seed=seed, generations=100))
            speeds.append(found.evaluations / (time.process_time() - started))
        print(f"| {name} | {statistics.median(speeds):,.0f} |", flush=True)


# 4


def four_constraints(folder: Path, seeds: int) -> None:
    target, latency = calibrated(folder)
    text = (
        "latency[device] <= 20 ms and peak_memory <= 4 MB and weight_bytes <= 24 MB "
        "and macs <= 300M"
    )
    vocabulary = vocabulary_of(target.space, {"latency": ("device",)}, accuracy=False)
    dimensions = dimensions_of(target.space)

    def constraint(condition: object) -> Callable[[Batch], Floats]:
        return lambda batch: violation(condition, batch, dimensions)  # type: ignore[arg-type]

    checked = check_constraints(Source(path="--where", text=text), vocabulary)
    cost = target.cost
    problem = Problem(
        domain=domain_of(target.space, {}),
        costs={
            "first": accuracy(target),
            "latency[device]": latency,
            "peak_memory": cost.peak_memory,
            "weight_bytes": cost.weight_bytes,
            "macs": cost.macs,
        },
        objectives=(lambda b: b.column("first"), lambda b: b.column("latency[device]")),
        constraints=tuple(constraint(one.condition) for one in checked),
    )
    taken, three = [], []
    for seed in range(min(seeds, 5)):
        taken.append(timed(problem, seed))
    objectives = (*problem.objectives, lambda b: b.column("macs"))
    more = Problem(
        domain=problem.domain,
        costs=problem.costs,
        objectives=objectives,
        constraints=problem.constraints,
    )
    for seed in range(min(seeds, 3)):
        three.append(timed(more, seed))
    print(f"4 constraints, population 1000, 200 generations: {statistics.median(taken):.2f} s")
    print(f"the same with three objectives: {statistics.median(three):.2f} s")


def timed(problem: Problem, seed: int) -> float:
    started = time.process_time()
    found = solve(problem, Effort(seed=seed))
    assert len(found.front)
    return time.process_time() - started


def posed(domain: Domain, costs: Mapping[str, Cost]) -> Problem:
    return Problem(
        domain=domain,
        costs=costs,
        objectives=(lambda b: b.column("first"), lambda b: b.column("second")),
        constraints=(),
    )


def calibrated(folder: Path) -> tuple[Target, Cost]:
    """Return mbv3 with a latency that is fitted to the committed table of a device."""
    path, settings = ROOT / "spaces" / "mbv3.ofa", {"width": "1.2"}
    target = target_of(path, settings, "spaces/mbv3.ofa")
    file = folder / "mbv3" / "latency_v100.py"
    if not file.exists():
        table, archs = TABLES / "ofa_latency_v100_64.csv", TABLES / "ofa_archs.csv"
        calibrate(
            Request(
                space=path, table=table, archs=archs, name="v100", settings=settings, output=folder
            )
        )
    latency: Cost = load_estimator(file, target).latency_ms
    return target, latency


def accuracy(target: Target) -> Cost:
    """Return an error to minimise: larger choices help, in part and not each on its own."""
    rng = np.random.default_rng(7)
    domain = domain_of(target.space, {})
    last = np.maximum(domain.counts - 1, 1)
    gain = rng.gamma(2, 1, len(last))
    bends = rng.normal(0, 1 / np.sqrt(len(last)), (len(last), 24))
    weights = rng.normal(0, 1, 24)

    def error(x: NDArray[np.uint8]) -> Floats:
        z = x / last
        size = (z @ gain) / gain.sum()
        return -(1 - np.exp(-2 * size)) - 0.02 * np.tanh((2 * z - 1) @ bends) @ weights

    return error


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"{time.perf_counter() - began:.0f} s")
