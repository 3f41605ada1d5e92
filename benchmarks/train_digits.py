"""Are subnets of a supernet as good as the same subnets trained alone? On the digits, on a CPU.

Supernets are trained by each schedule, with several seeds; random subnets are taken from them
without retraining and compared with the same subnets trained alone for as many epochs. Each seed
judges on images of its own, which no setting was chosen on; `--usual` judges on the usual ones.
Trainings go to processes of one thread each.
"""

from __future__ import annotations

import argparse
import random
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch
from trials import Own, Trial, carry_out, report, trials

from generated.digits import Arch
from ofadsl.train.settings import Settings

GOAL = 1.0
"""So many points may be lost on average."""


OWN = {"progressive": Own(learning_rate=2.0, arguments={"later": "3"})}
"""Its phases have small parts of this rate, made for hundreds of epochs; the others take --lr."""


def main() -> None:
    options = arguments()
    rng = random.Random(0)
    base = Trial(
        space="digits",
        data="digits",
        schedule="single",
        archs=tuple(Arch.sample(rng) for _ in range(options.archs)),
        epochs=options.epochs,
        settings=Settings(batch=32, learning_rate=options.lr, evaluate_every=10**9),
        redrawn=not options.usual,
    )
    alone = not options.supernets_only
    asked = trials(base, options.schedules, options.seeds, OWN, alone=alone)
    began = time.monotonic()
    context = get_context("spawn")
    with ProcessPoolExecutor(options.processes, context, torch.set_num_threads, (1,)) as pool:
        results = []
        for result in pool.map(carry_out, asked):
            found = ", ".join(f"{top1:.1f}" for top1 in result.top1)
            print(f"{result.schedule}, seed {result.seed}: {found}", flush=True)
            results.append(result)
    minutes = (time.monotonic() - began) / 60
    print(f"{options.archs} subnets, {options.seeds} seeds, {options.epochs:g} epochs, ", end="")
    print(f"{len(asked)} trainings in {minutes:.1f} minutes, {options.processes} processes")
    report(results, options.schedules, GOAL)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--archs", type=int, default=20)
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument("--lr", type=float, default=0.8)
    parser.add_argument("--schedules", nargs="+", default=["progressive", "sandwich"])
    parser.add_argument("--supernets-only", action="store_true")
    parser.add_argument("--usual", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
