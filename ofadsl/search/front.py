"""A Pareto front: archs, what they cost, what was asked for.

Out of a search, into `pareto.json`, reports and `specialize --front`. It holds no time and no path
of a machine, so that the same seed writes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofadsl.diagnostics import fault
from ofadsl.expr import Value
from ofadsl.files import read_whole

Archs = NDArray[np.uint8]
Floats = NDArray[np.float64]
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What was to be large, or small: an expression as it was written, and its unit."""

    text: str
    unit: str
    maximize: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A constraint as it was written; ``cost <op> bound`` where it bounds one cost alone.

    The bound is in the unit of the cost; ``cost`` is empty and ``bound`` NaN for other constraints.
    """

    text: str
    cost: str = ""
    op: str = ""
    bound: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Front:
    """Archs of which none is better than another in all objectives, best first objective first."""

    space: str
    space_hash: str
    source: str
    settings: Mapping[str, str]
    x: Archs
    """Choice indices, (archs, dimensions)."""
    archs: tuple[Mapping[str, Any], ...]
    """The same as arch.json writes them."""
    dimensions: Mapping[str, tuple[Value, ...]]
    """The values of each dimension, in the order of the choices in ``x``."""
    objectives: tuple[Objective, ...]
    values: Floats
    """(archs, objectives), each as its expression says: larger is better where maximized."""
    units: Mapping[str, str]
    """The unit of each cost: ms, B, mJ, or nothing."""
    costs: Mapping[str, Floats]
    """By name: macs, params, weight_bytes, peak_memory, latency[pixel], accuracy."""
    intervals: Mapping[str, Floats]
    """(archs, 2): where 90 % of all measurements lie, for the costs that are predicted."""
    limits: tuple[Limit, ...]
    bytes_per_element: int
    confident: bool
    """Whether latency and energy meant the upper end of their intervals."""
    method: str
    """``enumeration`` where every arch was tried, else ``genetic``."""
    complete: bool
    """Whether the search ended by itself, not by a clock or a key."""
    evaluations: int
    found: int
    """How many archs were on the front before it was thinned out."""


def front_json(front: Front) -> dict[str, Any]:
    """Return what `pareto.json` says."""
    rows = []
    for i, arch in enumerate(front.archs):
        row: dict[str, Any] = {
            "name": arch_name(i),
            "choices": front.x[i].tolist(),
            "arch": arch,
            "objectives": front.values[i].tolist(),
            "costs": {name: float(column[i]) for name, column in front.costs.items()},
        }
        if front.intervals:
            row["intervals"] = {name: i90[i].tolist() for name, i90 in front.intervals.items()}
        rows.append(row)
    return {
        "version": VERSION,
        "space": front.space,
        "space_hash": front.space_hash,
        "source": front.source,
        "settings": dict(front.settings),
        "method": front.method,
        "complete": front.complete,
        "evaluations": front.evaluations,
        "found": front.found,
        "bytes_per_element": front.bytes_per_element,
        "confident": front.confident,
        "dimensions": {name: list(values) for name, values in front.dimensions.items()},
        "objectives": [
            {"text": o.text, "unit": o.unit, "maximize": o.maximize} for o in front.objectives
        ],
        "constraints": [_limit(limit) for limit in front.limits],
        "units": dict(front.units),
        "archs": rows,
    }


def arch_name(index: int) -> str:
    """Return the name of an arch of a front, counted from 1: `arch-001`."""
    return f"arch-{index + 1:03}"


def read_front(path: Path) -> Front:
    """Return the front of a folder, or of its `pareto.json`; OFA236 where it is none."""
    file = path / "pareto.json" if path.is_dir() else path
    try:
        data = json.loads(read_whole(file).decode("utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        help = "write it: ofadsl search SPACE ... -o front"
        raise fault("OFA236", f"the front {file} cannot be read: {reason}", help=help) from error
    except (ValueError, RecursionError) as error:
        raise fault("OFA236", f"{file} is no JSON") from error
    try:
        return _front(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = str(error)[:80]
        raise fault("OFA236", f"{file} is no front of `ofadsl search`: {what}") from error


def _limit(limit: Limit) -> dict[str, Any]:
    if not limit.cost:
        return {"text": limit.text}
    return {"text": limit.text, "cost": limit.cost, "op": limit.op, "bound": limit.bound}


def _front(data: Mapping[str, Any]) -> Front:
    if data["version"] != VERSION:
        raise ValueError(f"version {str(data['version'])[:20]}, not {VERSION}")
    rows = data["archs"]
    names = list(rows[0]["costs"]) if rows else []
    predicted = list(rows[0].get("intervals", ())) if rows else []
    return Front(
        space=str(data["space"]),
        space_hash=str(data["space_hash"]),
        source=str(data["source"]),
        settings={str(key): str(value) for key, value in data["settings"].items()},
        x=np.array([row["choices"] for row in rows], np.uint8),
        archs=tuple(row["arch"] for row in rows),
        dimensions={str(key): tuple(values) for key, values in data["dimensions"].items()},
        objectives=tuple(Objective(**_kept(Objective, item)) for item in data["objectives"]),
        values=np.array([row["objectives"] for row in rows], np.float64),
        units={str(key): str(value) for key, value in data["units"].items()},
        costs={n: np.array([row["costs"][n] for row in rows], np.float64) for n in names},
        intervals={
            n: np.array([row["intervals"][n] for row in rows], np.float64) for n in predicted
        },
        limits=tuple(Limit(**_kept(Limit, item)) for item in data["constraints"]),
        bytes_per_element=int(data["bytes_per_element"]),
        confident=bool(data["confident"]),
        method=str(data["method"]),
        complete=bool(data["complete"]),
        evaluations=int(data["evaluations"]),
        found=int(data["found"]),
    )


def _kept(cls: type[Objective] | type[Limit], item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in cls.__dataclass_fields__ if name in item}
