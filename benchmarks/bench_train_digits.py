"""Are subnets of a supernet as good as the same subnets trained alone? On the digits, on a CPU.

Supernets are trained by each schedule, several seeds; random subnets are taken from them without
retraining, with statistics recomputed, and compared with the same subnets trained alone for as many
epochs. Seeds go to processes of one thread each. Ends with the rows of a table in docs/training.md.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from measure import MET, MISSED

from generated.digits import Arch, Supernet, cost
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space
from ofadsl.compiler.schedule.find import scaled, schedules_of
from ofadsl.train.data.open import open_data
from ofadsl.train.evaluate import Conditions, evaluate
from ofadsl.train.processes import Processes
from ofadsl.train.progress import Silent
from ofadsl.train.run import Run, run
from ofadsl.train.settings import Settings

SPACE = Path(__file__).resolve().parent.parent / "spaces" / "digits.ofa"
HERE = Processes(device=torch.device("cpu"))
GOAL = 1.0  # points, on average


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A training: a schedule, or the arch that is trained alone."""

    seed: int
    schedule: str
    arch: Arch | None
    archs: tuple[Arch, ...]
    epochs: float
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Top-1 of each arch in percent, in order, and the seconds of the training."""

    task: Task
    top1: tuple[float, ...]
    seconds: float


def main() -> None:
    options = arguments()
    rng = random.Random(0)
    archs = tuple(Arch.sample(rng) for _ in range(options.archs))
    common = {"archs": archs, "epochs": options.epochs, "rate": options.rate}
    seeds = range(options.seeds)
    tasks = [
        Task(seed=seed, schedule=name, arch=None, **common)
        for name in options.schedules
        for seed in seeds
    ]
    if not options.supernets_only:
        tasks += [
            Task(seed=seed, schedule="single", arch=arch, **common)
            for seed in seeds
            for arch in archs
        ]
    began = time.monotonic()
    context = get_context("spawn")
    with ProcessPoolExecutor(options.processes, context, initializer=alone) as pool:
        results = list(pool.map(train, tasks))
    print(f"{options.archs} subnets, {options.seeds} seeds, {options.epochs:g} epochs; ", end="")
    print(f"{(time.monotonic() - began) / 60:.1f} minutes in {options.processes} processes")
    report(results, options.schedules, options.seeds)


def report(results: Sequence[Result], schedules: Sequence[str], seeds: int) -> None:
    """Print a row for each way of training, the difference to training alone by seed."""
    lone = {
        seed: [r.top1[0] for r in results if r.task.arch is not None and r.task.seed == seed]
        for seed in range(seeds)
    }
    print("| trained | mean | worst subnet | to alone | by seed |")
    print("|---|---|---|---|---|")
    if all(lone.values()):
        print(row("alone", [lone[seed] for seed in range(seeds)], ""))
    for name in schedules:
        found = sorted((r for r in results if r.task.schedule == name), key=lambda r: r.task.seed)
        top1 = [list(r.top1) for r in found]
        difference = ""
        if all(lone.values()):
            points = [statistics.mean(a) - statistics.mean(lone[s]) for s, a in enumerate(top1)]
            mean = statistics.mean(points)
            verdict = MET if mean >= -GOAL else MISSED
            listed = ", ".join(f"{p:+.1f}" for p in points)
            difference = f"{mean:+.2f} ({verdict}) | {listed}"
        print(row(name, top1, difference))
        print(f"  one supernet took {statistics.median(r.seconds for r in found):.0f} s")


def row(name: str, top1: list[list[float]], difference: str) -> str:
    means = [statistics.mean(accuracies) for accuracies in top1]
    worst = min(min(accuracies) for accuracies in top1)
    return f"| {name} | {statistics.mean(means):.2f} | {worst:.1f} | {difference} |"


def train(task: Task) -> Result:
    """Train in a folder that is forgotten; return what the subnets are worth."""
    checked = checked_space(SPACE)
    data = open_data("digits", channels=1)
    choices = None
    if task.arch is not None:
        choices = tuple(int(i) for i in cost.encode([task.arch.to_dict()])[0])
    schedule = scaled(schedules_of(task.schedule, checked, None, choices), task.epochs)
    torch.manual_seed(task.seed)
    with tempfile.TemporaryDirectory() as folder:
        asked = Run(
            folder=Path(folder),
            supernet=Supernet(),
            arch_class=Arch,
            largest=Arch.largest(),
            space=checked.space,
            graph=lower(checked),
            space_hash=cost.SPACE_HASH,
            schedule=schedule,
            data=data,
            settings=Settings(learning_rate=task.rate, seed=task.seed, evaluate_every=10**9),
            group=HERE,
        )
        began = time.monotonic()
        path = run(asked, Silent())
        seconds = time.monotonic() - began
        supernet: Any = asked.supernet.eval()
        assert path.exists()
    archs = [task.arch] if task.arch is not None else list(task.archs)
    found = dict(
        pair for some in evaluate(supernet, archs, data, Conditions(), HERE) for pair in some
    )
    top1 = tuple(100 * found[i].top1 for i in range(len(archs)))
    return Result(task=replace(task, archs=()), top1=top1, seconds=seconds)


def alone() -> None:
    torch.set_num_threads(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--archs", type=int, default=20)
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument("--rate", type=float, default=0.8, help="as --lr, for all trainings")
    parser.add_argument("--schedules", nargs="+", default=["progressive", "sandwich"])
    parser.add_argument("--supernets-only", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
