"""The subnets that a search looks at, as arrays: drawn, mended, listed, many at a time.

In: a space, and the choices that are left of some dimensions. Out: a ``Domain``. Its dimensions are
taken in the order in which the space draws them: each knows which choices are possible given those
before it. So what is mended is in the space, canonical (what does not matter is at its first
choice), and no subnet is listed twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ofadsl.elimination import Draw
from ofadsl.expr import Expr, Value, Var, tabulate
from ofadsl.search.front import Archs, Floats
from ofadsl.space import Space

Rows: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

CHUNK = 1 << 16
"""So many archs are listed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One dimension: which of its choices are possible, for each choice of its parents."""

    dim: int
    parents: tuple[int, ...]
    strides: tuple[int, ...]
    allowed: NDArray[np.bool_]
    bounds: Floats
    """Where a ticket between 0 and 1 falls, for uniform samples."""
    mended: NDArray[np.uint16] | None
    """The nearest possible choice, one row after the other; none where all are possible."""

    def rows(self, x: Rows) -> NDArray[np.intp] | int:
        """Return the row of each arch."""
        return _places(self.parents, self.strides, x)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Width:
    """What some steps depend on beside dimensions, such as a width: a table over columns."""

    parents: tuple[int, ...]
    strides: tuple[int, ...]
    found: NDArray[np.uint16]

    def at(self, x: Rows) -> NDArray[np.uint16]:
        """Return its value, as an index, in each arch."""
        return np.asarray(self.found[_places(self.parents, self.strides, x)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Domain:
    """The archs of a space that a search may give."""

    names: tuple[str, ...]
    choices: tuple[tuple[Value, ...], ...]
    free: NDArray[np.intp]
    """The dimensions that have several choices left."""
    counts: NDArray[np.intp]
    size: int
    steps: tuple[Step, ...]
    widths: tuple[Width, ...] = ()
    """While steps are taken these stand in columns behind the dimensions."""

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Return archs drawn uniformly from the distinct subnets."""
        x = self._empty(n)
        for step in self.steps:
            bounds = step.bounds[step.rows(x)]
            x[:, step.dim] = (rng.random(n)[:, None] >= np.atleast_2d(bounds)).sum(axis=1)
        return self._dims(x)

    def spread(self, n: int, rng: np.random.Generator) -> Archs:
        """Return archs from the smallest choices to the largest, mixed about a level of each."""
        level = rng.random((n, 1))
        level[: min(n, 2), 0] = [0, 1][: min(n, 2)]
        ranks = np.clip(level + rng.normal(0, 0.25, (n, len(self.names))), 0, 1)
        ranks[: min(n, 2)] = level[: min(n, 2)]
        return self.mend(np.rint(ranks * (self.counts - 1)).astype(np.uint8))

    def mend(self, x: Archs) -> Archs:
        """Return ``x`` with each choice that is not possible replaced by the nearest that is."""
        rows = self._empty(len(x))
        rows[:, : len(self.names)] = x
        for column, width in enumerate(self.widths, len(self.names)):
            rows[:, column] = width.at(rows)
        for step in self.steps:
            if step.mended is not None:
                count = step.allowed.shape[1]
                rows[:, step.dim] = step.mended[step.rows(rows) * count + rows[:, step.dim]]
        return self._dims(rows)

    def contains(self, x: Archs) -> NDArray[np.bool_]:
        """Return for each arch whether it is a canonical one of the domain."""
        return np.asarray((self.mend(x) == x).all(axis=1))

    def inside(self, x: Archs) -> bool:
        """Return whether all choices exist, be the archs canonical or not."""
        return x.shape[1] == len(self.names) and bool((x < self.counts).all())

    def every(self) -> Iterator[Archs]:
        """Yield every distinct subnet once, in chunks, always in the same order."""
        waiting = [(0, self._empty(1))]
        ready: list[Archs] = []
        while waiting:
            at, x = waiting.pop()
            if at == len(self.steps):
                ready.append(self._dims(x))
                if sum(map(len, ready)) >= CHUNK // 2:
                    yield np.concatenate(ready)
                    ready = []
            elif len(x) > 1 and len(x) * self.steps[at].allowed.shape[1] > CHUNK:
                half = len(x) // 2
                waiting += [(at, x[half:]), (at, x[:half])]
            else:
                waiting.append((at + 1, _extended(self.steps[at], x)))
        if ready:
            yield np.concatenate(ready)

    def _empty(self, n: int) -> Rows:
        """Return ``n`` rows with a column for each dimension and each width."""
        shape = n, len(self.names) + len(self.widths)
        return np.zeros(shape, np.uint16) if self.widths else np.zeros(shape, np.uint8)

    def _dims(self, x: Rows) -> Archs:
        """Return the columns of the dimensions."""
        return np.asarray(x[:, : len(self.names)], np.uint8)


