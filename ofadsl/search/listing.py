"""A front as a small table for the terminal, and the command that makes a network of a row."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import numpy as np

from ofadsl.chart import shown
from ofadsl.search.front import Floats, Front, arch_name


def front_lines(front: Front, most: int) -> Iterator[str]:
    """Yield a head and at most ``most`` rows, evenly taken from the front."""
    columns = {one.text: (front.values[:, i], one.unit) for i, one in enumerate(front.objectives)}
    for name, values in front.costs.items():
        columns.setdefault(name, (values, front.units[name]))
    rows = np.unique(np.linspace(0, len(front.archs) - 1, most).round().astype(np.intp))
    cells = [["arch", *columns]]
    for row in rows:
        cells.append([arch_name(int(row)), *(shown(v[row], u) for v, u in columns.values())])
    for name, interval in front.intervals.items():
        if name in columns:
            at = cells[0].index(name)
            for line, row in zip(cells[1:], rows, strict=True):
                line[at] += _around(interval[row])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        first = line[0].ljust(widths[0])
        rest = (text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))
        yield "  ".join([first, *rest]).rstrip()
    if len(rows) < len(front.archs):
        yield f"... {len(rows)} of {len(front.archs)} archs"


def specialize_command(front: Front, folder: str, row: int = 0) -> str:
    """Return the command that takes a subnet of the front in ``folder`` out of its supernet."""
    words = ["ofadsl", "specialize", "--space", front.source]
    for name, value in front.settings.items():
        words += ["--set", f"{name}={value}"]
    words += ["--arch", f"{folder}/{arch_name(row)}.json"]
    return f"{shlex.join(words)} --weights WEIGHTS --recompute-bn DATA"


def _around(interval: Floats) -> str:
    return f" ±{(interval[1] - interval[0]) / 2:.2g}"
