"""A session: groups of archs, each visited in rounds of shuffled order, a reference in between.

In: what loads arch number i, the most telling first. Out: for each arch its readings and those of
the reference at the same times, a group at a time. No arch is measured many times in a row,
because what else the device does comes and goes within seconds; few are loaded at a time, because
each needs memory.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ofadsl.calibrate.measure.drift import reference_at, uncertainty
from ofadsl.calibrate.measure.visit import Pace, Timed, visit, warm_up
from ofadsl.calibrate.nnls import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often to visit, and how many subnets to hold."""

    least: int = 5
    """Rounds for every arch."""
    most: int = 15
    """Rounds for an arch whose readings stay apart."""
    tolerance: float = 0.01
    """Uncertainty of a median, as a part of it, at which an arch is done."""
    between: int = 3
    """Visits from one of the reference to the next."""
    loaded: int = 8
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a session is, for whoever waits."""

    done: int
    """Archs whose groups are complete."""
    total: int
    share: float
    """How much of the work is done, 0 to 1."""
    seconds_left: float | None
    """None while the first subnets are loaded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """One arch: seconds at each visit, of it and of the reference at that time."""

    number: int
    taken: Floats
    reference: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What stays the same from group to group."""

    load: Callable[[int], Timed]
    reference: Timed
    archs: int
    plan: Plan
    rng: random.Random
    watch: Callable[[Step], None] = lambda step: None
    clock: Callable[[], float] = time.monotonic
    limit: float = float("inf")
    """The time of the clock after which no subnet is visited."""

    @property
    def late(self) -> bool:
        """Whether the limit has passed."""
        return self.clock() > self.limit


def measured(session: Session) -> Iterator[tuple[Readings, ...]]:
    """Yield the readings of each group; archs that time did not suffice for are left out."""
    warm_up(session.reference, session.plan.pace)
    for first in range(0, session.archs, session.plan.loaded):
        numbers = range(first, min(first + session.plan.loaded, session.archs))
        found = _Group(session=session, numbers=numbers, start=session.clock()).measure()
        if found:
            yield found
        if session.late:
            return


@dataclass(slots=True, kw_only=True)
class _Group:
    """The subnets that are loaded together: their visits, each a time and a reading."""

    session: Session
    numbers: Sequence[int]
    start: float
    loaded: float = float("inf")
    visits: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    reference: list[tuple[float, float]] = field(default_factory=list)

    def measure(self) -> tuple[Readings, ...]:
        """Return the readings of those that were visited often enough."""
        plan, session = self.session.plan, self.session
        runs = {}
        for i in self.numbers:
            if session.late:
                return ()
            self._tell()
            runs[i] = session.load(i)
            warm_up(runs[i], plan.pace)
            self.visits[i] = []
        self.loaded = session.clock()
        for _ in range(plan.most):
            waiting = [i for i in runs if not self._settled(i)]
            if not waiting or session.late:
                break
            session.rng.shuffle(waiting)
            self._round([(i, runs[i]) for i in waiting])
            self._tell()
        self.reference.append(self._visit(session.reference))
        return tuple(self._readings(i) for i in runs if len(self.visits[i]) >= plan.least)

    def _round(self, runs: Sequence[tuple[int, Timed]]) -> None:
        for count, (i, run) in enumerate(runs):
            if self.session.late:
                return
            if count % self.session.plan.between == 0:
                self.reference.append(self._visit(self.session.reference))
            self.visits[i].append(self._visit(run))

    def _visit(self, run: Timed) -> tuple[float, float]:
        begin = self.session.clock()
        taken = visit(run, self.session.plan.pace)
        return (begin + self.session.clock()) / 2, taken

    def _readings(self, number: int) -> Readings:
        times, taken = np.array(self.visits[number]).T
        at, readings = zip(*self.reference, strict=True)
        reference = reference_at(at, readings, times)
        return Readings(number=number, taken=taken, reference=reference)

    def _settled(self, number: int) -> bool:
        if len(self.visits[number]) < self.session.plan.least:
            return False
        found = self._readings(number)
        return uncertainty(found.taken / found.reference) < self.session.plan.tolerance

    def _tell(self) -> None:
        """Say how far the session is; an arch that does not settle may need as much again."""
        least = self.session.plan.least
        rounds = [len(found) for found in self.visits.values()]
        parts = [
            1.0 if self._settled(i) else 0.7 * min(count / least, 1)
            for i, count in zip(self.visits, rounds, strict=True)
        ]
        done, total = self.numbers[0], self.session.archs
        left = None
        if sum(rounds):
            now = self.session.clock()
            whole = (now - self.loaded) * len(self.numbers) * (least + 1) / sum(rounds)
            group = max(self.loaded - self.start + whole, now - self.start)
            left = group * (total - done) / len(self.numbers) - (now - self.start)
        share = (done + sum(parts)) / total
        self.session.watch(Step(done=done, total=total, share=share, seconds_left=left))
