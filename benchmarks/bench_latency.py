"""How good an estimator of latency is after n measurements of a device it has never seen.

The protocol: tables of 5000 archs; n are measured, drawn from the first 4000, or chosen by what
they tell; predicted are the last 1000. The rank correlation is that of Spearman on those between
the 10 % and 90 % quantile of the true latency, the error and the coverage are of all. Sources are
the other devices' tables, never those of the target's own chip. Five draws, seeds 0 to 4.

    python benchmarks/bench_latency.py FOLDER [--quick] [--only fbnet|ofa]
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.check import rank_correlation
from ofadsl.calibrate.design import choose
from ofadsl.calibrate.model import fit
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.source import cell_table

Floats = NDArray[np.float64]
ROOT = Path(__file__).resolve().parent.parent
SPACES = {"fbnet": ("fbnet", {"data": "cifar"}), "ofa": ("mbv3", {"width": "1.2"})}
KNOWN, POOL = 4000, 700
TARGETS = {
    ("fbnet", "random", 10): (0.865, 3.8),
    ("fbnet", "designed", 10): (0.904, 3.8),
    ("fbnet", "random", 30): (0.911, 2.8),
    ("fbnet", "random", 100): (0.922, 2.6),
    ("v100_64", "random", 10): (0.9978, 1.43),
    ("v100_64", "random", 30): (0.9990, 0.89),
    ("v100_64", "random", 100): (0.9996, 0.53),
    ("v100_32", "random", 10): (0.919, None),
    ("v100_32", "random", 30): (0.956, None),
    ("v100_32", "random", 100): (0.961, None),
    ("titan_xp_64", "random", 10): (0.9963, 2.3),
    ("titan_xp_64", "random", 30): (0.9974, 1.9),
    ("titan_xp_64", "random", 100): (0.9982, 1.6),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one prediction, or their mean over several."""

    rho: float
    mape: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Devices:
    """The tables of one space, with a source made of the known part of each."""

    target: Target
    x: NDArray[np.uint8]
    y: dict[str, Floats]
    sources: dict[str, Floats]

    def others(self, device: str) -> list[Floats]:
        own = chip(device)
        return [table for name, table in self.sources.items() if chip(name) != own]


Method = Callable[[Devices, str, NDArray[np.intp]], tuple[Floats, Floats]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="two draws, four devices, n = 10, 30")
    parser.add_argument("--only", choices=tuple(SPACES))
    options = parser.parse_args()
    draws, sizes = (2, (10, 30)) if options.quick else (5, (10, 30, 100))
    for folder in [options.only] if options.only else SPACES:
        devices = load(options.folder / folder, folder)
        names = list(devices.y)[:: 4 if options.quick else 1]
        scores = run(devices, names, sizes, draws)
        show(folder, scores, names, sizes)


def load(folder: Path, space: str) -> Devices:
    name, settings = SPACES[space]
    target = target_of(ROOT / "spaces" / f"{name}.ofa", settings, name)
    y, sources = {}, {}
    for path in sorted(folder.glob("*_latency_*.csv")):
        table = read_table(path, target)
        device = path.stem.partition("_latency_")[2]
        y[device] = table.y
        sources[device] = cell_table(target.features, table.x[:KNOWN], table.y[:KNOWN])
    return Devices(target=target, x=table.x, y=y, sources=sources)


def run(
    devices: Devices, names: Sequence[str], sizes: Sequence[int], draws: int
) -> dict[tuple[str, str, int], Score]:
    scores = {}
    for name in names:
        for n in sizes:
            for how, (method, rows_of) in METHODS.items():
                found = [
                    one(devices, name, method, rows_of(devices, name, n, d)) for d in range(draws)
                ]
                scores[name, how, n] = mean(found)
            shown = scores[name, "random", n], scores[name, "designed", n]
            text = ", ".join(f"{s.rho:.4f} {s.mape:.2f} % {s.coverage:.2f}" for s in shown)
            print(f"{name:>16} n={n:<3} {text}", flush=True)
    return scores


def one(devices: Devices, name: str, method: Method, rows: NDArray[np.intp]) -> Score:
    y = devices.y[name][KNOWN:]
    predicted, deviation = method(devices, name, rows)
    low, high = np.quantile(y, [0.1, 0.9])
    inner = (y >= low) & (y <= high)
    error = np.abs(predicted - y)
    return Score(
        rho=rank_correlation(y[inner], predicted[inner]),
        mape=100 * float(np.mean(error / y)),
        coverage=float(np.mean(error <= 1.645 * deviation)),
    )


