"""Measure this machine, calibrate, and predict archs that were measured apart: how good is it?

The road of a user: `measure` chooses n archs and times them, `calibrate` fits; then as many archs
drawn at random are measured into a table of their own, and predicted. With --again these are
measured a second time, to say what of the error is the machine's.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.check import rank_correlation
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.tables import Table
from ofadsl.cli.progress import watching
from ofadsl.commands.calibrate import Request as Calibration
from ofadsl.commands.calibrate import calibrate
from ofadsl.commands.estimators import load_estimator
from ofadsl.commands.measure import Request, measure
from ofadsl.commands.runners import Setting, machine

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    options = arguments()
    setting = Setting(runtime=options.runtime, batch=options.batch, threads=options.threads)
    target = target_of(options.space, {}, options.space.name)
    print(f"{target.space.name} on {machine(setting)}: {setting.runtime}, batch {setting.batch},")
    print(f"  {setting.threads} thread(s), {options.n} archs chosen, {options.held} held out")
    with tempfile.TemporaryDirectory() as folder:
        table, other = (measured(Path(folder), name, options, setting) for name in NAMES)
        answer = calibrate(
            Calibration(space=options.space, table=table, name="here", output=Path(folder))
        )
        print(answer.lines[0])
        held = read_table(other, target)
        say("predicted, held out", *predicted(Path(answer.data["file"]), target, held))
        if options.again:
            second = read_table(measured(Path(folder), "held_again", options, setting), target)
            rho = rank_correlation(held.y, second.y)
            say("measured a second time", second.y / held.y, rho)
    print(f"latencies from {held.y.min():.2f} to {held.y.max():.2f} ms")


NAMES = ("chosen", "held")


def measured(folder: Path, name: str, options: argparse.Namespace, setting: Setting) -> Path:
    """Return a new table: of chosen archs, or of random ones that are not seen by the fit."""
    path = folder / f"{name}.jsonl"
    held = name.startswith("held")
    with watching(name.replace("_", " ")) as watch:
        request = Request(
            space=options.space,
            output=path,
            number=options.held if held else options.n,
            setting=setting,
            random=held,
            seed=options.seed + held,
        )
        measure(request, watch)
    return path


def predicted(path: Path, target: Target, table: Table) -> tuple[Any, float, float]:
    """Return ratios of prediction and measurement, the rank correlation, the coverage."""
    module = load_estimator(path, target)
    mean = module.latency_ms(table.x)
    low, high = module.interval_ms(table.x, 0.9)
    inside = float(np.mean((low <= table.y) & (table.y <= high)))
    return mean / table.y, rank_correlation(table.y, mean), inside


def say(what: str, ratio: Any, rho: float, inside: float | None = None) -> None:
    coverage = "" if inside is None else f", {inside:.0%} in the interval of 90 %"
    error, level = np.abs(ratio - 1).mean(), np.median(ratio)
    print(f"  {what:<24} rho {rho:.3f}, MAPE {error:.1%}, level {level:.3f}{coverage}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--space", type=Path, default=ROOT / "spaces" / "mbv3.ofa")
    parser.add_argument("-n", type=int, default=30, help="archs to choose")
    parser.add_argument("--held", type=int, default=30, help="archs to predict")
    parser.add_argument("--runtime", default="eager")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="measure what is held out twice")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
