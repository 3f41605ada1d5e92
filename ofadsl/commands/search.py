"""The road of `ofadsl search`: a space and what is wanted in, a folder with the front out."""

from __future__ import annotations

import numpy as np

from ofadsl.commands import search_columns as columns
from ofadsl.commands.answer import Answer
from ofadsl.commands.search_output import Found, front_of, write_front
from ofadsl.commands.search_setting import Request, Setting, prepare, target_for
from ofadsl.cost.extremes import extreme_costs
from ofadsl.expr import TRUE
from ofadsl.search import resume
from ofadsl.search.approach import approach
from ofadsl.search.front import Archs, Front, front_json
from ofadsl.search.infeasible import infeasible
from ofadsl.search.listing import front_lines, specialize_command
from ofadsl.search.problem import Evaluated
from ofadsl.search.ranges import Known, Range, never
from ofadsl.search.solve import Effort, Progress, solve

_PROBES = 512  # archs that tell whether anything at all is near to being feasible
_SHOWN = 12  # rows of the front on the terminal


def search(request: Request) -> Answer:
    """Search, and write the front; raise Diagnostics where nothing meets the constraints."""
    return searched(request, prepare(request, target_for(request)))


def searched(request: Request, setting: Setting) -> Answer:
    """Search for what was prepared, and write the front."""
    front, state = find(request, setting)
    write_front(request.output, front, state)
    method = "every subnet was tried" if front.method == "enumeration" else "evolved"
    stopped = "" if front.complete else ", stopped before its end: go on with --resume"
    number, archs = _counted(front.found, "subnet"), _counted(len(front.archs), "arch")
    lines = [
        f"{number} on the front; {front.evaluations:,} evaluated, {method}{stopped}",
        "",
        *front_lines(front, _SHOWN),
        "",
        f"wrote {request.output}/pareto.json, report.html and {archs};",
        "the first as a network:",
        f"  {specialize_command(front, str(request.output))}",
    ]
    return Answer(lines=tuple(lines), data=front_json(front))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def find(request: Request, setting: Setting) -> tuple[Front, bytes]:
    """Return the front, and the state to go on with."""
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
