"""Are subnets of a supernet as good as the same subnets trained alone? On CIFAR-10, for a GPU.

`--data` is a folder of images by class, or a `.tar.gz` of one. The largest, the smallest and random
subnets are taken from supernets trained by each schedule, without retraining, and compared with the
same subnets trained alone for as many epochs. On a CPU `--limit 200 --epochs 1` shows that it runs;
what comes out then says nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tarfile
import tempfile
from pathlib import Path

import torch
from measure import MET, MISSED
from trials import Result, Trial, carry_out, report, trials

from generated.cifar import Arch
from ofadsl.train.settings import Settings

GOAL = 0.5
"""So many points may be lost on average."""

AHEAD = 1.0
"""By so many points progressive shrinking is to be ahead of uniform sampling on the smallest."""


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(options.data)
        if data.is_file():
            with tarfile.open(data) as archive:
                archive.extractall(temporary, filter="data")
            data = Path(temporary)
        measure(options, str(data))


def measure(options: argparse.Namespace, data: str) -> None:
    rng = random.Random(0)
    others = (Arch.sample(rng) for _ in range(options.archs - 2))
    base = Trial(
        space="cifar",
        data=data,
        schedule="single",
        archs=(Arch.smallest(), Arch.largest(), *others),
        epochs=options.epochs,
        settings=Settings(
            batch=options.batch,
            learning_rate=options.lr,
            weight_decay=options.weight_decay,
            amp=options.device == "cuda",
            evaluate_every=10,
        ),
        limit=options.limit,
        workers=options.workers,
        device=options.device,
        shown=True,
    )
    alone = not options.supernets_only
    asked = trials(base, options.schedules, options.seeds, {}, alone=alone)
    results = []
    for trial in asked:
        print(f"{trial.schedule}, seed {trial.settings.seed}", flush=True)
        results.append(carry_out(trial))
        print("  " + ", ".join(f"{top1:.2f}" for top1 in results[-1].top1), flush=True)
    hours = sum(result.seconds for result in results) / 3600
    limit = "" if options.limit is None else f"AT MOST {options.limit} IMAGES, "
    print(f"{limit}{len(base.archs)} subnets, {options.epochs:g} epochs, {hours:.2f} hours")
    report(results, options.schedules, GOAL)
    ahead(results)


def ahead(results: list[Result]) -> None:
    """Print what the schedule is worth to the smallest subnet, the first of all."""
    smallest = {
        name: [result.top1[0] for result in results if result.schedule == name]
        for name in ("progressive", "uniform")
    }
    if all(smallest.values()):
        points = statistics.mean(smallest["progressive"]) - statistics.mean(smallest["uniform"])
        verdict = MET if points >= AHEAD else MISSED
        print(f"smallest subnet, progressive against uniform: {points:+.2f} points, {verdict}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--archs", type=int, default=8)
    parser.add_argument("--epochs", type=float, default=200)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.4)
    parser.add_argument("--weight-decay", type=float, default=3e-4)
    parser.add_argument("--schedules", nargs="+", default=["progressive", "sandwich", "uniform"])
    parser.add_argument("--supernets-only", action="store_true")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, choices=["cpu", "cuda"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
