"""Commands that take subnets out of supernets: specialize, convert-weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ofadsl.cli.options import FILE, JSON, SET
from ofadsl.cli.printing import print_answer


@click.command()
@click.option("--arch", "arch", type=FILE, help="The subnet: arch.json.")
@click.option("--front", type=FILE, help="Instead: the folder that a search wrote.")
@click.option("--pick", metavar="COND", help="The best of the front that meets this.")
@click.option("--space", "space", type=FILE, metavar="FILE.ofa", help="The space of the arch.")
@SET
@click.option("--weights", type=FILE, help="A checkpoint, ours or a foreign one.")
@click.option(
    "--recompute-bn",
    metavar="DIR|digits",
    help="Training images that batch norm statistics are recomputed from.",
)
@click.option("-o", "--output", type=FILE, help="The folder to write; default: named by the arch.")
@click.option("--fold-bn/--no-fold-bn", default=True, help="Fold batch norm into convolutions.")
@click.option("--verify/--no-verify", default=True, help="Compare with the supernet.")
@click.option("--resolution", type=int, help="For foreign archs that name none.")
@click.option("--generated", default="generated", type=FILE, help="Where packages are.")
@JSON
def specialize(**options: Any) -> None:
    """Take one subnet out of a supernet: static PyTorch, verified, without retraining.

    The space is the one that the arch names, among the generated packages, or --space.

    \b
    Example:
      ofadsl specialize --arch arch.json --weights ofa_mbv3_d234_e346_k357_w1.0 \\
          --space spaces/mbv3.ofa -o subnet
      ofadsl specialize --front front --pick 'latency[pixel] <= 15' --weights weights.safetensors
    """
    if (options["arch"] is None) == (options["front"] is None):
        raise click.UsageError("give the subnet with --arch, or --front and --pick")
    if options["pick"] is not None and options["front"] is None:
        raise click.UsageError("--pick picks from a --front")
    from ofadsl.commands.specialize import Request, run

    as_json = options.pop("as_json")
    print_answer(run(Request(**options)), as_json)


@click.command(name="convert-weights")
@click.argument("space", type=FILE)
@click.argument("file", type=FILE)
@SET
@click.option("-o", "--output", type=FILE, required=True, help="The safetensors file to write.")
def convert_weights(space: Path, file: Path, settings: Mapping[str, str], output: Path) -> None:
    """Write a checkpoint under our names; another number of classes is said aloud.

    \b
    Example:
      ofadsl convert-weights spaces/mbv3.ofa ofa_mbv3.pth --set classes=37 -o weights.safetensors
    """
    from ofadsl.commands.convert_weights import convert_weights as convert

    print_answer(convert(space, file, settings, output), as_json=False)
