"""The road of `ofadsl search`: a space and what is wanted in, a folder with the front out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.commands import search_columns as columns
from ofadsl.commands.answer import Answer
from ofadsl.commands.search_columns import Accuracy, Column
from ofadsl.commands.search_output import Found, front_of, write_front
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault
from ofadsl.expr import TRUE
from ofadsl.search import resume
from ofadsl.search.approach import approach
from ofadsl.search.extremes import extreme_costs
from ofadsl.search.fixed import parse_fixed
from ofadsl.search.front import Archs, Front, front_json
from ofadsl.search.infeasible import infeasible
from ofadsl.search.listing import front_lines, specialize_command
from ofadsl.search.pose import Asked, Posed, check_asked, pose
from ofadsl.search.problem import Evaluated
from ofadsl.search.ranges import Known, Range, never
from ofadsl.search.solve import Effort, Progress, solve
from ofadsl.search.vocabulary import MEASURED, vocabulary_of
from ofadsl.specialize.archs import read_json

_PROBES = 512  # archs that tell whether anything at all is near to being feasible
_SHOWN = 12  # rows of the front on the terminal


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


def search(request: Request) -> Answer:
    """Search, and write the front; raise Diagnostics where nothing meets the constraints."""
    front, state = find(request)
    write_front(request.output, front, state)
    method = "every subnet was tried" if front.method == "enumeration" else "evolved"
    stopped = "" if front.complete else ", stopped before its end: go on with --resume"
    lines = [
        f"{front.found:,} subnets on the front; {front.evaluations:,} evaluated, {method}{stopped}",
        "",
        *front_lines(front, _SHOWN),
        "",
        f"wrote {request.output}/pareto.json, report.html and {len(front.archs)} archs;",
        "the first as a network:",
        f"  {specialize_command(front, str(request.output))}",
    ]
    return Answer(lines=tuple(lines), data=front_json(front))


def find(request: Request) -> tuple[Front, bytes]:
    """Return the front, and the state to go on with."""
    setting = prepare(request)
    problem = setting.posed.problem
    effort = Effort(
        population=request.population,
        generations=request.generations,
        seed=request.seed,
        seconds=request.time,
    )
    before = None
    if request.resume:
        before = resume.read_state(request.output / "state.npz", setting.digest, problem)
    start = setting.start
    if before is None and setting.listed is None and problem.domain.size > effort.enumerable:
        start = np.concatenate([start, _way_in(request, setting)])
    progress = solve(problem, effort, start=start, listed=setting.listed, resume=before)
    if not len(progress.front):
        raise _nothing(request, setting, progress.nearest, progress)
    found = Found(
        target=setting.target,
        source=request.space.as_posix(),
        settings=request.settings,
        posed=setting.posed,
        columns=setting.shown,
        bytes_per_element=columns.BYTES[request.dtype],
        confident=request.confident,
    )
    front = front_of(found, progress, request.points)
    return front, resume.state_bytes(progress, setting.digest)


def prepare(request: Request) -> Setting:
    """Read and check everything; raise Diagnostics with the mistakes."""
    target = target_of(request.space, request.settings, shown_path(request.space))
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


def _way_in(request: Request, setting: Setting) -> Archs:
    """Return a feasible arch where none is near; raise OFA228 where it is proven that none is."""
    problem = setting.posed.problem
    probes = problem.domain.spread(_PROBES, np.random.default_rng([request.seed, _PROBES]))
    found = problem.evaluate(np.concatenate([setting.start, probes]))
    if (found.violation == 0).any():
        return found.x[:0]
    nearest = approach(problem, found)
    if nearest.violation[0] > 0:
        known = _known(request, setting)
        if any(never(one.condition, known) for one in setting.posed.constraints):
            raise _nothing(request, setting, nearest, None)
    return nearest.x


def _known(request: Request, setting: Setting) -> Known:
    """Return between which numbers the costs and the dimensions of all subnets lie."""
    space, kept = setting.target.space, setting.posed.kept
    narrowed = space.restrict(kept) if kept else space
    found: dict[str | int, Range] = {
        name: (float(low), float(high))
        for name, (low, high) in extreme_costs(
            narrowed, setting.target.graph, columns.BYTES[request.dtype]
        ).items()
    }
    for column, dim in enumerate(space.dims):
        values = [v for v in kept.get(dim.var.name, dim.var.values) if not isinstance(v, str)]
        if dim.live == TRUE and values:
            found[column] = (float(min(values)), float(max(values)))
    return found


def _nothing(
    request: Request, setting: Setting, nearest: Evaluated, progress: Progress | None
) -> Exception:
    complete = progress is None or progress.complete
    every = progress is not None and progress.method == "enumeration" and complete
    return infeasible(
        setting.posed,
        nearest.x,
        setting.target.cost.decode(nearest.x)[0],
        tried=0 if progress is None else progress.evaluations,
        every=every,
        stopped=not complete,
        known={} if every else _known(request, setting),
    )
