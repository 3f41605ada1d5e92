"""The command that trains a supernet: train."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.data_options import BROKEN, DATA, LIMIT, RECIPE, VAL_PART, WORKERS
from ofadsl.cli.options import FILE, JSON, SCHEDULE_SET, SET, Finite, seconds
from ofadsl.cli.printing import print_answer


def every(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> dict[str, float]:
    """Return ``--checkpoint-every`` as so many steps, or as minutes where it has a unit."""
    if value is None:
        return {}
    if value.isdecimal() and int(value):
        return {"steps": int(value)}
    if value[-1:].isdecimal():
        raise click.BadParameter(f"{value!r} is no number of steps, and no time such as 10m")
    return {"minutes": seconds(context, parameter, value) / 60}


RATE = Finite(0, min_open=True)


@click.command()
@click.argument("space", type=FILE)
@SET
@DATA
@click.option("-o", "--output", type=FILE, required=True, help="The folder of the run.")
@click.option(
    "--schedule",
    default="sandwich",
    show_default=True,
    metavar="NAME|FILE.ofa",
    help="progressive, sandwich, uniform, single, or your own.",
)
@SCHEDULE_SET
@click.option("--epochs", type=RATE, help="Of all phases together; default: the schedule's.")
@click.option("--arch", type=FILE, help="The subnet that a fixed phase trains, arch.json.")
@click.option("--weights", type=FILE, help="Begin from a checkpoint, ours or a foreign one.")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder.")
@click.option(
    "--batch",
    default=64,
    show_default=True,
    type=click.IntRange(1),
    help="Images of a step, over all processes.",
)
@click.option("--lr", "learning_rate", type=RATE, help="The peak, for a batch of 256 images.")
@click.option("--optimizer", default="sgd", show_default=True, type=click.Choice(["sgd", "adamw"]))
@click.option("--momentum", default=0.9, show_default=True, type=Finite(0, 1))
@click.option("--weight-decay", type=Finite(0), help="Default: 3e-5, or 0.05 for adamw.")
@click.option("--label-smoothing", default=0.1, show_default=True, type=Finite(0, 1))
@click.option("--clip", type=RATE, help="The largest norm of all gradients.")
@click.option(
    "--ema",
    type=Finite(0, 1, min_open=True, max_open=True),
    metavar="DECAY",
    help="Keep the average of the weights, with this decay.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--evaluate-every", default=1, type=click.IntRange(1), help="In epochs.")
@click.option(
    "--checkpoint-every",
    callback=every,
    metavar="STEPS|10m",
    help="Besides at the end of each epoch.",
)
@RECIPE
@VAL_PART
@BROKEN
@LIMIT
@WORKERS
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: GPUs, if any.")
@click.option("--amp/--no-amp", default=None, help="Compute in bfloat16; default: on a GPU.")
@click.option("--compile", is_flag=True, help="Compile what is the same at every step.")
@JSON
def train(**options: Any) -> None:
    """Train a supernet, so that its subnets need no training of their own.

    A run that was stopped goes on with --resume. Under torchrun all processes train together.

    \b
    Example:
      ofadsl train spaces/digits.ofa --data digits --epochs 30 -o run
      torchrun --nproc-per-node=8 -m ofadsl train spaces/mbv3.ofa --data imagenet \\
          --schedule progressive --batch 2048 -o run
    """
    from ofadsl.commands.train import Request, run
    from ofadsl.train.pace import Every
    from ofadsl.train.settings import Settings

    as_json = options.pop("as_json")
    training = {name: options.pop(name) for name in _TRAINING}
    pace = Every(**options.pop("checkpoint_every"))
    answer = run(Request(training=Settings(**training), every=pace, **options))
    if answer is not None:  # under torchrun one process speaks
        print_answer(answer, as_json)


_TRAINING = (
    "batch",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "momentum",
    "label_smoothing",
    "clip",
    "ema",
    "seed",
    "compile",
    "evaluate_every",
)
