"""How good an estimator of a transformer's latency is after n measurements: the tables of HAT.

The protocol: 2000 transformers a table; n are drawn from the first 1600, the last 400 predicted.
Rank correlation (Spearman) on all 400, and on those between the 10 % and 90 % quantile; error and
coverage of the interval of 90 % on all. Nothing else is known of the device. Five draws. What can
be reached is what the deviation of repeats, as the table states it, leaves of a perfect prediction.

    python benchmarks/bench_latency_hat.py FOLDER
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.check import rank_correlation
from ofadsl.calibrate.features import Features
from ofadsl.calibrate.model import fit
from ofadsl.calibrate.read_features import FeatureTable, read_features
from ofadsl.calibrate.transformers import row_choices, transformer_features

Floats = NDArray[np.float64]
KNOWN, MANY, DRAWS = 1600, 1000, 5
SIZES = (10, 30, 100)
GOALS = {10: 0.95, 100: 0.99}
DEPTH = 5  # the column of the decoder's layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=DRAWS)
    options = parser.parse_args()
    print("| table | n | rho | trimmed | error | coverage |")
    for path in sorted(options.folder.glob("*.csv.gz")):
        table = read_features(path)
        features = transformer_features(table.features)
        for n in SIZES:
            found = [score(table, features, n, draw) for draw in range(options.draws)]
            rho, inner, error, coverage = np.mean(found, axis=0)
            goal = f" goal {GOALS[n]}" if n in GOALS else ""
            figures = f"{rho:.4f} | {inner:.4f} | {100 * error:.2f} % | {coverage:.2f}"
            print(f"| {path.name.partition('.')[0]} | {n} | {figures} |{goal}", flush=True)
        noise(table, features)


def score(
    table: FeatureTable, features: Features, n: int, draw: int
) -> tuple[float, float, float, float]:
    mean, deviation = predicted(table, features, n, draw)
    y = table.total[KNOWN:]
    covered = np.mean(np.abs(mean - y) <= 1.645 * deviation)
    error = np.mean(np.abs(mean / y - 1))
    return rank_correlation(y, mean), trimmed(y, mean), float(error), float(covered)


def predicted(table: FeatureTable, features: Features, n: int, draw: int) -> tuple[Floats, Floats]:
    rows = np.random.default_rng(draw).choice(KNOWN, n, replace=False)
    estimator = fit(features, row_choices(rows), table.total[rows])
    return estimator.predict(row_choices(np.arange(KNOWN, len(table.total))))


def noise(table: FeatureTable, features: Features) -> None:
    """Print what can be reached: a fit to 1000, and its predictions with the noise of repeats."""
    mean, _ = predicted(table, features, MANY, 0)
    y, depth = table.total[KNOWN:], table.features[KNOWN:, DEPTH]
    own = np.sqrt((table.deviation[KNOWN:] ** 2).sum(axis=1))
    rng = np.random.default_rng(0)
    noisy = [mean + rng.normal(size=len(mean)) * own for _ in range(20)]
    ceiling = np.mean([rank_correlation(values, mean) for values in noisy])
    same = [mean[depth == d] for d in np.unique(depth)]
    spread = np.mean([values.std() / values.mean() for values in same])
    print(
        f"    n={MANY}: {rank_correlation(y, mean):.4f}; with the noise of repeats, a perfect "
        f"prediction has {ceiling:.4f}; repeats deviate by {np.median(own / y):.2%}, transformers "
        f"of the same depth by {spread:.2%}"
    )


def trimmed(y: Floats, mean: Floats) -> float:
    low, high = np.quantile(y, [0.1, 0.9])
    inner = (y >= low) & (y <= high)
    return rank_correlation(y[inner], mean[inner])


if __name__ == "__main__":
    main()
