"""Commands on the latency of devices: measure, calibrate, predict."""

from __future__ import annotations

import os
from typing import Any

import click

from ofadsl.cli.options import FILE, JSON, SET, seconds
from ofadsl.cli.printing import print_answer


@click.command()
@click.argument("space", type=FILE)
@SET
@click.option("-n", "--number", type=click.IntRange(1), help="How many archs; default: 50.")
@click.option("-o", "--output", type=FILE, required=True, metavar="TABLE.jsonl")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--batch", type=click.IntRange(1, 4096), default=1, help="Images at a time.")
@click.option("--threads", type=click.IntRange(1, 1024), default=1, help="Threads of the CPU.")
@click.option(
    "--runtime",
    type=click.Choice(["eager", "compile", "onnxruntime"]),
    default="eager",
    show_default=True,
)
@click.option("--dtype", type=click.Choice(["fp32", "fp16", "bf16", "int8"]), show_default="fp32")
@click.option("--int8", is_flag=True, help="The same as --dtype int8.")
@click.option("--name", help="What the table calls the device; default: its processor.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Other seeds give other archs.")
@click.option("--resolution", "resolutions", type=int, multiple=True, help="Only it; repeat it.")
@click.option("--random", is_flag=True, help="Draw archs instead of choosing telling ones.")
@click.option("--archs", type=FILE, help="Measure these: arch.json, JSON lines, or a table.")
@click.option(
    "--time", "limit", callback=seconds, metavar="LIMIT", help="Stop after 90s, 10m or 2h."
)
@JSON
def measure(**options: Any) -> None:
    """Time subnets on this machine: a table for `calibrate`.

    The archs are those that tell most about all others. The same command goes on where it was
    stopped, and with a larger -n it measures more.

    \b
    Example:
      ofadsl measure spaces/mbv3.ofa -n 30 -o laptop.jsonl
      ofadsl calibrate spaces/mbv3.ofa --table laptop.jsonl --name laptop
    """
    from ofadsl.cli.progress import watching
    from ofadsl.commands.measure import Request
    from ofadsl.commands.measure import measure as run
    from ofadsl.commands.runners import Setting

    as_json = options.pop("as_json")
    options["dtype"] = _dtype(options["dtype"], int8=options.pop("int8"))
    names = ("device", "runtime", "dtype", "batch", "threads")
    setting = Setting(**{name: options.pop(name) for name in names})
    with watching("measuring") as watch:
        answer = run(Request(setting=setting, **options), watch)
    print_answer(answer, as_json)


def _dtype(dtype: str | None, *, int8: bool) -> str:
    """Return the one dtype that the options name."""
    if int8 and dtype not in (None, "int8"):
        raise click.UsageError(f"give --dtype {dtype} or --int8, one of them")
    return "int8" if int8 else dtype or "fp32"


@click.command()
@click.argument("space", type=FILE)
@SET
@click.option("--table", type=FILE, help="What was measured: .jsonl, .csv; blocks: .csv, .yaml.")
@click.option("--datasheet", type=FILE, help="Peaks, where nobody measured: FILE.toml, v100.")
@click.option("--batch", default=1, type=click.IntRange(1, 65536), help="Of --datasheet.")
@click.option("--sources", type=FILE, multiple=True, help="Tables of other devices; repeat it.")
@click.option("--archs", type=FILE, help="The archs of a .csv table, if not beside it.")
@click.option("--name", required=True, help="The device, as in latency_NAME.py.")
@click.option("--quantity", default="latency_ms", help="What was measured, with its unit.")
@click.option("-o", "--output", default="generated", type=FILE, help="Where packages are.")
@click.option("--report", type=FILE, metavar="OUT.svg", help="Plot predicted against measured.")
@JSON
def calibrate(**options: Any) -> None:
    """Turn a few measurements into an estimator with intervals: latency_NAME.py, numpy only.

    \b
    Example:
      ofadsl calibrate spaces/mbv3.ofa --table pixel.jsonl --name pixel --report pixel.svg
    """
    if (options["table"] is None) == (options["datasheet"] is None):
        raise click.UsageError("give --table or --datasheet, one of them")
    if options["datasheet"] is None and options["batch"] != 1:
        raise click.UsageError("--batch belongs to --datasheet; a table says its own")
    # matrices of a fit are small: threads spend more on each other than they save
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from ofadsl.commands.calibrate import Request
    from ofadsl.commands.calibrate import calibrate as run

    as_json = options.pop("as_json")
    print_answer(run(Request(**options)), as_json)


def _coverage(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """Refuse what is no part of all cases; a range of click takes NaN."""
    if not _LEAST <= value <= 1 - _LEAST:
        raise click.BadParameter(f"{value:g} is not from {_LEAST} to {1 - _LEAST}")
    return value


_LEAST = 0.0001


@click.command()
@click.argument("space", type=FILE)
@SET
@click.option("--device", required=True, help="The NAME that `calibrate` was given.")
@click.option("--arch", "archs", type=FILE, multiple=True, required=True, help="arch.json.")
@click.option("--quantity", default="latency_ms", help="What was measured, with its unit.")
@click.option("--coverage", default=0.9, callback=_coverage, help="Of the intervals.")
@click.option("--generated", default="generated", type=FILE, help="Where packages are.")
@JSON
def predict(**options: Any) -> None:
    """Say what archs take on a device that has been calibrated, with intervals.

    \b
    Example:
      ofadsl predict spaces/mbv3.ofa --device pixel --arch arch.json
    """
    from ofadsl.commands.predict import Question
    from ofadsl.commands.predict import predict as run

    as_json = options.pop("as_json")
    print_answer(run(Question(**options)), as_json)
