"""Commands on the text of spaces: check, fmt, diff."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ofadsl.cli.group import fail, warn
from ofadsl.cli.options import FILE, JSON, SET
from ofadsl.cli.printing import print_json

if TYPE_CHECKING:
    from ofadsl.diagnostics import Diagnostic


@click.command()
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
    warned: list[Diagnostic] = []
    spaces: list[dict[str, str]] = []
    for file in files:
        try:
            checked = check_file(file, settings)
        except Diagnostics as report:
            found += report.items
            continue
        warned += () if checked is None else checked.warnings
        if not as_json:
            click.echo(_described(file, checked))
        elif checked is not None:
            spaces.append({"file": str(file), "space": checked.space.name})
    if as_json:
        shown = [_as_json(d) for d in (*found, *warned)]
        print_json({"diagnostics": shown, "spaces": spaces})
    else:
        warn(warned)
        if found:
            fail(Diagnostics(found))
    sys.exit(1 if found else 0)


def _described(file: Path, checked: Any) -> str:
    if checked is None:
        return f"{file}: no space, all names known"
    from ofadsl.space import shown_count

    count = shown_count(checked.space.size())
    return f"{file}: space {checked.space.name}, {count} subnets, every one valid"


def _as_json(diagnostic: Any) -> dict[str, object]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
        "file": span.source.path if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "text": span.text if span else None,
    }


@click.command()
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

    from ofadsl.commands.answer import write_whole
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
                write_whole(file, text)
            click.echo(f"{'would reformat' if check else 'reformatted'} {file}")
    if found:
        fail(Diagnostics(found))
    sys.exit(1 if changed and (check or diff) else 0)


@click.command()
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
        print_json(
            {
                "differences": found.lines,
                "contains": [found.left_contains.holds, found.right_contains.holds],
            }
        )
        return
    for line in (*found.lines, *verdict(found, names[0], names[1])):
        click.echo(line)