def ours(devices: Devices, name: str, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
    estimator = fit(
        devices.target.features,
        devices.x[rows],
        devices.y[name][rows],
        sources=devices.others(name),
        order=rows.astype(np.float64),
    )
    return estimator.predict(devices.x[KNOWN:])


def linear(columns: Sequence[int], ridge: float) -> Method:
    """Return least squares on few totals: multiply-adds, elements, weights, kernels."""

    def method(devices: Devices, name: str, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        features = devices.target.features
        table = features.trend[:, columns]
        return solve(features.summed(table, features.cells(devices.x)), devices, name, rows, ridge)

    return method


def one_hot(devices: Devices, name: str, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
    lengths = [len(dim.var.values) for dim in devices.target.space.dims]
    blocks = [np.eye(n)[devices.x[:, d]] for d, n in enumerate(lengths)]
    return solve(np.concatenate(blocks, axis=1), devices, name, rows, 1.0)


def solve(
    columns: Floats, devices: Devices, name: str, rows: NDArray[np.intp], ridge: float
) -> tuple[Floats, Floats]:
    level = np.where(columns.mean(axis=0) > 0, columns.mean(axis=0), 1)
    full = np.concatenate([columns / level, np.ones((len(columns), 1))], axis=1)
    y = devices.y[name][rows]
    white = full[rows] / y[:, None] * y.mean()
    hessian = white.T @ white + ridge * np.eye(white.shape[1])
    b = np.linalg.solve(hessian, white.T @ np.full(len(y), y.mean()))
    error = np.std(full[rows] @ b / y - 1)
    predicted = full[KNOWN:] @ b
    return predicted, np.abs(predicted) * error


def drawn(devices: Devices, name: str, n: int, draw: int) -> NDArray[np.intp]:
    return np.random.default_rng(draw).choice(KNOWN, n, replace=False)


def designed(devices: Devices, name: str, n: int, draw: int) -> NDArray[np.intp]:
    pool = np.random.default_rng(draw).choice(KNOWN, POOL, replace=False)
    features, sources = devices.target.features, devices.others(name)
    return pool[choose(features, devices.x[pool], n, sources=sources)]


METHODS: dict[str, tuple[Method, Callable[[Devices, str, int, int], NDArray[np.intp]]]] = {
    "random": (ours, drawn),
    "designed": (ours, designed),
    "MACs": (linear([0], 1e-9), drawn),
    "roofline": (linear([0, 1, 3], 1e-3), drawn),
    "one-hot": (one_hot, drawn),
}


def chip(device: str) -> str:
    return re.sub(r"_(1|32|64)$", "", device)


def mean(scores: Sequence[Score]) -> Score:
    return Score(
        rho=float(np.mean([s.rho for s in scores])),
        mape=float(np.mean([s.mape for s in scores])),
        coverage=float(np.mean([s.coverage for s in scores])),
    )


def show(
    folder: str,
    scores: dict[tuple[str, str, int], Score],
    names: Sequence[str],
    sizes: Sequence[int],
) -> None:
    print(f"\n{folder}: rho, error, coverage of the interval of 90 %; mean of {len(names)} devices")
    for how in METHODS:
        cells = [text(mean([scores[name, how, n] for name in names])) for n in sizes]
        print(f"| {how} | {' | '.join(cells)} |")
    for n in sizes:
        goals(folder, names, n, scores)
    for n in sizes:
        found = {name: scores[name, "random", n].coverage for name in names}
        least, most = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
        print(f"coverage n={n}: {found[least]:.2f} ({least}) to {found[most]:.2f} ({most})")


def goals(
    folder: str, names: Sequence[str], n: int, scores: dict[tuple[str, str, int], Score]
) -> None:
    for (what, how, size), (rho, mape) in TARGETS.items():
        if size != n or what not in (folder, *names):
            continue
        own = names if what == folder else [what]
        found = mean([scores[name, how, n] for name in own])
        goal = f"{rho}" + (f", {mape} %" if mape else "")
        print(f"| {what} {how} n={n} | {found.rho:.4f}, {found.mape:.2f} % | goal {goal} |")


def text(score: Score) -> str:
    return f"{score.rho:.4f}, {score.mape:.2f} %, {score.coverage:.2f}"


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")
