"""The command that tries what a search has found: verify."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.options import FILE, JSON
from ofadsl.cli.printing import print_answer


@click.command()
@click.argument("front", type=FILE)
@click.option("-n", "--number", default=5, type=click.IntRange(1), help="How many subnets.")
@click.option("--weights", type=FILE, help="The weights of the supernet.")
@click.option("--data", metavar="DIR|digits", help="Images to evaluate on.")
@click.option("--space", type=FILE, metavar="FILE.ofa", help="The space, if it has moved.")
@click.option("--generated", default="generated", type=FILE, help="Where packages are.")
@JSON
def verify(**options: Any) -> None:
    """Evaluate and measure the first subnets of a front, and compare with what was predicted.

    The accuracy needs --weights and --data. A latency is measured where its table was measured.

    \b
    Example:
      ofadsl verify front -n 5 --weights run/weights.safetensors --data digits
    """
    from ofadsl.cli.progress import watching
    from ofadsl.commands.verify_front import Request, verify_front

    as_json = options.pop("as_json")
    print_answer(verify_front(Request(**options), watching), as_json)