def domain_of(space: Space, kept: Mapping[str, Collection[Value]]) -> Domain:
    """Return the domain of a space, some dimensions of which are narrowed to the values ``kept``.

    Raises CoupledError as Space.size does.
    """
    narrowed = space.restrict(kept) if kept else space
    size = narrowed.size()
    variables = [dim.var for dim in space.dims]
    draws = narrowed.draws()
    every = [*variables, *(var for var, _ in draws.derived)]
    counts = np.array([len(var.values) for var in every], np.intp)
    left = [len(kept.get(var.name, var.values)) for var in variables]
    return Domain(
        names=tuple(var.name for var in variables),
        choices=tuple(var.values for var in variables),
        free=np.flatnonzero(np.array(left, np.intp) > 1),
        counts=counts[: len(variables)],
        size=size,
        steps=tuple(_step(draw, counts) for draw in draws.draws) if size else (),
        widths=tuple(_width(var, part, every) for var, part in draws.derived),
    )


def _width(var: Var, part: Expr, every: Sequence[Var]) -> Width:
    place = {var.values[i]: i for i in range(len(var.values))}
    columns = [other.name for other in every]
    return Width(
        parents=tuple(columns.index(other.name) for other in part.support),
        strides=_strides([len(other.values) for other in part.support]),
        found=np.array([place[value] for value in tabulate(part, part.support)], np.uint16),
    )


def _strides(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))


def _places(parents: tuple[int, ...], strides: tuple[int, ...], x: Rows) -> NDArray[np.intp] | int:
    row: NDArray[np.intp] | int = 0
    for parent, stride in zip(parents, strides, strict=True):
        row = row + x[:, parent].astype(np.intp) * stride
    return row


def _step(draw: Draw, counts: NDArray[np.intp]) -> Step:
    shape = [int(counts[p]) for p in draw.parents]
    width = int(counts[draw.dim])
    weights = np.zeros((int(np.prod(shape)), width))
    for row, index in enumerate(itertools.product(*map(range, shape))):
        found = draw.weights.get(index)
        if found is not None:  # else no arch has these choices together
            weights[row] = [weight / sum(found) for weight in found]
    allowed = weights > 0
    allowed[~allowed.any(axis=1)] = True
    bounds = np.cumsum(weights, axis=1)[:, :-1]
    last = width - 1 - np.argmax(allowed[:, ::-1], axis=1)
    bounds[np.arange(width - 1) >= last[:, None]] = 2  # a sum of shares may end below 1
    return Step(
        dim=draw.dim,
        parents=draw.parents,
        strides=_strides(shape),
        allowed=allowed,
        bounds=bounds,
        mended=None if allowed.all() else _nearest(allowed).ravel(),
    )


def _nearest(allowed: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Return for each row and choice the nearest choice that is possible, the lower of two."""
    choices = np.arange(allowed.shape[1])
    distance = np.abs(choices[:, None] - choices) * 2 + (choices > choices[:, None])
    reach = np.where(allowed[:, None, :], distance, np.iinfo(np.intp).max)
    return np.asarray(reach.argmin(axis=2), np.uint16)


def _extended(step: Step, x: Rows) -> Rows:
    """Return each arch with each possible choice of one more dimension."""
    rows = np.broadcast_to(step.rows(x), len(x))
    which, choice = np.nonzero(step.allowed[rows])
    found = x[which]
    found[:, step.dim] = choice
    return found
