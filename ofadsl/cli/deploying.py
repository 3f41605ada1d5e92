"""Commands that bring subnets to devices: export, quantize."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.options import FILE, JSON
from ofadsl.cli.printing import print_answer

FORMATS = ("onnx", "torch-export", "executorch", "tflite")


def batch(_: click.Context, __: click.Parameter, value: str) -> int | None:
    """Return ``--batch``: a number, or None for any."""
    if value == "dynamic":
        return None
    if not value.isdecimal() or not 1 <= int(value) <= 1024:
        raise click.BadParameter(f"{value!r} is neither a number from 1 to 1024 nor 'dynamic'")
    return int(value)


@click.command()
@click.argument("subnet", metavar="SUBNET_DIR", type=FILE)
@click.option("--format", "format", type=click.Choice(FORMATS), required=True)
@click.option("--int8", is_flag=True, help="Quantise weights and activations.")
@click.option("--calibration", metavar="DATA", help="Images: digits, a folder, or random.")
@click.option("--batch", default="1", callback=batch, help="Images at once: N or dynamic.")
@click.option("--measure", is_flag=True, help="Time float32 and int8 in the runtime.")
@click.option("-o", "--output", type=FILE, required=True, help="The file to write.")
@JSON
def export(**options: Any) -> None:
    """Write a subnet for a runtime; it is run there and compared before it is written.

    Beside the file goes export.json: how close it is, its size, the versions, the accuracy.

    \b
    Example:
      ofadsl export subnets/phone --format onnx --int8 --calibration digits -o phone.onnx
    """
    from ofadsl.commands.export import Request, run

    as_json = options.pop("as_json")
    print_answer(run(Request(**options)), as_json)


@click.command()
@click.argument("subnet", metavar="SUBNET_DIR", type=FILE)
@click.option("--data", required=True, metavar="DATA", help="Images by class: digits or a folder.")
@click.option("--epochs", default=1, type=click.IntRange(1))
@click.option("--seed", default=0, type=click.IntRange(0))
@click.option("-o", "--output", type=FILE, required=True, help="The folder to write.")
@JSON
def quantize(**options: Any) -> None:
    """Train a subnet so that it loses little in int8; `export --int8` then writes it.

    \b
    Example:
      ofadsl quantize subnets/phone --data digits --epochs 1 -o subnets/phone-int8
    """
    from ofadsl.commands.quantize import Request, run

    as_json = options.pop("as_json")
    print_answer(run(Request(**options)), as_json)
