"""A search space as combinatorics: dimensions, what makes them matter, what narrows them.

In: dimensions with the condition under which each is part of a subnet, and requirements. Out: the
exact number of distinct subnets, uniform samples of them, archs as choices and as JSON. Two archs
are the same subnet where they differ only in dimensions that do not matter to it; such a
dimension stands at its first choice.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ofadsl.elimination import Eliminated, eliminate
from ofadsl.expr import FALSE, TRUE, Expr, Value, Var, apply, evaluate, negate

if TYPE_CHECKING:
    import random


@dataclass(frozen=True, slots=True, kw_only=True)
class Dim:
    """One elastic dimension; ``live`` says which subnets it is part of.

    ``stage`` and ``block`` say where an arch writes it, under the name ``key``.
    """

    var: Var
    key: str
    stage: str | None = None
    block: int | None = None
    live: Expr = TRUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A repeated body, of which the first ``depth`` are kept."""

    name: str
    depth: Var
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A condition that every arch meets; it says nothing of dimensions that do not matter.

    ``said`` is the condition as it was written, for subnets that all of it is part of.
    """

    text: str
    condition: Expr
    said: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """All archs of a space; an arch is a tuple of choice indices in the order of ``dims``."""

    name: str
    params: tuple[tuple[str, Value], ...]
    dims: tuple[Dim, ...]
    stages: tuple[Stage, ...]
    requirements: tuple[Requirement, ...]

    def size(self, *, with_resolution: bool = True) -> int:
        """Return the exact number of distinct subnets, or the most that one resolution has."""
        return _eliminated(self).total if with_resolution else max(self.sizes())

    def sizes(self) -> tuple[int, ...]:
        """Return the number of distinct subnets at each resolution that has any."""
        total = self.size()
        values = [d.var.values for d in self.dims if d.var.name == "resolution"]
        tied = {var.name for condition in self.conditions() for var in condition.support}
        if not values or not total:
            return (total,)
        if "resolution" not in tied:
            return (total // len(values[0]),) * len(values[0])
        found = (self.restrict({"resolution": [value]}).size() for value in values[0])
        return tuple(count for count in found if count)

    def draws(self) -> Eliminated:
        """Return the order and the weights in which uniform samples are drawn."""
        return _eliminated(self)

    def sample(self, rng: random.Random) -> tuple[int, ...]:
        """Return an arch drawn uniformly from the distinct subnets."""
        return next(self.samples(rng))

    def samples(self, rng: random.Random) -> Iterator[tuple[int, ...]]:
        """Yield archs drawn uniformly from the distinct subnets, without end."""
        draws = self.draws()
        while True:
            yield drawn(draws, rng)

    def values(self, arch: tuple[int, ...]) -> dict[str, Value]:
        """Return the value of each dimension by name."""
        return {d.var.name: d.var.values[i] for d, i in zip(self.dims, arch, strict=True)}

    def conditions(self) -> Iterator[Expr]:
        """Yield what all choices of a subnet meet: what does not matter stands at its first."""
        for dim in self.dims:
            if dim.live != TRUE:
                yield apply("or", dim.live, apply("==", dim.var, dim.var.values[0]))
        for requirement in self.requirements:
            if requirement.condition != TRUE:
                yield requirement.condition

    def canonical(self, arch: tuple[int, ...]) -> tuple[int, ...]:
        """Return the same subnet with 0 for what does not matter to it."""
        values = self.values(arch)
        choices = list(arch)
        for place, dim in enumerate(self.dims):  # a condition mentions what stands before alone
            if not evaluate(dim.live, values):
                choices[place], values[dim.var.name] = 0, dim.var.values[0]
        return tuple(choices)

    def contains(self, arch: tuple[int, ...]) -> bool:
        """Return whether the choices meet every requirement."""
        values = self.values(arch)
        return all(evaluate(r.condition, values) for r in self.requirements)

    def restrict(self, choices: Mapping[str, Collection[Value]]) -> Space:
        """Return the space with dimensions, by name, narrowed to some of their values.

        The dimensions and the order of choices stay, so archs of one are archs of the other.
        Raises KeyError for a name that is no dimension, ValueError for a value it cannot take.
        """
        dims = {dim.var.name: dim for dim in self.dims}
        added = []
        for name, kept in choices.items():
            var = dims[name].var
            strange = [value for value in kept if value not in var.values]
            if strange or not kept:
                raise ValueError(f"{name} is one of {var.values}, not {strange or 'nothing'}")
            allowed: Expr = FALSE
            for value in var.values:
                if value in kept:
                    allowed = apply("or", allowed, apply("==", var, value))
            text = f"{name} in {tuple(v for v in var.values if v in kept)}"
            whole = effective(allowed, dims)
            added.append(Requirement(text=text, condition=whole, said=allowed))
        return replace(self, requirements=(*self.requirements, *added))

    def to_json(self, arch: tuple[int, ...]) -> dict[str, Any]:
        """Return the arch as arch.json writes it; what does not matter is left out."""
        values = self.values(self.canonical(arch))
        stages: dict[str, dict[str, Any]] = {}
        blocks: dict[str, list[dict[str, Any]]] = {}
        choices: dict[str, Value] = {}
        result: dict[str, Any] = {"space": self.name}
        for stage in self.stages:
            depth = values[stage.depth.name]
            assert isinstance(depth, int)
            stages[stage.name] = {"depth": depth}
            blocks[stage.name] = [{} for _ in range(depth)]
        for dim in self.dims:
            value = values[dim.var.name]
            if dim.key == "resolution" and dim.stage is None:
                result["resolution"] = value
            elif not evaluate(dim.live, values):
                continue
            elif dim.stage is None:
                choices[dim.key] = value
            elif dim.block is None:
                stages[dim.stage][dim.key] = value
            else:
                blocks[dim.stage][dim.block][dim.key] = value
        for dim in self.dims:
            if dim.stage is not None and dim.block is not None:
                stages[dim.stage]["blocks"] = blocks[dim.stage]
        result |= {"stages": stages} if stages else {}
        return result | ({"choices": choices} if choices else {})


def drawn(draws: Eliminated, rng: random.Random, *, evenly: bool = False) -> tuple[int, ...]:
    """Return an arch drawn at random, given what ``Space.draws`` says; it holds every dimension.

    Each subnet is as likely as any other; ``evenly``, each choice that what was drawn before
    leaves. Of a stage whose blocks have 6 forms, a depth of 1 stands for 6 subnets and one of 3 for
    216: drawn evenly, both come as often.
    """
    arch = [0] * len(draws.draws)
    for draw in draws.draws:
        weights = draw.weights[tuple(arch[p] for p in draw.parents)]
        if evenly:
            weights = tuple(min(weight, 1) for weight in weights)
        ticket = rng.randrange(sum(weights))
        for choice, weight in enumerate(weights):
            ticket -= weight
            if ticket < 0:
                arch[draw.dim] = choice
                break
    return tuple(arch[: len(arch) - len(draws.derived)])


def extreme(
    space: Space,
    draws: Eliminated,
    *,
    largest: bool,
    order: Mapping[str, tuple[Value, ...]] | None = None,
) -> tuple[int, ...]:
    """Return the largest or the smallest subnet: every choice as far out as those before allow.

    ``order`` has the values of a dimension from the smallest; where it has not, numbers are
    compared, and words stand in the order of their declaration. What takes no part in the subnet
    stands at its first choice.
    """
    order = order or {}
    every = (*(dim.var for dim in space.dims), *(var for var, _ in draws.derived))
    arch = [0] * len(every)
    for draw in draws.draws:
        weights = draw.weights[tuple(arch[p] for p in draw.parents)]
        var = every[draw.dim]
        values = var.values
        if var.name in order:
            values = tuple(order[var.name].index(value) for value in values)
        worded = any(isinstance(value, str) for value in values)
        allowed = [choice for choice, weight in enumerate(weights) if weight]
        pick = max if largest else min
        arch[draw.dim] = pick(allowed, key=lambda i: i if worded else values[i])
    return tuple(arch[: len(space.dims)])


def shown_count(count: int) -> str:
    """Return a count as a person reads it: with commas, or as a power of ten."""
    if count < 10**6:
        return f"{count:,}"
    digits = math.floor(math.log10(count))
    return f"{count // 10 ** max(digits - 6, 0) / 10 ** min(digits, 6):.2f}e+{digits:02}"


def effective(condition: Expr, dims: Mapping[str, Dim], when: Expr = TRUE) -> Expr:
    """Return ``condition`` where all that it mentions is part of the subnet, else true."""
    live = when
    for var in condition.support:
        live = apply("and", live, dims[var.name].live)
    return condition if live == TRUE else apply("or", negate(live), condition)


@functools.lru_cache(maxsize=128)
def _eliminated(space: Space) -> Eliminated:
    deciding = {v.name for dim in space.dims for v in dim.live.support}
    return eliminate(tuple(dim.var for dim in space.dims), space.conditions(), deciding)
