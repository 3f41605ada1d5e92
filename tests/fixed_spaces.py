"""A space with its choices fixed: no proof is needed for it, only numbers.

What the compiler accepts must be valid where any of its archs is fixed; what it refuses must break
where the choices that it names are fixed. The text stays as it is: while it is checked, each
dimension is made with the one value that an arch gives it.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from unittest import mock

from ofadsl.compiler import check as checking
from ofadsl.compiler.dimensions import Dimensions
from ofadsl.compiler.pipeline import check_file
from ofadsl.compiler.proofs import Proofs
from ofadsl.compiler.prove import Prover
from ofadsl.compiler.tree import (
    BlockNode,
    BranchNode,
    Checked,
    IfNode,
    OneOfNode,
    OpNode,
    ResidualNode,
    Seq,
    StageNode,
    TreeNode,
)
from ofadsl.compiler.unroll import Stages
from ofadsl.diagnostics import Diagnostics
from ofadsl.expr import TRUE, Expr, Value, Var, evaluate
from ofadsl.space import Space

ABSENT = {"OFA031", "OFA051", "OFA052", "OFA055"}
"""What is said of fixed spaces alone: a block is not there, a requirement decides nothing."""
RENAMED = "renamed"
"""Nothing can be said of these choices: see ``RenamedError``."""
TRIES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Choices for which the compiler says that a condition does not hold."""

    code: str | None
    condition: Expr
    when: Expr
    choices: Mapping[str, Value]


@dataclass(slots=True, kw_only=True)
class Watched:
    """What was seen while a space was checked: the claims and dimensions of its last reading."""

    claims: list[Claim] = field(default_factory=list)
    space: Space | None = None
    codes: list[str | None] = field(default_factory=lambda: [None])


@contextlib.contextmanager
def watched() -> Iterator[Watched]:
    """Watch what the compiler claims of the spaces that are checked meanwhile."""
    seen = Watched()
    attempt, counter, demand = checking._attempt, Prover.counterexample, Proofs.demand

    def reading(*given: Any) -> Any:
        seen.claims.clear()
        report, checked = attempt(*given)
        seen.space = None if checked is None else checked.space
        return report, checked

    def claiming(self: Prover, condition: Expr, *when: Expr) -> Mapping[str, Value] | None:
        choices = counter(self, condition, *when)
        if choices is not None:
            claim = Claim(
                code=seen.codes[-1],
                condition=condition,
                when=when[0] if when else TRUE,
                choices=choices,
            )
            seen.claims.append(claim)
        return choices

    def demanding(self: Proofs, asked: Any, *rest: Any) -> bool:
        seen.codes.append(asked.code)
        try:
            return demand(self, asked, *rest)
        finally:
            seen.codes.pop()

    with (
        mock.patch.object(checking, "_attempt", reading),
        mock.patch.object(Prover, "counterexample", claiming),
        mock.patch.object(Proofs, "demand", demanding),
    ):
        yield seen


class RenamedError(Exception):
    """A dimension has another name where choices are fixed: one before it is not made."""


@contextlib.contextmanager
def fixed(values: Mapping[str, Value]) -> Iterator[None]:
    """Make every dimension with the one value of an arch."""
    make, depths = Dimensions.make, Stages._depths

    def making(self: Dimensions, *given: Any) -> Var:
        var = make(self, *given)
        if var.name in values:
            if values[var.name] not in var.values:
                raise RenamedError
            only = Var(var.name, (values[var.name],))
            self.by_name[var.name] = replace(self.by_name[var.name], var=only)
            return only
        return var

    def deep(self: Stages, stage: Any, flow: Any) -> tuple[int, ...]:
        found = depths(self, stage, flow)
        own = values.get(f"{stage.name.text}.depth")
        return (own,) if isinstance(own, int) and own in found else found

    with (
        mock.patch.object(Dimensions, "make", making),
        mock.patch.object(Stages, "_depths", deep),
        mock.patch.object(checking, "_schedules"),  # they speak of choices
    ):
        yield


