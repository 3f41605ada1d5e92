"""The command that puts subnets together: bundle."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.options import FILE, JSON
from ofadsl.cli.printing import print_answer


@click.command()
@click.argument("front", type=FILE)
@click.option("--weights", type=FILE, help="A checkpoint of the supernet.")
@click.option("--data", metavar="DIR|digits", help="Images to recompute statistics from.")
@click.option("-k", "--number", default=5, type=click.IntRange(1), help="How many subnets.")
@click.option("--name", "names", multiple=True, help="A subnet of the front; repeat it.")
@click.option("--space", type=FILE, metavar="FILE.ofa", help="The space, if it has moved.")
@click.option("-o", "--output", default="bundle", type=FILE, help="The folder to write.")
@JSON
def bundle(**options: Any) -> None:
    """Put subnets of a front into one folder, each tensor once, to switch between at run time.

    Subnets are taken evenly along the front, or by --name.

    \b
    Example:
      ofadsl bundle front --weights run/weights.safetensors --data digits -o bundle
    """
    from ofadsl.commands.bundle import Request
    from ofadsl.commands.bundle import bundle as run

    as_json = options.pop("as_json")
    print_answer(run(Request(**options)), as_json)
