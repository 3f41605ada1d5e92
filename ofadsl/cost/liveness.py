"""How much memory each op needs while it runs, for all subnets at once.

In: the graph. Out: for each op a sum of sizes with the conditions under which they count, such
that the largest over the ops that run is the peak that ``interpret`` finds. A ``Select`` counts as
a value of its own, in place of its inputs: this keeps conditions short however many ways lead to
it. Where an input is also read directly while the selected value lives, it is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ofadsl.cost.logic import exclusive, firsts, under
from ofadsl.expr import FALSE, TRUE, Expr, apply, const, negate
from ofadsl.graph import Graph, Input, Operation, Select

_END = 1 << 62  # the position at which the output is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An amount that counts where a condition holds."""

    when: Expr
    amount: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One op and the elements in memory while it runs; 0 where it does not."""

    index: int
    parts: tuple[Part, ...]


InPlace: TypeAlias = Callable[[Operation], bool]
"""Whether the output of an op takes the memory of its first input, in some runtime."""


def in_place(op: Operation) -> bool:
    """Return what an op declares: what a runtime can do."""
    return op.in_place


def steps(graph: Graph, replaces: InPlace = in_place) -> Iterator[Step]:
    """Yield what every op needs, in the order of execution."""
    lives = _Lives(graph)
    alive: list[int] = []
    for index, node in enumerate(graph.nodes):
        alive = [value for value in alive if lives.last(value) >= index]
        if not isinstance(node.op, Select):
            yield Step(index=index, parts=tuple(_merged(_during(lives, index, alive, replaces))))
        alive.append(index)


@dataclass(slots=True)
class _Lives:
    """Where each value is read, and under which condition."""

    graph: Graph
    uses: dict[int, list[tuple[int, Expr]]] = field(default_factory=dict)
    same: dict[tuple[int, int], Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nodes = self.graph.nodes
        self.uses = {index: [] for index in range(len(nodes))}
        self.uses[len(nodes) - 1].append((_END, TRUE))
        for index in reversed(range(len(nodes))):
            node = nodes[index]
            if isinstance(node.op, Select):
                used = under(self.needed(index, index, TRUE), node.when)
                exists = apply("and", node.when, used)
                for condition, value in zip(firsts(node.op.conditions), node.inputs, strict=True):
                    self.uses[value].append((index, apply("and", exists, condition)))
            else:
                for value in node.inputs:
                    self.uses[value].append((index, node.when))

    def last(self, value: int) -> int:
        """Return the last position at which ``value`` may be read."""
        return max((position for position, _ in self.uses[value]), default=-1)

    def needed(self, value: int, position: int, given: Expr) -> Expr:
        """Return when ``value`` is read at ``position`` or later, in archs that meet ``given``."""
        result: Expr = FALSE
        for place, condition in self.uses[value]:
            if place >= position:
                result = apply("or", result, under(condition, given))
        return under(result, given)

    def alias(self, a: int, b: int) -> Expr:
        """Return when two values are the same memory."""
        first, last = sorted((a, b))
        if first == last:
            return TRUE
        if (first, last) not in self.same:
            self.same[first, last] = self._alias(first, last)
        return self.same[first, last]

    def _alias(self, first: int, last: int) -> Expr:
        op = self.graph.nodes[last].op
        result: Expr = FALSE
        if isinstance(op, Select):
            inputs = self.graph.nodes[last].inputs
            for condition, value in zip(firsts(op.conditions), inputs, strict=True):
                if self.may_alias(first, value):
                    result = apply("or", result, apply("and", condition, self.alias(first, value)))
        return result

    def may_alias(self, a: int, b: int) -> bool:
        """Return whether two values can be the same memory at all."""
        return a == b or any(isinstance(self.graph.nodes[i].op, Select) for i in (a, b))


def _during(lives: _Lives, index: int, alive: list[int], how: InPlace) -> Iterator[Part]:
    """Yield what is in memory while the op ``index`` runs."""
    node = lives.graph.nodes[index]
    assert not isinstance(node.op, Select)
    given = node.when
    counted: list[tuple[int, Expr]] = []
    for value in alive:
        live = lives.needed(value, index, given)
        if live == FALSE:
            continue
        alone = live
        for other, condition in counted:
            twice = under(apply("and", condition, lives.alias(other, value)), given)
            alone = apply("and", alone, negate(twice))
        counted.append((value, live))
        yield Part(when=_both(given, alone), amount=lives.graph.nodes[value].shape.numel)
    replaces: Expr = FALSE
    if not isinstance(node.op, Input):
        yield Part(when=given, amount=const(node.op.scratch))
        if how(node.op):
            replaces = _replaces(lives, index, [value for value, _ in counted])
    yield Part(when=_both(given, negate(replaces)), amount=node.shape.numel)


def _replaces(lives: _Lives, index: int, live: list[int]) -> Expr:
    """Return when nothing that is read later is the memory of the first input."""
    node = lives.graph.nodes[index]
    kept: Expr = FALSE
    for value in live:
        later = lives.needed(value, index + 1, node.when)
        alias = under(lives.alias(value, node.inputs[0]), node.when)
        kept = apply("or", kept, apply("and", later, alias))
    return negate(under(kept, node.when))


def _both(given: Expr, condition: Expr) -> Expr:
    condition = under(condition, given)
    return FALSE if condition == FALSE else apply("and", given, condition)


def _merged(parts: Iterator[Part]) -> list[Part]:
    """Join equal amounts of which only one counts at a time: the sum of their conditions."""
    result: list[Part] = []
    for part in parts:
        if part.when == FALSE or part.amount == const(0):
            continue
        for i, other in enumerate(result):
            if other.amount == part.amount and exclusive(other.when, part.when):
                result[i] = Part(when=apply("or", other.when, part.when), amount=part.amount)
                break
        else:
            result.append(part)
    return result
