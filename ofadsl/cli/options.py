"""Arguments and options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

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


def seconds(_: click.Context, __: click.Parameter, value: str | None) -> float:
    """Return a time that is written as 90, 90s, 10m or 2h; for ever where there is none."""
    if value is None:
        return float("inf")
    number, unit = (value[:-1], value[-1]) if value[-1:] in _UNITS else (value, "s")
    try:
        found = float(number) * _UNITS[unit]
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise click.BadParameter(f"{value!r} is no time: write 90s, 10m or 2h")
    return found


class Finite(click.FloatRange):
    """A number in a range; "nan" lies in every range for click, and "inf" in an open one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; one that is none is a wrong use."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


_UNITS = {"s": 1, "m": 60, "h": 3600}
FILE = click.Path(path_type=Path)
SET = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=settings,
    metavar="NAME=VALUE",
    help="Set a parameter of the space; may be given several times.",
)
SCHEDULE_SET = click.option(
    "--schedule-set",
    "arguments",
    multiple=True,
    callback=settings,
    metavar="NAME=VALUE",
    help="Set a parameter of the schedule; may be given several times.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
