"""Commands that look for subnets: search, fit-accuracy."""

from __future__ import annotations

from typing import Any

import click

from ofadsl.cli.options import FILE, JSON, SET, seconds
from ofadsl.cli.printing import print_answer

POSITIVE = click.IntRange(min=1)


@click.command()
@click.argument("space", type=FILE)
@SET
@click.option(
    "--maximize", multiple=True, metavar="EXPR", help="Default: accuracy, if it is known."
)
@click.option(
    "--minimize", multiple=True, metavar="EXPR", help="A cost, or an expression; repeat it."
)
@click.option("--where", multiple=True, metavar="COND", help="Constraints, joined by `and`.")
@click.option("--accuracy", metavar="SOURCE", help="predictor.npz, evals.jsonl, module:function.")
@click.option("--metric", default="top1", help="The column of evals.jsonl.")
@click.option(
    "--fix", "fixed", multiple=True, metavar="DIM=VALUE", help="Fix a dimension; repeat it."
)
@click.option("--start", type=FILE, multiple=True, help="An arch.json to begin with; repeat it.")
@click.option("--dtype", type=click.Choice(["int8", "fp16", "fp32"]), default="fp32")
@click.option("--confident", is_flag=True, help="Take the upper ends of latency intervals.")
@click.option("--population", default=1000, type=click.IntRange(min=4))
@click.option("--generations", default=200, type=POSITIVE)
@click.option("--time", callback=seconds, metavar="30s", help="Stop then, with what was found.")
@click.option("--seed", default=0, type=click.IntRange(min=0))
@click.option("--points", default=100, type=POSITIVE, help="Archs of the front to write at most.")
@click.option("--resume", is_flag=True, help="Go on with the search of the output folder.")
@click.option("--verify", type=POSITIVE, metavar="N", help="Try the first N, as `ofadsl verify`.")
@click.option("--weights", type=FILE, help="For --verify: the weights of the supernet.")
@click.option("--data", metavar="DIR|digits", help="For --verify: images.")
@click.option("--generated", default="generated", type=FILE, help="Where packages are.")
@click.option("-o", "--output", default="front", type=FILE, help="The folder to write.")
@JSON
def search(**options: Any) -> None:
    """Find the subnets that are best in what is asked for, under any constraints.

    Costs are macs, params, weight_bytes, peak_memory, latency[DEVICE], energy[DEVICE], accuracy and
    every dimension. A small space is searched by trying every subnet.

    \b
    Example:
      ofadsl search spaces/mbv3.ofa --accuracy predictor.npz --minimize 'latency[pixel]' \\
          --where 'latency[pixel] <= 20 ms and peak_memory <= 4 MB and macs <= 300M' -o front
    """
    from ofadsl.commands.search import search as run
    from ofadsl.commands.search_setting import Request

    as_json, number = options.pop("as_json"), options.pop("verify")
    tried = {name: options.pop(name) for name in ("weights", "data")}
    request = Request(**options)
    if number is None:
        print_answer(run(request), as_json)
    else:
        from ofadsl.cli.progress import watching
        from ofadsl.commands.verify_front import search_and_verify  # torch, where it is needed

        print_answer(search_and_verify(request, number, watching=watching, **tried), as_json)


@click.command(name="fit-accuracy")
@click.argument("space", type=FILE)
@click.argument("evals", type=FILE)
@SET
@click.option("--metric", default="top1", help="The column of evals.jsonl to predict.")
@click.option("-o", "--output", default="predictor.npz", type=FILE, help="The file to write.")
@JSON
def fit_accuracy(**options: Any) -> None:
    """Fit a predictor of accuracy to subnets that were evaluated, and say how good it is.

    \b
    Example:
      ofadsl fit-accuracy spaces/mbv3.ofa evals.jsonl -o predictor.npz
    """
    from ofadsl.commands.fit_accuracy import Request
    from ofadsl.commands.fit_accuracy import fit_accuracy as run

    as_json = options.pop("as_json")
    print_answer(run(Request(**options)), as_json)
