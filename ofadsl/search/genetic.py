"""NSGA-II on choice indices (Deb et al. 2002), whole populations at a time, in numpy.

What is of its own: no arch is evaluated twice; every arch that nothing dominates is kept beside
the population; most pairs lie near each other on that front, and a part of each generation are its
archs with one choice changed. Generation ``g`` of a search
draws from a stream of its own, (seed, g), so that a search goes on after a stop as if there had
been none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.search.domain import Domain
from ofadsl.search.domination import best, crowding, ranks
from ofadsl.search.front import Archs
from ofadsl.search.problem import Evaluated, Problem

Hashes = NDArray[np.uint64]
_NEIGHBOURS = 0.35  # of a generation: archs of the front with one choice changed
_TOURNAMENTS = 0.2  # of the pairs: from the population; the others lie near each other on the front
_REACH = 0.1  # of the front: how far apart they lie at most
_FEW = 8  # a smaller front has no neighbourhoods
_STEP = 0.5  # of the mutations: to the next choice, not to any
_LAST_DRAW = 4096  # uniform samples; where none of them is new, there is nothing left to find
_HASH = 0x0FA


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """A search after some generations."""

    generation: int
    population: Evaluated
    """The best first."""
    front: Evaluated
    """All feasible archs found so far that nothing dominates."""
    seen: dict[int, None]
    """The hashes of all archs that were evaluated, in order: one dict, which every generation adds
    to. Of a generation that was interrupted it may hold some at its end."""
    exhausted: bool = False
    """Whether no new arch was found any more."""


def begin(problem: Problem, size: int, seed: int, start: Archs) -> State:
    """Return the first generation: ``start``, uniform samples, and archs of every size."""
    rng = np.random.default_rng([seed, 0])
    domain = problem.domain
    half = (size + 1) // 2
    drawn = [start, domain.spread(half, rng), domain.sample(size, rng)]
    x = np.concatenate(drawn)
    hashes = hashed(x)
    first = np.sort(np.unique(hashes, return_index=True)[1])[: max(size, len(start))]
    found = problem.evaluate(x[first])
    state = State(generation=0, population=found[:0], front=found[:0], seen={})
    return _survived(state, found, hashes[first], size)


def step(problem: Problem, state: State, size: int, seed: int) -> State:
    """Return the next generation."""
    rng = np.random.default_rng([seed, state.generation + 1])
    x, hashes = _new(problem.domain, state, size, rng)
    if not len(x):
        return State(
            generation=state.generation + 1,
            population=state.population,
            front=state.front,
            seen=state.seen,
            exhausted=True,
        )
    return _survived(state, problem.evaluate(x), hashes, size)


def joined(state: State, found: Evaluated, size: int) -> State:
    """Return a generation with some more archs in it, which were found elsewhere."""
    return _survived(state, found, hashed(found.x), size)


def hashed(x: Archs) -> Hashes:
    """Return one number for each arch; that two archs share one is out of the question."""
    odd = np.random.default_rng(_HASH).integers(0, 1 << 63, x.shape[1], np.uint64) * 2 + 1
    mixed = (x.astype(np.uint64) + 1) * odd
    mixed ^= mixed >> 29
    return np.asarray((mixed * np.uint64(0xBF58476D1CE4E5B9)).sum(axis=1, dtype=np.uint64))


def _survived(state: State, found: Evaluated, hashes: Hashes, size: int) -> State:
    feasible = found[found.violation == 0]
    front = state.front.join(feasible)
    front = front[best(front.values)]
    both = state.population.join(found)
    state.seen.update(dict.fromkeys(hashes.tolist()))
    return State(
        generation=state.generation + (len(state.population) > 0),
        population=both[_order(both, size)],
        front=front,
        seen=state.seen,
    )


def _order(both: Evaluated, size: int) -> NDArray[np.intp]:
    """Return the best, by constraint domination: feasible ones by rank and crowding, then others
    by how far they are from being feasible.
    """
    feasible = np.flatnonzero(both.violation == 0)
    values = both.values[feasible]
    rank = ranks(values, size)
    if len(feasible) > size:
        last = np.sort(rank)[size - 1]
        kept = rank <= last
        feasible, values, rank = feasible[kept], values[kept], rank[kept]
    chosen = feasible[np.lexsort((-crowding(values, rank), rank))][:size]
    others = np.flatnonzero(both.violation > 0)
    nearest = others[np.argsort(both.violation[others], kind="stable")]
    return np.concatenate([chosen, nearest[: size - len(chosen)]])


def _new(domain: Domain, state: State, size: int, rng: np.random.Generator) -> tuple[Archs, Hashes]:
    """Return archs that were never evaluated, and their hashes."""
    found: list[Archs] = []
    keys: dict[int, None] = {}
    for draw in (_offspring, _offspring, _beside):
        missing = size - len(keys)
        if missing > 0:
            found.append(_unseen(state, keys, draw(domain, state, missing, rng)))
    missing = size - len(keys)
    if missing > 0:  # what is near is known: look anywhere
        found.append(_unseen(state, keys, domain.sample(missing if keys else _LAST_DRAW, rng)))
    return np.concatenate(found)[:size], np.array([*keys][:size], np.uint64)


def _unseen(state: State, keys: dict[int, None], x: Archs) -> Archs:
    """Return the archs that are new, and note their keys."""
    fresh = []
    for i, key in enumerate(hashed(x).tolist()):
        if key not in state.seen and key not in keys:
            keys[key] = None
            fresh.append(i)
    return x[fresh]


def _offspring(domain: Domain, state: State, count: int, rng: np.random.Generator) -> Archs:
    """Return children of pairs, mutated, and archs of the front with one choice changed."""
    near = int(count * _NEIGHBOURS) if len(state.front) else 0
    left, right = _pairs(state, (count - near + 1) // 2, rng)
    swap = rng.integers(0, 2, left.shape, np.uint8).view(np.bool_)
    children = np.concatenate([np.where(swap, left, right), np.where(swap, right, left)])
    children = children[: count - near]
    places = len(domain.free)
    hit = np.zeros((count, left.shape[1]), np.bool_)
    chance = rng.random((len(children), places), np.float32)
    hit[: len(children), domain.free] = chance < 1 / places
    chosen = state.front.x[rng.integers(len(state.front), size=near)] if near else children[:0]
    hit[np.arange(count - near, count), domain.free[rng.integers(places, size=near)]] = True
    return domain.mend(_mutated(domain, np.concatenate([children, chosen]), hit, rng))


def _beside(domain: Domain, state: State, count: int, rng: np.random.Generator) -> Archs:
    """Return archs of all the population, not only of the best, with one choice changed."""
    x = state.population.x[rng.integers(len(state.population), size=count)]
    hit = np.zeros(x.shape, np.bool_)
    hit[np.arange(count), domain.free[rng.integers(len(domain.free), size=count)]] = True
    return domain.mend(_mutated(domain, x, hit, rng))


def _pairs(state: State, count: int, rng: np.random.Generator) -> tuple[Archs, Archs]:
    """Return parents: winners of tournaments, and archs that lie near each other on the front.

    What is near in its objectives is often alike, so that children of such a pair are near too.
    """
    number, front = len(state.population), state.front
    alike = int(count * (1 - _TOURNAMENTS)) if len(front) >= _FEW else 0
    winners = rng.integers(number, size=(2, 2, count - alike)).min(axis=0)  # the best come first
    left, right = state.population.x[winners]
    if not alike:
        return left, right
    objective = rng.integers(front.values.shape[1])
    order = np.argsort(front.values[:, objective], kind="stable")
    first = rng.integers(len(front), size=alike)
    reach = max(2, int(len(front) * _REACH))
    other = first + rng.integers(-reach, reach + 1, size=alike)
    second = np.clip(other, 0, len(front) - 1)
    return (
        np.concatenate([left, front.x[order[first]]]),
        np.concatenate([right, front.x[order[second]]]),
    )


def _mutated(domain: Domain, x: Archs, hit: NDArray[np.bool_], rng: np.random.Generator) -> Archs:
    """Return archs with another choice, the next one or any, in each place that is hit."""
    rows, places = np.nonzero(hit)
    counts = domain.counts[places]
    old = x[rows, places].astype(np.intp)
    other = (old + 1 + (rng.random(len(rows)) * (counts - 1)).astype(np.intp)) % counts
    beside = old + rng.choice(np.array([-1, 1]), len(rows))
    beside = np.where(beside < 0, 1, np.where(beside >= counts, counts - 2, beside))
    near = rng.random(len(rows)) < _STEP
    x[rows, places] = np.where(near, beside, other)
    return x
