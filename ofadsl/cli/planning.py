"""The command for many devices at once: deploy-plan."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.options import FILE, JSON, SET
from ofadsl.cli.printing import print_answer


@click.command(name="deploy-plan")
@click.argument("space", type=FILE)
@SET
@click.option("--devices", type=FILE, required=True, metavar="FILE.toml", help="What each allows.")
@click.option("--generated", default="generated", type=FILE, help="Where packages are.")
@click.option("-o", "--output", default="plan", type=FILE, help="The folder to write.")
@JSON
def deploy_plan(**options: Any) -> None:
    """Choose a subnet of one supernet for each of many devices.

    The file says for each device what `ofadsl search` would be told:

    \b
      accuracy = "predictor.npz"
      [device.phone]
      minimize = ["latency[pixel]"]
      where = ["latency[pixel] <= 20 ms"]
      [device.microcontroller]
      dtype = "int8"
      where = ["peak_memory <= 256 kB", "weight_bytes <= 1 MB"]

    \b
    Example:
      ofadsl deploy-plan spaces/mcunet.ofa --devices devices.toml -o plan
    """
    from ofadsl.commands.deploy_plan import Request
    from ofadsl.commands.deploy_plan import deploy_plan as run

    as_json = options.pop("as_json")
    print_answer(run(Request(**options)), as_json)
