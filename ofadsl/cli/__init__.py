"""The command line: arguments to one verb, its result to the terminal.

Exit status: 0 done; 1 the input is at fault, with diagnostics on stderr and nothing written;
2 wrong usage; 130 interrupted. What a command needs is imported when it runs, so that help comes
at once.
"""

from __future__ import annotations

import click

from ofadsl import __version__
from ofadsl.cli.bundling import bundle
from ofadsl.cli.checking import check, diff, fmt
from ofadsl.cli.compiling import compile_, sample, show
from ofadsl.cli.deploying import export, quantize
from ofadsl.cli.evaluating import evaluate
from ofadsl.cli.group import Group
from ofadsl.cli.latency import calibrate, measure, predict
from ofadsl.cli.planning import deploy_plan
from ofadsl.cli.searching import fit_accuracy, search
from ofadsl.cli.subnets import convert_weights, specialize
from ofadsl.cli.training import train
from ofadsl.cli.verifying import verify


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.version_option(__version__, prog_name="ofadsl")
def main() -> None:
    """Compile, train and search once-for-all networks, and bring their subnets to devices.

    \b
    Example:
      ofadsl compile spaces/digits.ofa
      ofadsl train spaces/digits.ofa --data digits --epochs 10 -o run
      ofadsl sample spaces/digits.ofa > arch.json
      ofadsl specialize --arch arch.json --weights run/weights.safetensors \\
          --recompute-bn digits -o subnet
    """


COMMANDS = (
    check,
    show,
    fmt,
    diff,
    sample,
    compile_,
    train,
    evaluate,
    fit_accuracy,
    measure,
    calibrate,
    predict,
    search,
    verify,
    deploy_plan,
    specialize,
    convert_weights,
    export,
    quantize,
    bundle,
)
for _command in COMMANDS:
    main.add_command(_command)

__all__ = ["main"]
