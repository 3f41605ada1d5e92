"""How two spaces differ, in words: dimensions, values, requirements, counts, and containment.

One space contains another where each subnet of the other is one of its own: the same ops of the
same sizes under the same conditions. That is proven on the graphs, dimension by dimension of the
same name; where a dimension is fixed in one of the spaces, its value is read off the ops.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from ofadsl.compiler.lower import lower
from ofadsl.compiler.prove import UnprovableError, counterexample
from ofadsl.compiler.tree import Checked
from ofadsl.expr import (
    TRUE,
    Apply,
    Const,
    Expr,
    Value,
    Var,
    apply,
    const,
    negate,
    ordered,
    static,
)
from ofadsl.graph import Graph, Input, Node, Select
from ofadsl.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Containment:
    """Whether one space contains another; ``why`` says what keeps it from that."""

    holds: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What two spaces have in common and what not, as lines of text."""

    lines: tuple[str, ...]
    left_contains: Containment
    right_contains: Containment

    @property
    def same(self) -> bool:
        """Whether both hold the same subnets."""
        return self.left_contains.holds and self.right_contains.holds


def difference(left: Checked, right: Checked) -> Difference:
    """Compare two spaces."""
    a, b = left.space, right.space
    lines = [*_parameters(a, b), *_dimensions(a, b), *_requirements(a, b), *_counts(a, b)]
    graphs = lower(left), lower(right)
    return Difference(
        lines=tuple(lines),
        left_contains=contains(a, graphs[0], b, graphs[1]),
        right_contains=contains(b, graphs[1], a, graphs[0]),
    )


def _parameters(a: Space, b: Space) -> Iterator[str]:
    mine, other = dict(a.params), dict(b.params)
    for name in dict.fromkeys([*mine, *other]):
        if mine.get(name) != other.get(name):
            here, there = _or_none(mine, name), _or_none(other, name)
            yield f"parameter {name}: {here} in {a.name}, {there} in {b.name}"


def _or_none(values: Mapping[str, Value], name: str) -> str:
    return str(values[name]) if name in values else "none"


def _dimensions(a: Space, b: Space) -> Iterator[str]:
    mine = {d.var.name: d.var.values for d in a.dims}
    other = {d.var.name: d.var.values for d in b.dims}
    same = [name for name in mine if other.get(name) == mine[name]]
    yield f"dimensions: {len(mine)} in {a.name}, {len(other)} in {b.name}, {len(same)} the same"
    for name in mine:
        if name in other and other[name] != mine[name]:
            yield f"  {name}: {show(mine[name])} in {a.name}, {show(other[name])} in {b.name}"
    for own, others, space in ((mine, other, a), (other, mine, b)):
        for name in own:
            if name not in others:
                yield f"  {name}: {show(own[name])} in {space.name} only"


def _requirements(a: Space, b: Space) -> Iterator[str]:
    mine = dict.fromkeys(" ".join(r.text.split()) for r in a.requirements)
    other = dict.fromkeys(" ".join(r.text.split()) for r in b.requirements)
    for own, others, space in ((mine, other, a), (other, mine, b)):
        for text in own:
            if text not in others:
                yield f"required in {space.name} only: {text}"


def _counts(a: Space, b: Space) -> Iterator[str]:
    for space in (a, b):
        alone, every = space.size(with_resolution=False), space.size()
        yield f"{space.name} has {alone:,} subnets at one resolution, {every:,} in all"


def show(values: tuple[Value, ...]) -> str:
    """Return values as the language writes them, long ranges by their ends."""
    numbers = [v for v in values if isinstance(v, int)]
    if len(numbers) == len(values) > 4:
        steps = {b - a for a, b in itertools.pairwise(numbers)}
        if len(steps) == 1:
            return f"{numbers[0]}..{numbers[-1]} step {steps.pop()}"
    return f"{{{', '.join(map(str, values))}}}"


def contains(outer: Space, outer_graph: Graph, inner: Space, inner_graph: Graph) -> Containment:
    """Return whether every subnet of ``inner`` is one of ``outer``."""
    pairs, missing = _pairs(outer_graph, inner_graph)
    if missing:
        return Containment(holds=False, why=missing)
    known = {d.var.name: d.var for d in inner.dims}
    fixed = _fixed(outer, known, pairs)
    values: dict[str, Expr] = {}
    for dim in outer.dims:
        name = dim.var.name
        value = known.get(name) or fixed.get(name)
        if value is None:
            first = dim.var.values[0]
            value = Const(first)
        values[name] = value
        lacking = [v for v in _values(value) if v not in dim.var.values]
        if lacking:
            why = f"{name} can be {lacking[0]} in {inner.name}, not in {outer.name}"
            return Containment(holds=False, why=why)
    given = tuple(r.condition for r in inner.requirements)
    taken = {left.name for left, _ in pairs}
    for node in outer_graph.nodes:
        if node.name not in taken and not isinstance(node.op, Select):
            problem = _refuted(negate(substitute(node.when, values)), TRUE, given)
            if problem is not None:
                why = f"{inner.name} has no op like {node.name} of {outer.name}"
                return Containment(holds=False, why=why)
    return _same(outer, pairs, values, given)


