"""The command line: arguments to one verb, its result to the terminal.

Exit status: 0 done; 1 the input is at fault, with diagnostics on stderr and nothing written;
2 wrong usage. What a command needs is imported when it runs, so that help comes at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ofadsl import __version__

if TYPE_CHECKING:
    from ofadsl.diagnostics import Diagnostic, Diagnostics

REPORT = "this is a mistake of ofadsl, not yours: please report it with the lines above"


class Group(click.Group):
    """Commands that report a user's mistakes as diagnostics, and end quietly when interrupted."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn Diagnostics into exit status 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except AssertionError:
            import traceback

            traceback.print_exc()
            click.echo(REPORT, err=True)
            ctx.exit(1)
        except Exception as error:
            from ofadsl.diagnostics import Diagnostics

            if not isinstance(error, Diagnostics):
                raise
            fail(error)


def fail(report: Diagnostics) -> None:
    """Print diagnostics and end."""
    from ofadsl.diagnostics import render

    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    click.echo(render(report.items, color=color), err=True, color=color)
    sys.exit(1)


def settings(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return ``--set`` as a mapping."""
    result = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        result[name.strip()] = text.strip()
    return result


FILE = click.Path(path_type=Path)
SET = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=settings,
    metavar="NAME=VALUE",
    help="Set a parameter of the space; may be given several times.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ofadsl")
def main() -> None:
    """Compile search spaces of once-for-all networks, and take subnets out of them.

    \b
    Example:
      ofadsl compile spaces/mbv3.ofa
      ofadsl sample spaces/mbv3.ofa > arch.json
      ofadsl specialize --arch arch.json -o subnet
    """


@main.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@SET
@JSON
def check(files: tuple[Path, ...], settings: Mapping[str, str], as_json: bool) -> None:
    """Check files: every mistake is reported, every choice is proven valid.

    \b
    Example:
      ofadsl check spaces/mbv3.ofa --set width=1.2
    """
    from ofadsl.compiler.pipeline import check_file
    from ofadsl.diagnostics import Diagnostics

    found: list[Diagnostic] = []
    spaces: list[dict[str, str]] = []
    for file in files:
        try:
            checked = check_file(file, settings)
        except Diagnostics as report:
            found += report.items
            continue
        if not as_json:
            click.echo(_described(file, checked))
        elif checked is not None:
            spaces.append({"file": str(file), "space": checked.space.name})
    if as_json:
        _print_json({"diagnostics": [_as_json(d) for d in found], "spaces": spaces})
    elif found:
        fail(Diagnostics(found))
    sys.exit(1 if found else 0)


def _described(file: Path, checked: Any) -> str:
    if checked is None:
        return f"{file}: blocks only, all names known"
    from ofadsl.space import shown_count

    count = shown_count(checked.space.size())
    return f"{file}: space {checked.space.name}, {count} subnets, every one valid"


def _as_json(diagnostic: Any) -> dict[str, object]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
        "file": span.source.path if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "text": span.text if span else None,
    }


@main.command(name="compile")
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
    from ofadsl.diagnostics import fault

    if file is None and not check:
        raise click.UsageError("name a FILE, or compare what is there with --check")
    if not check:
        assert file is not None
        package = compile_space(file, settings)
        try:
            paths = write(package, output)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise fault("OFA099", f"{output} cannot be written: {reason}") from error
        for path in paths:
            click.echo(f"wrote {path}")
        return
    sources = [(file, dict(settings))] if file is not None else recorded(output)
    old = []
    for source, values in sources:
        old += stale(compile_space(source, values), output)
    for path in old:
        click.echo(f"{path} is stale: compile its space again", err=True)
    if not old:
        click.echo(f"{len(sources)} packages match their spaces")
    sys.exit(1 if old else 0)


@main.command()
@click.argument("file", type=FILE)
@SET
@JSON
@click.option("--ir", is_flag=True, help="Print the graph that costs are computed on.")
@click.option("--graph", type=FILE, metavar="OUT.svg", help="Draw the space.")
def show(
    file: Path, settings: Mapping[str, str], as_json: bool, ir: bool, graph: Path | None
) -> None:
    """Print a space: stages, dimensions, shapes, costs from smallest to largest, and the count.

    \b
    Example:
      ofadsl show spaces/mbv3.ofa
      ofadsl show spaces/mbv3.ofa --graph mbv3.svg
    """
    from ofadsl.compiler.pipeline import checked_space
    from ofadsl.compiler.show import as_data, render, summarize

    checked = checked_space(file, settings)
    if graph is not None:
        from ofadsl.compiler.draw.picture import draw

        _write(graph, draw(checked))
        click.echo(f"wrote {graph}")
    elif ir:
        from ofadsl.compiler.lower import lower

        click.echo(str(lower(checked)), nl=False)
    elif as_json:
        _print_json(as_data(summarize(checked)))
    else:
        click.echo(render(summarize(checked)))


@main.command()
@click.argument("file", type=FILE)
@SET
@click.option("-n", "--number", default=1, type=click.IntRange(1), help="How many archs.")
@click.option("--seed", default=0, help="The same seed gives the same archs.")
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


@main.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--check", is_flag=True, help="Write nothing; fail where a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
def fmt(files: tuple[Path, ...], check: bool, diff: bool) -> None:
    """Rewrite files in the canonical form; comments stay. `-` reads and writes the terminal.

    \b
    Example:
      ofadsl fmt spaces/*.ofa
    """
    import difflib

    from ofadsl.compiler.layout.printer import format_file
    from ofadsl.compiler.parse.parser import parse, read_source
    from ofadsl.diagnostics import Diagnostics, Source

    changed = 0
    found: list[Diagnostic] = []
    for file in files:
        piped = str(file) == "-"
        try:
            if piped:
                source = Source(path="<stdin>", text=sys.stdin.read())
            else:
                source = read_source(file)
            text = format_file(parse(source))
        except Diagnostics as report:
            found += report.items
            continue
        changed += text != source.text
        if diff:
            lines = (source.text.splitlines(True), text.splitlines(True))
            click.echo("".join(difflib.unified_diff(*lines, str(file), str(file))), nl=False)
        elif piped:
            click.echo(text, nl=False)
        elif text != source.text:
            if not check:
                _write(file, text)
            click.echo(f"{'would reformat' if check else 'reformatted'} {file}")
    if found:
        fail(Diagnostics(found))
    sys.exit(1 if changed and (check or diff) else 0)


@main.command()
@click.argument("left", type=FILE)
@click.argument("right", type=FILE)
@SET
@JSON
def diff(left: Path, right: Path, settings: Mapping[str, str], as_json: bool) -> None:
    """Say how two spaces differ, and whether one contains the other.

    --set applies to both spaces, where they have the parameter.

    \b
    Example:
      ofadsl diff spaces/mbv3.ofa spaces/compofa.ofa
    """
    from ofadsl.compiler.diff import difference, verdict
    from ofadsl.compiler.pipeline import checked_space, known_settings

    spaces = [checked_space(file, known_settings(file, settings)) for file in (left, right)]
    found = difference(*spaces)
    names = [checked.space.name for checked in spaces]
    if as_json:
        _print_json(
            {
                "differences": found.lines,
                "contains": [found.left_contains.holds, found.right_contains.holds],
            }
        )
        return
    for line in (*found.lines, *verdict(found, names[0], names[1])):
        click.echo(line)


@main.command()
@click.option("--arch", "arch", type=FILE, required=True, help="The subnet: arch.json.")
@click.option("--space", "space", type=FILE, metavar="FILE.ofa", help="The space of the arch.")
@SET
@click.option("--weights", type=FILE, help="A checkpoint, ours or a foreign one.")
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
    """
    from ofadsl.specialize.command import Request, run

    as_json = options.pop("as_json")
    result = run(Request(**options))
    if as_json:
        _print_json(result.data)
        return
    for line in result.lines:
        click.echo(line)


@main.command(name="convert-weights")
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
    from ofadsl.specialize.command import load_package
    from ofadsl.specialize.convert import convert_weights

    package = load_package(space, settings)
    origin = convert_weights(package.supernet(), file, output)
    if origin.family is not None:
        click.echo(f"{file} is a checkpoint of {origin.family}")
    for note in origin.notes:
        click.echo(f"note: {note}")
    click.echo(f"wrote {output}")


@main.command()
@click.argument("space", type=FILE)
@SET
@click.option("--table", type=FILE, required=True, help="What was measured: .jsonl or .csv.")
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
    from ofadsl.calibrate.command import Request, calibrate

    as_json = options.pop("as_json")
    _print_answer(calibrate(Request(**options)), as_json)


@main.command()
@click.argument("space", type=FILE)
@SET
@click.option("--device", required=True, help="The NAME that `calibrate` was given.")
@click.option("--arch", "archs", type=FILE, multiple=True, required=True, help="arch.json.")
@click.option("--quantity", default="latency_ms", help="What was measured, with its unit.")
@click.option("--coverage", default=0.9, type=click.FloatRange(0, 1, min_open=True, max_open=True))
@click.option("--generated", default="generated", type=FILE, help="Where packages are.")
@JSON
def predict(**options: Any) -> None:
    """Say what archs take on a device that has been calibrated, with intervals.

    \b
    Example:
      ofadsl predict spaces/mbv3.ofa --device pixel --arch arch.json
    """
    from ofadsl.calibrate.command import Question, predict

    as_json = options.pop("as_json")
    _print_answer(predict(Question(**options)), as_json)


def _print_answer(answer: Any, as_json: bool) -> None:
    if as_json:
        _print_json(answer.data)
        return
    for line in answer.lines:
        click.echo(line)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    from ofadsl.diagnostics import fault
    from ofadsl.files import write_text

    try:
        write_text(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA099", f"{path} cannot be written: {reason}") from error


def _print_json(data: object) -> None:
    import json

    click.echo(json.dumps(data, indent=2))


__all__ = ["main"]
