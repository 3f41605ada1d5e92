"""The page of a front: plots over each cost, a table, a picture of each arch.

In: a front. Out: HTML that stands alone: no network, no script but its own, the same for the same
front. It is drawn here; the script of the page only shows and hides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import jinja2
import numpy as np

from ofadsl.chart import shown
from ofadsl.search.front import Floats, Front, arch_name
from ofadsl.search.listing import specialize_command
from ofadsl.search.report.plot import Series, plot
from ofadsl.search.report.stages import general, picture, ranges_of

_DENSE = 60  # points whose intervals would cover each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One arch of the table: its name, its cells, how they sort, its picture."""

    name: str
    cells: tuple[tuple[str, float], ...]
    general: str
    picture: str
    command: str


def report(front: Front, folder: str = "front") -> str:
    """Return the text of `report.html`; ``folder`` is where the front will be, for commands."""
    columns = [*_series(front)]
    rows = tuple(_rows(front, columns, folder))
    labels = tuple(f"{row.name}: {', '.join(text for text, _ in row.cells)}" for row in rows)
    up, *others = columns
    joined = front.objectives[1].text if len(front.objectives) == 2 else None
    plots = [(one.title, plot(one, up, labels, line=one.name == joined)) for one in others if rows]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ofadsl.search.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        space=front.space,
        summary=_summary(front),
        objectives=[
            f"{'maximize' if one.maximize else 'minimize'} {one.text}" for one in front.objectives
        ],
        limits=[limit.text for limit in front.limits],
        plots=plots,
        titles=[one.name for one in columns],
        dense=len(rows) > _DENSE,
        caption=_caption(columns, len(rows) > _DENSE),
        rows=rows,
    )


def _series(front: Front) -> Iterator[Series]:
    """Yield what is shown of each arch: the objectives first, then the other costs."""
    values: dict[str, Floats] = {
        one.text: front.values[:, i] for i, one in enumerate(front.objectives)
    }
    units = {one.text: one.unit for one in front.objectives} | dict(front.units)
    for name, column in (values | dict(front.costs)).items():
        limits = tuple(
            limit for limit in front.limits if limit.cost == name and np.isfinite(limit.bound)
        )
        yield Series(
            name=name,
            unit=units.get(name, ""),
            values=column,
            interval=front.intervals.get(name),
            limits=limits,
        )


def _rows(front: Front, columns: list[Series], folder: str) -> Iterator[Row]:
    ranges = ranges_of(front.archs)
    for i, arch in enumerate(front.archs):
        yield Row(
            name=arch_name(i),
            cells=tuple((_cell(one, i), float(one.values[i])) for one in columns),
            general=general(arch),
            picture=picture(arch, ranges),
            command=specialize_command(front, folder, i),
        )


def _cell(series: Series, row: int) -> str:
    text = shown(float(series.values[row]), series.unit)
    if series.interval is None:
        return text
    low, high = (series.amount(float(end)) for end in series.interval[row])
    return f"{text} ({low} to {high})"


def _caption(columns: list[Series], dense: bool) -> str:
    said = []
    if any(one.interval is not None for one in columns):
        said.append("bars are intervals of 90 %" + (", of the chosen subnet" if dense else ""))
    if any(one.limits for one in columns):
        said.append("dashed lines are constraints")
    head = "; ".join([*said, "point at a subnet, or choose a row"])
    return f"{head[0].upper()}{head[1:]}."


def _summary(front: Front) -> str:
    number = len(front.archs)
    tried = f"{front.evaluations:,} archs were tried"
    how = "every arch was tried" if front.method == "enumeration" else tried
    thinned = f" of {front.found:,} found" if front.found > number else ""
    early = "" if front.complete else "; the search was stopped before its end"
    subnets = "1 subnet" if number == 1 else f"{number} subnets"
    return f"{subnets}{thinned}; {how}{early}"
