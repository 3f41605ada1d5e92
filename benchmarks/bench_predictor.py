"""How well accuracy is predicted from few evaluations: Kendall's tau on subnets not seen.

In: the `evals.jsonl` of a trained supernet, of 600 subnets or more drawn uniformly. 200 are held
out; of the others n are fitted, in five draws. Beside it scikit-learn's random forest on the same
columns.

    python benchmarks/bench_predictor.py SPACE.ofa evals.jsonl
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from ofadsl.calibrate.archs import target_of
from ofadsl.commands.search_columns import features_of
from ofadsl.search.accuracy.evals import read_evals
from ofadsl.search.accuracy.features import Single
from ofadsl.search.accuracy.fit import MANY, Method, choose, kendall
from ofadsl.search.accuracy.ridge import fit_ridge
from ofadsl.search.accuracy.training import fit_perceptron

Floats = NDArray[np.float64]
Fit = Callable[[Single, Floats], Callable[[Single], Floats]]
OUT, DRAWS, SIZES = 200, 5, (100, 400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("space", type=Path)
    parser.add_argument("evals", type=Path)
    parser.add_argument("--metric", default="top1")
    options = parser.parse_args()
    target = target_of(options.space, {}, str(options.space))
    evals = read_evals(
        options.evals, space_hash=target.hash, metric=options.metric, encode=target.encode
    )
    if len(evals.y) < OUT + SIZES[-1]:
        parser.error(f"{options.evals} has {len(evals.y)} different subnets, not {OUT + SIZES[-1]}")
    features = features_of(target)
    columns, widths = features.columns(evals.x), features.widths

    def one(method: Method) -> Fit:
        return lambda x, y: method(x, widths, y).predict

    def ours(x: Single, y: Floats) -> Callable[[Single], Floats]:
        methods: dict[str, Method] = {"ridge": fit_ridge}
        if len(y) >= MANY:
            methods["perceptron"] = fit_perceptron
        return choose(methods, x, widths, y)[0].predict

    fits: dict[str, Fit] = {
        "chosen": ours,
        "ridge": one(fit_ridge),
        "perceptron": one(fit_perceptron),
        "random forest": forest,
    }
    print(f"{len(evals.y)} subnets of {target.space.name}, {OUT} held out, {DRAWS} draws")
    print(f"| Kendall's tau | {' | '.join(f'n = {n}' for n in SIZES)} |")
    for name, fit in fits.items():
        found = [mean_tau(fit, columns, evals.y, n) for n in SIZES]
        print(f"| {name} | {' | '.join(f'{tau:.3f}' for tau in found)} |", flush=True)


def mean_tau(fit: Fit, columns: Single, y: Floats, count: int) -> float:
    taus = []
    for draw in range(DRAWS):
        rows = np.random.default_rng(draw).permutation(len(y))
        out, known = rows[:OUT], rows[OUT : OUT + count]
        taus.append(kendall(fit(columns[known], y[known])(columns[out]), y[out]))
    return statistics.mean(taus)


def forest(x: Single, y: Floats) -> Callable[[Single], Floats]:
    model = RandomForestRegressor(300, random_state=0, n_jobs=1).fit(x, y)
    return lambda columns: np.asarray(model.predict(columns))


if __name__ == "__main__":
    main()
