"""The command line: arguments to one verb, its result to the terminal.

Exit status: 0 done; 1 the input is at fault, with diagnostics on stderr and nothing written;
2 wrong usage; 130 interrupted. A command is imported when it is named, and what it needs when it
runs, so that both begin at once.
"""

from __future__ import annotations

import click

from ofadsl import __version__
from ofadsl.cli.group import Group

COMMANDS = {
    "check": "checking",
    "show": "compiling",
    "fmt": "checking",
    "diff": "checking",
    "sample": "compiling",
    "compile": "compiling",
    "train": "training",
    "evaluate": "evaluating",
    "fit-accuracy": "searching",
    "measure": "latency",
    "calibrate": "latency",
    "predict": "latency",
    "search": "searching",
    "verify": "verifying",
    "deploy-plan": "planning",
    "specialize": "subnets",
    "convert-weights": "subnets",
    "export": "deploying",
    "quantize": "deploying",
    "bundle": "bundling",
}
"""Each command, as a person comes to need them, and the module beside this one that holds it."""


@click.group(
    cls=Group,
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
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


__all__ = ["main"]