def _values(value: Expr) -> tuple[Value, ...]:
    if isinstance(value, Var):
        return value.values
    fixed = static(value)
    return () if fixed is None else (fixed,)


def _pairs(outer: Graph, inner: Graph) -> tuple[list[tuple[Node, Node]], str]:
    """Match nodes by name; one that the outer graph lacks is named."""
    by_name = {node.name: node for node in outer.nodes}
    pairs = []
    for node in inner.nodes:
        if isinstance(node.op, Select):
            continue
        twin = by_name.get(node.name)
        if twin is None or type(twin.op) is not type(node.op):
            return [], f"{outer.name} has no op like {node.name}"
        pairs.append((twin, node))
    return pairs, ""


def _fixed(
    outer: Space, known: Mapping[str, Var], pairs: list[tuple[Node, Node]]
) -> dict[str, Expr]:
    """Return what the inner space does where the outer one has a dimension of its own."""
    own = {d.var.name for d in outer.dims} - known.keys()
    found: dict[str, Expr] = {}
    for left, right in pairs:
        for mine, other in _fields(left, right):
            if isinstance(mine, Var) and mine.name in own:
                found.setdefault(mine.name, other)
    return found


def _fields(left: Node, right: Node) -> Iterator[tuple[Expr, Expr]]:
    """Yield what must be equal for two nodes to be the same op of the same size."""
    yield left.when, right.when
    if isinstance(left.op, Input | Select) or isinstance(right.op, Input | Select):
        return
    for spec in fields(left.op):  # type: ignore[arg-type]
        mine, other = getattr(left.op, spec.name), getattr(right.op, spec.name)
        if isinstance(mine, tuple) or isinstance(other, tuple):
            continue  # the kernel sizes between which a supernet transforms
        yield const(mine), const(other)
    for mine, other in zip(
        (left.shape.channels, *left.shape.spatial),
        (right.shape.channels, *right.shape.spatial),
        strict=False,
    ):
        yield mine, other


def _same(
    outer: Space,
    pairs: list[tuple[Node, Node]],
    values: Mapping[str, Expr],
    given: tuple[Expr, ...],
) -> Containment:
    proven: set[Expr] = set()
    for left, right in pairs:
        for mine, other in _fields(left, right):
            claim = apply("==", substitute(mine, values), other)
            if claim in proven or claim == TRUE:
                continue
            proven.add(claim)
            problem = _refuted(claim, right.when, given)
            if problem is not None:
                return Containment(holds=False, why=f"{right.name} differs{problem}")
    for requirement in outer.requirements:
        problem = _refuted(substitute(requirement.condition, values), TRUE, given)
        if problem is not None:
            text = " ".join(requirement.text.split())
            return Containment(holds=False, why=f"{outer.name} requires {text}{problem}")
    return Containment(holds=True)


def _refuted(claim: Expr, when: Expr, given: tuple[Expr, ...]) -> str | None:
    """Return where a claim fails, or None where it is proven."""
    try:
        found = counterexample(claim, when, given)
    except UnprovableError:
        return ", as far as can be told"
    if found is None:
        return None
    where = " and ".join(f"{name} is {value}" for name, value in list(found.items())[:3])
    return f", where {where}" if where else ""


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """Return ``expr`` with variables replaced."""
    found: dict[Expr, Expr] = {}
    for part in ordered(expr):
        if isinstance(part, Var):
            found[part] = values.get(part.name, part)
        elif isinstance(part, Apply):
            found[part] = apply(part.op, *(found[arg] for arg in part.args))
        else:
            found[part] = part
    return found[expr]


def verdict(found: Difference, left: str, right: str) -> tuple[str, ...]:
    """Return which space contains which, in words."""
    if found.same:
        return (f"{left} and {right} hold the same subnets",)
    lines = []
    pairs = ((left, right, found.left_contains), (right, left, found.right_contains))
    for outer, inner, containment in pairs:
        if containment.holds:
            lines.append(f"{outer} contains {inner}")
        else:
            lines.append(f"{outer} does not contain {inner}: {containment.why}")
    return tuple(lines)
