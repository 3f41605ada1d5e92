"""Commands on the accuracy of subnets: evaluate."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.options import FILE, JSON, SET
from ofadsl.cli.printing import print_answer


@click.command()
@click.argument("space", type=FILE)
@SET
@click.option("--weights", type=FILE, required=True, help="A checkpoint, ours or a foreign one.")
@click.option("--data", required=True, metavar="DIR|digits", help="Images, by class.")
@click.option("--archs", required=True, metavar="FILE|sample:N", help="Archs, one a line.")
@click.option("-o", "--output", type=FILE, required=True, help="Results, JSON a line; continued.")
@click.option("--seed", default=0, type=click.IntRange(0), help="Draws archs and statistics.")
@click.option("--batch", default=200, type=click.IntRange(1), help="Images at a time.")
@click.option("--statistics", default=2000, type=click.IntRange(2), help="Images for batch norm.")
@click.option("--limit", type=click.IntRange(1), help="The most images of each part.")
@click.option(
    "--recipe",
    type=click.Choice(["imagenet", "small", "signs", "plain"]),
    help="How images are cropped; default: by their size.",
)
@click.option(
    "--val-part",
    default=0.1,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="What is kept for validation where DIR has no val/.",
)
@click.option("--broken", default="refuse", type=click.Choice(["skip", "refuse"]))
@click.option("--workers", default=0, type=click.IntRange(0), help="Processes that read images.")
@click.option("--device", help="As torch names it; default: a GPU where there is one.")
@JSON
def evaluate(**options: Any) -> None:
    """Find the accuracy of many subnets, each with its own batch norm statistics.

    An evaluation that was stopped goes on where it was. Under torchrun the archs are shared out.

    \b
    Example:
      ofadsl evaluate spaces/digits.ofa --weights run/weights.safetensors --data digits \\
          --archs sample:100 -o evals.jsonl
    """
    from ofadsl.commands.evaluate import Request, run

    as_json = options.pop("as_json")
    answer = run(Request(**options))
    if answer.data:  # under torchrun one process speaks
        print_answer(answer, as_json)
