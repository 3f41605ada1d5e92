"""Calls to nodes: ops with their shapes, blocks opened where they are called."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ofadsl.compiler import syntax
from ofadsl.compiler.calls import bind, op_value
from ofadsl.compiler.flow import (
    DEEPEST,
    UNKNOWN_SHAPE,
    Block,
    Flow,
    SpaceTooLargeError,
    unknown_node,
)
from ofadsl.compiler.proofs import Proofs
from ofadsl.compiler.scope import Place, Written
from ofadsl.compiler.tree import BlockNode, OpNode
from ofadsl.expr import UNKNOWN, Const, Expr, Value
from ofadsl.graph import Shape
from ofadsl.ops import OPS, Op


class Calls(Proofs):
    """Elaborates calls of ops and blocks."""

    __slots__ = ()

    def _call(self, call: syntax.Call, flow: Flow) -> OpNode | BlockNode:
        name = call.callee.text
        if name in self.blocks:
            return self._block(call, flow)
        if name not in OPS:  # reported where names are resolved
            for argument in call.arguments:
                self.evaluator.meaning(argument.value, flow.scope, flow.place, name)
                if argument.name is not None:
                    self.evaluator.dims.poison(self._inside(call, flow), argument.name.text)
            return unknown_node(call, flow)
        return self._op(call, OPS[name], flow)

    def _op(self, call: syntax.Call, declared: type[Op], flow: Flow) -> OpNode:
        self.room(call.span, 1)
        self.ops += 1
        written = bind(call, [arg.name for arg in declared.arguments], flow.scope, flow.defaults)
        values, broken = self._arguments(call, declared, written, flow)
        op = declared.build(flow.x, values)
        for demand in op.demands(flow.x):
            if demand.argument not in broken:
                fine = self.demand(demand, call, flow.place, written)
                broken.update(() if fine else (demand.argument,))
        if flow.x == UNKNOWN_SHAPE or None in broken:
            y = UNKNOWN_SHAPE  # not even whether these are images is known
        elif not broken:
            y = op.infer(flow.x)
        else:
            op, y = _rebuilt(declared, values, broken, flow.x)
        self._use(op, y)
        return OpNode(statement=call, name=flow.path(call), op=op, x=flow.x, y=y, written=written)

    def _arguments(
        self, call: syntax.Call, declared: type[Op], written: Mapping[str, Written], flow: Flow
    ) -> tuple[dict[str, Expr], set[str | None]]:
        """Return the value of each argument of an op, and which of them are broken."""
        place = self._inside(call, flow)
        values: dict[str, Expr] = {}
        broken: set[str | None] = set()
        for arg in declared.arguments:
            given = written.get(arg.name)
            if given is None and arg.default is None:
                self._missing(call, arg.name, [other.name for other in declared.arguments])
            value = op_value(arg, given, self.evaluator, place)
            if value is UNKNOWN and arg.kind != "size":
                broken.add(arg.name)
                value = Const(_any_value(arg.kind, arg.words))
            values[arg.name] = value
        return values, broken

    def _missing(self, call: syntax.Call, name: str, known: Collection[str]) -> None:
        if any(a.name is not None and a.name.text not in known for a in call.arguments):
            return  # reported where names are resolved: that one is meant
        label = f"`{call.callee.text}` needs `{name}`"
        self.evaluator.report.add("OFA023", "an argument is missing", call.callee.span, label)

    def _inside(self, call: syntax.Call, flow: Flow) -> Place:
        """Return the place of what a call's own arguments make."""
        return replace(flow.place, path=f"{flow.place.path}{flow.names[id(call)]}.")

    def _block(self, call: syntax.Call, flow: Flow) -> BlockNode:
        block = self.blocks[call.callee.text]
        name = flow.path(call)
        return self._open(call, block, name, flow, self._inside(call, flow))

    def _open(
        self, call: syntax.Call, block: Block, name: str, flow: Flow, place: Place
    ) -> BlockNode:
        """Elaborate the body of a block with the arguments of a call."""
        declaration, report = block.declaration, self.evaluator.report
        self.room(call.span, 1 + self.counts.get(call.callee.text, 0))
        self.ops += 1
        if len(report.steps) >= DEEPEST:
            rule = f"blocks call each other at most {DEEPEST} levels deep"
            raise SpaceTooLargeError(rule, report.steps[0].call.span, "deeper from here on")
        parameters = [p.name.text for p in declaration.parameters]
        written = bind(call, parameters, flow.scope, flow.defaults)
        scope = block.scope.inner()
        scope.bind("in", flow.x.channels)
        for parameter in declaration.parameters:
            given = written.get(parameter.name.text)
            if given is None and parameter.default is not None:
                given = (parameter.default, scope)
            value: Expr = UNKNOWN
            if given is not None:
                value = self.evaluator.value(*given, place, parameter.name.text)
                scope.bind(parameter.name.text, value, *given)
            else:
                self._missing(call, parameter.name.text, parameters)
                scope.bind(parameter.name.text, UNKNOWN)
        inner = Flow(
            x=flow.x,
            scope=scope,
            place=place,
            defaults=flow.defaults,
            names=self.labels(declaration.body),
            prefix=f"{name}.",
        )
        report.enter(call, declaration)
        body = self.body(declaration.body, inner)
        report.leave()
        return BlockNode(
            name=name, span=call.span, declaration=declaration, body=body, written=written
        )


def _rebuilt(
    declared: type[Op], values: Mapping[str, Expr], broken: set[str | None], x: Shape
) -> tuple[Op, Shape]:
    """Return an op without the values that mistakes were reported of, and its shape."""
    fixed = False
    values = dict(values)
    for arg in declared.arguments:
        if arg.name in broken:
            fixed = fixed or arg.kind != "size"
            other = Const(_any_value(arg.kind, arg.words))
            values[arg.name] = UNKNOWN if arg.kind == "size" else other
    op = declared.build(x, values)
    y = op.infer(x)
    spatial = tuple(UNKNOWN for _ in y.spatial) if fixed else y.spatial
    return op, Shape(channels=y.channels, spatial=spatial)


def _any_value(kind: str, words: tuple[str, ...]) -> Value:
    return words[0] if kind == "word" else False if kind == "flag" else 1
