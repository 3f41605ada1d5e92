"""What every part of a network is held to: that it fits for all choices, and is not too large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ofadsl.compiler import syntax
from ofadsl.compiler.blame import found, origin
from ofadsl.compiler.evaluate import Evaluator
from ofadsl.compiler.flow import MOST_OPS, UNKNOWN_SHAPE, Block, Flow, SpaceTooLargeError
from ofadsl.compiler.labels import labels
from ofadsl.compiler.prove import UnprovableError
from ofadsl.compiler.scope import Place, Scope, Written
from ofadsl.compiler.tree import Seq
from ofadsl.diagnostics import Span
from ofadsl.expr import UNKNOWN, Expr, select
from ofadsl.graph import Shape
from ofadsl.ops import Demand, Op
from ofadsl.space import Stage


@dataclass(slots=True)
class Proofs:
    """What is known of the space so far; ``counts`` says how many ops each block is made of."""

    evaluator: Evaluator
    blocks: Mapping[str, Block]
    counts: Mapping[str, int] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    requirements: list[tuple[syntax.Require, Scope, Place]] = field(default_factory=list)
    label_cache: dict[int, Mapping[int, str]] = field(default_factory=dict)
    own_blocks: dict[int, syntax.BlockDecl] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    ways: dict[int, set[bool]] = field(default_factory=dict)
    """Of each `if` that was read, by its identity, the ways that some subnet takes."""
    ops: int = 0

    def body(self, statements: tuple[syntax.Statement, ...], flow: Flow) -> Seq:
        """Elaborate statements one after the other."""
        raise NotImplementedError

    def labels(self, statements: tuple[syntax.Statement, ...]) -> Mapping[int, str]:
        """Return the names of the parts of a body, made once for each text."""
        if id(statements) not in self.label_cache:
            self.label_cache[id(statements)] = labels(statements)
        return self.label_cache[id(statements)]

    def room(self, span: Span, more: int) -> None:
        """Refuse more ops than any network has."""
        if self.ops + more > MOST_OPS:
            rule = f"a space has at most {MOST_OPS} ops and blocks"
            raise SpaceTooLargeError(rule, span, f"this makes them {self.ops + more}")

    def _use(self, op: Op, *shapes: Shape) -> None:
        """Note the dimensions that an op depends on."""
        values = [getattr(op, f.name) for f in fields(op)]
        extents = [e for shape in shapes for e in (shape.channels, *shape.spatial)]
        for value in (*values, *extents):
            if isinstance(value, Expr):
                self.used.update(var.name for var in value.support)

    def demand(
        self,
        demand: Demand,
        statement: syntax.Call | syntax.Residual | syntax.Branches,
        place: Place,
        written: Mapping[str, Written],
    ) -> bool:
        """Prove what an op demands, or report why it cannot be."""
        report, span = self.evaluator.report, statement.span
        argument = demand.argument if demand.argument in written else None
        if argument is not None:
            span = written[argument][0].span
        if demand.condition is UNKNOWN:
            return True
        try:
            choices = self.evaluator.prover.counterexample(demand.condition, place.when)
        except UnprovableError as error:
            rule = "too many dimensions decide together whether this is valid"
            label = f"{demand.message}, which depends on {error}"
            report.add("OFA056", rule, span, label, "let them depend on fewer choices")
            return False
        if choices is None:
            report.prove(demand.code, span)
            return True
        blamed = span if argument is None else origin(written[argument], choices)
        notes = () if _within(blamed, statement.span) else report.reached(span)
        report.add(demand.code, demand.message, blamed, found(demand, choices), demand.help, notes)
        return False

    def _merge(self, span: Span, ways: list[tuple[Expr, Shape]]) -> Shape:
        """Return the shape that one of several ways gives, by their conditions."""
        ranks = {len(shape.spatial) for _, shape in ways if shape.channels is not UNKNOWN}
        if len(ranks) > 1 and any(condition is UNKNOWN for condition, _ in ways):
            return UNKNOWN_SHAPE
        if len(ranks) > 1:
            self.evaluator.report.add(
                "OFA059", "all ways give the same kind of features", span, "images and vectors"
            )
            return UNKNOWN_SHAPE
        *others, (_, y) = ways
        for condition, shape in reversed(others):
            y = Shape(
                channels=select(condition, shape.channels, y.channels),
                spatial=tuple(
                    select(condition, a, b) for a, b in zip(shape.spatial, y.spatial, strict=False)
                ),
            )
        return y


def _within(span: Span, outer: Span) -> bool:
    return span.source is outer.source and outer.start <= span.start < outer.end
