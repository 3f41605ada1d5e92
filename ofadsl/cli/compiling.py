"""Commands that read a space and make something of it: compile, show, sample."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from ofadsl.cli.options import FILE, JSON, SCHEDULE_SET, SET
from ofadsl.cli.printing import print_json


@click.command(name="compile")
@click.argument("file", required=False, type=FILE)
@SET
@click.option("-o", "--output", default="generated", type=FILE, help="Where packages are written.")
@click.option("--check", is_flag=True, help="Write nothing; fail where files are stale.")
def compile_(file: Path | None, settings: Mapping[str, str], output: Path, check: bool) -> None:
    """Write the package of a space: supernet.py, cost.py and the typed Arch.

    With --check and no FILE, every package in the output folder is compared with its space.

    \b
    Example:
      ofadsl compile spaces/mbv3.ofa --set width=1.2
      ofadsl compile --check
    """
    from ofadsl.compiler.emit.package import compile_space, recorded, stale, write
    from ofadsl.files import writing

    if file is None and not check:
        raise click.UsageError("name a FILE, or compare what is there with --check")
    if not check:
        assert file is not None
        package = compile_space(file, settings)
        with writing(output):
            paths = write(package, output)
        for path in paths:
            click.echo(f"wrote {path}")
        return
    sources = [(file, dict(settings))] if file is not None else recorded(output)
    if not sources:
        click.echo(f"{output} holds no package to compare", err=True)
        sys.exit(1)
    old = []
    for source, values in sources:
        old += stale(compile_space(source, values), output)
    for path in old:
        click.echo(f"{path} is stale: compile its space again", err=True)
    if not old:
        click.echo(f"{len(sources)} packages match their spaces")
    sys.exit(1 if old else 0)


@click.command()
@click.argument("file", type=FILE)
@SET
@JSON
@click.option("--ir", is_flag=True, help="Print the graph that costs are computed on.")
@click.option("--graph", type=FILE, metavar="OUT.svg", help="Draw the space.")
@click.option("--schedule", metavar="NAME|FILE.ofa[:NAME]", help="Print how it would be trained.")
@SCHEDULE_SET
@click.option(
    "--epochs",
    type=click.FloatRange(0, min_open=True),
    help="Stretch the schedule to so many epochs.",
)
def show(
    file: Path,
    settings: Mapping[str, str],
    as_json: bool,
    ir: bool,
    graph: Path | None,
    schedule: str | None,
    arguments: Mapping[str, str],
    epochs: float | None,
) -> None:
    """Print a space: stages, dimensions, shapes, costs from smallest to largest, and the count.

    \b
    Example:
      ofadsl show spaces/mbv3.ofa
      ofadsl show spaces/mbv3.ofa --graph mbv3.svg
      ofadsl show spaces/mbv3.ofa --schedule progressive
    """
    if schedule is None and (arguments or epochs is not None):
        raise click.UsageError("--epochs and --schedule-set belong to --schedule")
    from ofadsl.compiler.pipeline import checked_space
    from ofadsl.compiler.show import as_data, render, summarize

    checked = checked_space(file, settings)
    if graph is not None:
        from ofadsl.commands.answer import write_whole
        from ofadsl.compiler.draw.picture import draw

        write_whole(graph, draw(checked))
        click.echo(f"wrote {graph}")
    elif ir:
        from ofadsl.compiler.lower import lower

        click.echo(str(lower(checked)), nl=False)
    elif schedule is not None:
        from ofadsl.compiler.schedule import table
        from ofadsl.compiler.schedule.find import scaled, schedules_of

        found = schedules_of(schedule, checked, arguments)
        found = found if epochs is None else scaled(found, epochs)
        if as_json:
            print_json(table.as_data(found))
        else:
            click.echo(table.render(found))
    elif as_json:
        print_json(as_data(summarize(checked)))
    else:
        click.echo(render(summarize(checked)))


@click.command()
@click.argument("file", type=FILE)
@SET
@click.option("-n", "--number", default=1, type=click.IntRange(1), help="How many archs.")
@click.option(
    "--seed", default=0, type=click.IntRange(0), help="The same seed gives the same archs."
)
def sample(file: Path, settings: Mapping[str, str], number: int, seed: int) -> None:
    """Print archs drawn uniformly from the distinct subnets, as arch.json; several as JSON lines.

    \b
    Example:
      ofadsl sample spaces/mbv3.ofa --seed 7 > arch.json
    """
    import json
    import random

    from ofadsl.compiler.pipeline import checked_space

    space = checked_space(file, settings).space
    samples = space.samples(random.Random(seed))
    for _ in range(number):
        arch = space.to_json(next(samples))
        click.echo(json.dumps(arch, indent=None if number > 1 else 2))
