"""Commands on the accuracy of subnets: evaluate."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.data_options import BROKEN, DATA, LIMIT, RECIPE, VAL_PART, WORKERS
from ofadsl.cli.options import FILE, JSON, SET
from ofadsl.cli.printing import print_answer


@click.command()
@click.argument("space", type=FILE)
@SET
@click.option("--weights", type=FILE, required=True, help="A checkpoint, ours or a foreign one.")
@DATA
@click.option("--archs", required=True, metavar="FILE|sample:N", help="Archs, one a line.")
@click.option("-o", "--output", type=FILE, required=True, help="Results, JSON a line; continued.")
@click.option("--seed", default=0, type=click.IntRange(0), help="Draws archs and statistics.")
@click.option("--batch", default=200, type=click.IntRange(1), help="Images at a time.")
@click.option("--statistics", default=2000, type=click.IntRange(2), help="Images for batch norm.")
@LIMIT
@RECIPE
@VAL_PART
@BROKEN
@WORKERS
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: GPUs, if any.")
@JSON
def evaluate(**options: Any) -> None:
    """Find the accuracy of many subnets, each with its own batch norm statistics.

    An evaluation that was stopped goes on where it was. Under torchrun the archs are shared out.

    \b
    Example:
      ofadsl evaluate spaces/digits.ofa --weights run/weights.safetensors --data digits \\
          --archs sample:100 -o evals.jsonl
    """
    from ofadsl.cli.progress import watching
    from ofadsl.commands.evaluate import Request, run

    as_json = options.pop("as_json")
    answer = run(Request(**options), watching)
    if answer.data:  # under torchrun one process speaks
        print_answer(answer, as_json)
