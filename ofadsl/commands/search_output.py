"""What a search leaves behind: `pareto.json`, a page, an arch file each, the state to resume."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ofadsl.calibrate.archs import Target
from ofadsl.commands.search_columns import Column
from ofadsl.diagnostics import fault
from ofadsl.folders import written_whole
from ofadsl.search.front import Front, arch_name, front_json
from ofadsl.search.pose import Posed
from ofadsl.search.report import report
from ofadsl.search.solve import Progress
from ofadsl.search.thin import spread_out
from ofadsl.search.vocabulary import ANALYTIC, MEASURED

_FILE = re.compile(r"pareto\.json|report\.html|state\.npz|arch-\d{3,}\.json|verified.*\.jsonl?")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a front tells of its search."""

    target: Target
    source: str
    """The file of the space, as later commands find it."""
    settings: Mapping[str, str]
    posed: Posed
    columns: Mapping[str, Column]
    bytes_per_element: int
    confident: bool


def front_of(found: Found, progress: Progress, points: int) -> Front:
    """Return what was found, at most so many archs of it, with all that is known of them."""
    kept = spread_out(progress.front.values, points)
    x = progress.front.x[kept]
    objectives = found.posed.objectives
    signs = np.array([-1.0 if one.maximize else 1.0 for one in objectives])
    values = progress.front.values[kept] * signs + 0.0  # no -0
    intervals = {}
    for name, column in found.columns.items():
        if column.interval is not None:
            intervals[name] = np.stack(column.interval(x), axis=1)
    costs = {n: np.asarray(c.value(x), np.float64) for n, c in found.columns.items()}
    for name, told in costs.items():
        if not np.isfinite(told).all():
            help = "return a number for each arch, or maximize it: what has none is then left out"
            raise fault("OFA234", f"the {name} of an arch on the front is no number", help=help)
    kinds = {**ANALYTIC, **{n: MEASURED[n.partition("[")[0]] for n in intervals if "[" in n}}
    return Front(
        space=found.target.space.name,
        space_hash=found.target.hash,
        source=found.source,
        settings=dict(found.settings),
        x=x,
        archs=tuple(found.target.cost.decode(x)),
        dimensions={dim.var.name: dim.var.values for dim in found.target.space.dims},
        objectives=objectives,
        values=values,
        units={name: kinds[name].unit if name in kinds else "" for name in found.columns},
        costs=costs,
        intervals=intervals,
        limits=found.posed.limits,
        bytes_per_element=found.bytes_per_element,
        confident=found.confident,
        method=progress.method,
        complete=progress.complete,
        evaluations=progress.evaluations,
        found=len(progress.front),
    )


def write_front(folder: Path, front: Front, state: bytes) -> None:
    """Write `pareto.json`, an arch file for each, a page and the state; whole or not at all."""
    with written_whole(folder, "a front", _is_ours) as draft:
        (draft / "pareto.json").write_text(_text(front_json(front)), encoding="utf-8")
        for i, arch in enumerate(front.archs):
            (draft / f"{arch_name(i)}.json").write_text(_text(arch), encoding="utf-8")
        (draft / "report.html").write_text(report(front, str(folder)), encoding="utf-8")
        (draft / "state.npz").write_bytes(state)


def _is_ours(names: set[str]) -> bool:
    return "pareto.json" in names and all(map(_FILE.fullmatch, names))


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"
