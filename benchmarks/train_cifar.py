"""Are subnets of a supernet as good as the same subnets trained alone? On CIFAR-10.

`--data` is a folder of images by class, or a `.tar.gz` of one. The smallest, the largest and random
subnets are taken from supernets trained by each schedule, without retraining, and compared with the
same subnets trained alone for as many epochs. No setting was chosen on the images that judge.

    python benchmarks/train_cifar.py --data ../shared/data/cifar10.tar.gz -o cifar-run

takes hours on a CPU, on one thread, with the space `benchmarks/cifar_cpu.ofa`. It may be stopped at
any time: the same command goes on after the last epoch. What there is of the result is in
`cifar-run/results/summary.json` after each training, and in `--result` when all have ended.
For a GPU: `--space cifar --epochs 200 --batch 256 --archs 8 --goal 0.5`. To see that it runs:
`--limit 256 --epochs 1 --seeds 1 --result ''`; what comes out then says nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from compared import compared, conditions, lines
from decoded import decoded
from trials import Own, Result, Trial, carry_out, package_of, trials

from ofadsl.files import held, write_text
from ofadsl.train.settings import Settings

HERE = Path(__file__).resolve().parent

LATER = "7.5"
"""The last phases of progressive shrinking have small parts of a rate made for hundreds of epochs.

With the rates of the digits they have 7.5 times as much, in proportion to the other schedules.
"""


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    try:
        with held(options.output / "run"):
            measure(options)
    except BlockingIOError:
        raise SystemExit(f"{options.output} is being worked on by another process") from None


def measure(options: argparse.Namespace) -> None:
    cache = options.cache or options.output / "images"
    data, digest = decoded(Path(options.data), cache, limit=options.limit)
    package = package_of(options.space)
    rng = random.Random(0)
    others = (package.Arch.sample(rng) for _ in range(options.archs - 2))
    base = Trial(
        space=options.space,
        data=data,
        schedule="single",
        archs=(package.Arch.smallest(), package.Arch.largest(), *others),
        epochs=options.epochs,
        settings=Settings(
            batch=options.batch,
            learning_rate=options.lr,
            weight_decay=options.weight_decay,
            amp=options.device == "cuda",
            evaluate_every=10**9,
        ),
        workers=options.workers,
        device=options.device,
        shown=True,
    )
    own = {"progressive": Own(learning_rate=options.lr, arguments={"later": LATER})}
    alone = not options.supernets_only
    asked = ordered(trials(base, options.schedules, options.seeds, own, alone=alone))
    about = conditions(package, base, asked, digest, options.threads)
    results: list[tuple[Trial, Result]] = []
    for trial in asked:
        name = name_of(trial, base)
        print(f"{len(results) + 1} of {len(asked)}: {name}", flush=True)
        result = carry_out(replace(trial, folder=options.output / "trials" / name))
        results.append((trial, result))
        print("  " + ", ".join(f"{top1:.2f}" for top1 in result.top1), flush=True)
        written(options.output / "results" / f"{name}.json", asdict(result))
        done = {"complete": len(results) == len(asked), "trainings": len(results)}
        summary = {**done, **about, **compared(results, base.archs, options.goal)}
        written(options.output / "results" / "summary.json", summary)
    print("\n".join(lines(summary)))
    if options.result:
        written(Path(options.result), summary)


def name_of(trial: Trial, base: Trial) -> str:
    """Return the name of a training, unlike that of all others."""
    what = trial.schedule if trial.arch is None else f"alone-{base.archs.index(trial.arch)}"
    return f"{what}-seed{trial.settings.seed}"


def ordered(asked: list[Trial]) -> list[Trial]:
    """Return the trainings in an order in which what is there can soon be compared.

    Of each seed two supernets, then subnets alone, the smallest first, in turns with the others.
    """
    found: list[Trial] = []
    for _, some in itertools.groupby(asked, key=lambda trial: trial.settings.seed):
        of_seed = list(some)
        nets = [trial for trial in of_seed if trial.arch is None]
        alone = [trial for trial in of_seed if trial.arch is not None]
        found += nets[:2]
        for pair in itertools.zip_longest(alone, nets[2:]):
            found += [trial for trial in pair if trial is not None]
    return found


def written(path: Path, what: dict[str, Any]) -> None:
    write_text(path, json.dumps(what, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True, help="what it goes on from")
    parser.add_argument("--cache", type=Path, help="where decoded images are kept: OUTPUT/images")
    parser.add_argument("--result", default=str(HERE / "results" / "train_cifar.json"))
    parser.add_argument("--space", default=str(HERE / "cifar_cpu.ofa"), help="a name or a file")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--archs", type=int, default=6)
    parser.add_argument("--epochs", type=float, default=15)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.4)
    parser.add_argument("--weight-decay", type=float, default=3e-4)
    parser.add_argument("--schedules", nargs="+", default=["sandwich", "uniform", "progressive"])
    parser.add_argument("--supernets-only", action="store_true")
    parser.add_argument("--goal", type=float, default=1.0, help="points, the most to lose")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, choices=["cpu", "cuda"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
