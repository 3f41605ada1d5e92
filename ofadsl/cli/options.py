"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click


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