def check_fixed(
    path: Path, settings: Mapping[str, str], values: Mapping[str, Value]
) -> tuple[Checked | None, set[str]]:
    """Return the space with the choices fixed, or the codes of what is then wrong."""
    with fixed(values):
        try:
            return check_file(path, settings), set()
        except Diagnostics as report:
            return None, {item.code for item in report} - ABSENT
        except RenamedError:
            return None, {RENAMED}


def layers(checked: Checked, values: Mapping[str, Value]) -> Iterator[str]:
    """Yield the ops of a space whose choices are fixed, as texts."""
    yield from _layers(checked.body, values)


def _layers(  # noqa: C901  (one case a node)
    node: Seq | TreeNode, values: Mapping[str, Value]
) -> Iterator[str]:
    match node:
        case Seq(nodes=nodes):
            for inner in nodes:
                yield from _layers(inner, values)
        case OpNode(op=op, y=y):
            sizes = [getattr(op, field.name) for field in fields(op)]
            sizes += [y.channels, *y.spatial]
            yield f"{op.name} {[evaluate(size, values) for size in sizes]}"
        case BlockNode(body=body):
            yield from _layers(body, values)
        case StageNode(blocks=blocks):
            for block in blocks:
                yield from _layers(block, values)
        case IfNode(then=then, orelse=orelse, condition=condition):
            way = then if evaluate(condition, values) else orelse
            if way is not None:
                yield from _layers(way, values)
        case ResidualNode(body=body, condition=condition):
            yield from _layers(body, values)
            yield f"residual {evaluate(condition, values)}"
        case BranchNode(branches=branches, op=op):
            for branch in branches:
                yield f"way of {op.name}"
                yield from _layers(branch, values)
            yield op.name
        case OneOfNode(options=options, statement=statement, choice=choice):
            for option, seq in zip(statement.options, options, strict=True):
                if option.name.text == values[choice.name]:
                    yield from _layers(seq, values)


def completed(
    space: Space, claim: Claim, rng: random.Random
) -> tuple[dict[str, Value] | None, bool]:
    """Return an arch with the choices of a claim that leads to it, and whether all were tried."""
    return _found(space, claim.choices, [claim.when], rng)


def some_archs(space: Space, rng: random.Random, most: int) -> Iterator[dict[str, Value]]:
    """Yield archs that meet all requirements: all of them, or so many of them."""
    domains = {dim.var.name: dim.var.values for dim in space.dims}
    every = math.prod(map(len, domains.values())) <= most
    for values in _assignments(domains, rng, most, every):
        if meets(space, values):
            yield values


def _found(
    space: Space, choices: Mapping[str, Value], conditions: list[Expr], rng: random.Random
) -> tuple[dict[str, Value] | None, bool]:
    domains = {dim.var.name: dim.var.values for dim in space.dims if dim.var.name not in choices}
    every = math.prod(map(len, domains.values())) <= TRIES * 10
    for rest in _assignments(domains, rng, TRIES, every):
        values = {**choices, **rest}
        if meets(space, values, conditions):
            return values, True
    return None, every


def _assignments(
    domains: Mapping[str, tuple[Value, ...]], rng: random.Random, most: int, every: bool
) -> Iterator[dict[str, Value]]:
    if every:
        for values in itertools.product(*domains.values()):
            yield dict(zip(domains, values, strict=True))
        return
    for _ in range(most):
        yield {name: rng.choice(values) for name, values in domains.items()}


def meets(space: Space, values: Mapping[str, Value], conditions: Sequence[Expr] = ()) -> bool:
    """Return whether an arch meets all requirements, and some conditions."""
    everything = [*conditions, *(r.condition for r in space.requirements)]
    return all(evaluate(condition, values) for condition in everything)
