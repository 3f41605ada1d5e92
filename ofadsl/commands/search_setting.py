"""What a search needs before it begins: a request in, all of it read and checked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.commands import search_columns as columns
from ofadsl.commands.search_columns import Accuracy, Column
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault
from ofadsl.search import resume
from ofadsl.search.fixed import parse_fixed
from ofadsl.search.front import Archs
from ofadsl.search.pose import Asked, Posed, check_asked, pose
from ofadsl.search.vocabulary import MEASURED, vocabulary_of
from ofadsl.specialize.archs import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for."""

    space: Path
    output: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    maximize: Sequence[str] = ()
    minimize: Sequence[str] = ()
    where: Sequence[str] = ()
    accuracy: str | None = None
    metric: str = "top1"
    fixed: Sequence[str] = ()
    start: Sequence[Path] = ()
    dtype: str = "fp32"
    confident: bool = False
    population: int = 1000
    generations: int = 200
    time: float = float("inf")
    seed: int = 0
    points: int = 100
    resume: bool = False
    generated: Path = Path("generated")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """A search that is ready to begin."""

    target: Target
    posed: Posed
    shown: Mapping[str, Column]
    """The columns that the front tells, before any meaning of `--confident`."""
    listed: Archs | None
    start: Archs
    digest: str


def target_for(request: Request) -> Target:
    """Return what a search needs of its space, which many searches may share."""
    return target_of(request.space, request.settings, shown_path(request.space))


def prepare(request: Request, target: Target) -> Setting:
    """Read and check everything; raise Diagnostics with the mistakes."""
    fixed = parse_fixed(request.fixed, target.space)
    accuracy = None
    if request.accuracy is not None:
        accuracy = columns.accuracy_of(request.accuracy, target, request.metric)
    known = columns.devices(target, request.generated)
    vocabulary = vocabulary_of(
        target.space,
        known,
        accuracy=accuracy is not None,
        micro=columns.has_micro(target),
    )
    goals = list(request.maximize)
    if accuracy is not None and not goals and "accuracy" not in request.minimize:
        goals = ["accuracy"]
    asked = Asked(maximize=goals, minimize=request.minimize, where=request.where, fixed=fixed)
    checked = check_asked(asked, vocabulary)
    shown = columns.analytic(target, request.dtype)
    shown |= columns.measured(sorted(checked.costs), target, request.generated)
    if accuracy is not None:
        shown["accuracy"] = accuracy.column
    meant = {
        name: columns.confident(column)
        if request.confident and name.partition("[")[0] in MEASURED
        else column
        for name, column in shown.items()
    }
    posed = pose(checked, target.space, columns.costs(meant))
    start = _start(request, target, posed)
    return Setting(
        target=target,
        posed=posed,
        shown=shown,
        listed=_listed(accuracy, posed),
        start=start,
        digest=_digest(request, target, posed, shown, start),
    )


def _listed(accuracy: Accuracy | None, posed: Posed) -> Archs | None:
    """Return the archs of a table that the dimensions which are left allow."""
    if accuracy is None or accuracy.listed is None:
        return None
    found = accuracy.listed[posed.problem.domain.contains(accuracy.listed)]
    if not len(found):
        raise fault("OFA228", "no arch of the table has the values that dimensions are fixed to")
    return found


def _start(request: Request, target: Target, posed: Posed) -> Archs:
    rows = []
    for path in request.start:
        try:
            rows.append(target.encode(read_json(path)))
        except ValueError as error:
            help = f"archs of {target.space.name} are listed by: ofadsl sample {target.source}"
            raise fault("OFA237", f"{path}: {str(error)[:200]}", help=help) from error
    x = np.array(rows, np.uint8).reshape(-1, len(target.space.dims))
    return posed.problem.domain.mend(x)


def _digest(
    request: Request, target: Target, posed: Posed, shown: Mapping[str, Column], start: Archs
) -> str:
    """Return one number for all that the search depends on, its length apart."""
    said = {
        "space": target.hash,
        "objectives": [[o.text, o.maximize] for o in posed.objectives],
        "constraints": [limit.text for limit in posed.limits],
        "kept": {name: [str(v) for v in values] for name, values in posed.kept.items()},
        "columns": {name: column.digest for name, column in shown.items()},
        "dtype": request.dtype,
        "confident": request.confident,
        "population": request.population,
        "seed": request.seed,
        "metric": request.metric,
        "start": start.tolist(),
    }
    return resume.digest(said)
