"""From a problem to its front: by trying every arch where that is possible, else by evolution.

A search that is stopped, by a clock or by a key, gives what it found so far. One that finds no
feasible arch gives the nearest to being one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ofadsl.search import genetic
from ofadsl.search.approach import approach
from ofadsl.search.domination import best
from ofadsl.search.front import Archs
from ofadsl.search.problem import Evaluated, Problem

ENUMERABLE = 10**7
"""A domain of at most so many distinct subnets is searched by trying every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to search."""

    population: int = 1000
    generations: int = 200
    seed: int = 0
    seconds: float = float("inf")
    enumerable: int = ENUMERABLE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Progress:
    """A search so far; one of the two ways has something."""

    front: Evaluated
    nearest: Evaluated
    """The arch of the least violation, where none is feasible yet."""
    evaluations: int
    method: str
    complete: bool = False
    state: genetic.State | None = None


Watch = Callable[[Progress], None]


def solve(
    problem: Problem,
    effort: Effort,
    *,
    start: Archs | None = None,
    listed: Archs | None = None,
    resume: Progress | None = None,
    watch: Watch = lambda _: None,
) -> Progress:
    """Return the front of a problem.

    ``start`` are archs to begin with, ``listed`` the only ones that there are. ``watch`` sees every
    generation, or chunk of archs.
    """
    domain = problem.domain
    if start is None:
        start = np.zeros((0, len(domain.names)), np.uint8)
    if listed is not None:
        rounds = _every(problem, [listed], resume)
    elif domain.size <= effort.enumerable:
        rounds = _every(problem, domain.every(), resume)
    else:
        rounds = _evolved(problem, effort, start, resume)
    until = time.monotonic() + effort.seconds
    progress = resume or _nothing(problem)
    try:
        for progress in rounds:
            watch(progress)
            if time.monotonic() >= until:
                break
    except KeyboardInterrupt:  # the user has seen enough: what was found is the answer
        if not progress.evaluations:
            raise
    return progress


def _nothing(problem: Problem) -> Progress:
    none = problem.evaluate(np.zeros((0, len(problem.domain.names)), np.uint8))
    return Progress(front=none, nearest=none, evaluations=0, method="")


def _every(
    problem: Problem, chunks: Iterable[Archs], resume: Progress | None
) -> Iterator[Progress]:
    """Yield what is known after each chunk of a domain; the last of them is complete."""
    progress = resume or _nothing(problem)
    done = 0
    for x in chunks:
        done += len(x)
        if done <= progress.evaluations:
            continue
        found = problem.evaluate(x)
        front = progress.front.join(found[found.violation == 0])
        progress = Progress(
            front=front[best(front.values)],
            nearest=_nearest(progress.nearest.join(found)),
            evaluations=done,
            method="enumeration",
        )
        yield progress
    yield Progress(
        front=progress.front,
        nearest=progress.nearest,
        evaluations=progress.evaluations,
        method="enumeration",
        complete=True,
    )


def _evolved(
    problem: Problem, effort: Effort, start: Archs, resume: Progress | None
) -> Iterator[Progress]:
    """Yield what is known after each generation; the last of them is complete."""
    if resume is not None and resume.state is not None:
        state = resume.state
    else:
        state = genetic.begin(problem, effort.population, effort.seed, start)
    last = effort.generations
    while True:
        ended = state.generation >= last or state.exhausted
        nearest = _nearest(state.population)
        if ended and not len(state.front):
            nearest = approach(problem, state.population)
            if nearest.violation[0] == 0:  # there is a way in: evolution starts again from there
                state, ended = genetic.joined(state, nearest, effort.population), False
                last += effort.generations
        yield Progress(
            front=state.front,
            nearest=nearest,
            evaluations=len(state.seen),
            method="genetic",
            complete=ended,
            state=state,
        )
        if ended:
            return
        state = genetic.step(problem, state, effort.population, effort.seed)


def _nearest(found: Evaluated) -> Evaluated:
    if not len(found):
        return found
    at = int(found.violation.argmin())
    return found[at : at + 1]
