"""Stages to nodes: their choices, and a copy of the body for each block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ofadsl.compiler import syntax
from ofadsl.compiler.flow import Flow
from ofadsl.compiler.opening import Calls
from ofadsl.compiler.scope import Choices, Place, Scope, StageRef
from ofadsl.compiler.tally import tally
from ofadsl.compiler.tree import BlockNode, StageNode
from ofadsl.expr import TRUE, UNKNOWN, Const, Expr, Value, Var, apply, static
from ofadsl.graph import Shape
from ofadsl.space import Stage

_MANY = 16
"""Up to so many depths are told apart one after the other."""


class Stages(Calls):
    """Elaborates stages."""

    __slots__ = ()

    def _choice(self, choice: syntax.Choice, flow: Flow) -> None:
        scope, name = flow.scope, choice.name.text
        values = self.evaluator.choices(choice.values, scope, flow.place)
        if flow.place.stage is not None and flow.place.block is None:
            self._shared(choice, scope)
        if values is None:
            scope.bind(name, UNKNOWN)
            self.evaluator.dims.poison(flow.place, name)
            return
        reach = self._reach(choice, values, flow)
        span = choice.name.span
        var = self.evaluator.dims.make(name, values.values, flow.place, span, reach)
        scope.values[id(choice.values)] = var
        scope.bind(name, var, choice.values, scope)

    def _shared(self, choice: syntax.Choice, scope: Scope) -> None:
        """Check a choice that all blocks of a stage share."""
        report = self.evaluator.report
        if choice.name.text in ("blocks", "depth"):
            rule, label = "a name is given once", f"a stage has `{choice.name.text}` already"
            report.add("OFA024", rule, choice.name.span, label, "choose another name")
        for name in (e for e in syntax.walk(choice.values) if isinstance(e, syntax.Name)):
            binding = scope.find(name.text)
            own = name.text in ("first", "index", "in")
            if own or (
                binding is not None and binding.meaning is UNKNOWN and binding.scope is scope
            ):
                rule = "a choice of a stage is the same for all its blocks"
                label = f"`{name.text}` differs from block to block"
                help = "write the set in the call, where each block has its own"
                report.add("OFA048", rule, name.span, label, help)

    def _reach(self, choice: syntax.Choice, values: Choices, flow: Flow) -> int | None:
        if choice.allocate is None:
            return None
        meaning = self.evaluator.meaning(choice.allocate, flow.scope, flow.place, "value")
        if meaning is UNKNOWN:
            return None
        number = static(meaning) if isinstance(meaning, Expr) else None
        largest = max(values.values, key=lambda v: v if isinstance(v, int | float) else 0)
        if isinstance(number, int) and isinstance(largest, int | float) and number >= largest:
            return number
        rule = "what is allocated is a fixed whole number, no choice of the set above it"
        label = f"{'this is no fixed number' if number is None else number} for choices up to"
        help = f"write {math.ceil(float(largest))} or more, or leave out the `of`"
        self.evaluator.report.add("OFA048", rule, choice.allocate.span, f"{label} {largest}", help)
        return None

    def _stage(self, stage: syntax.Stage, flow: Flow) -> StageNode:
        name = stage.name.text
        place = Place(stage=name, when=flow.place.when)
        depths = self._depths(stage, flow)
        depth = self.evaluator.dims.make("depth", depths, place, stage.depth.span)
        self.used.add(depth.name)
        self.stages.append(Stage(name=name, depth=depth, blocks=depths[-1]))
        self.evaluator.dims.blocks[name] = depths[-1]
        shared = flow.scope.inner()
        exists = replace(place, when=apply("and", place.when, apply(">", depth, 0)))
        self.body(_shared_part(stage.body), replace(flow, scope=shared, place=exists))
        own = tuple(s for s in stage.body if not isinstance(s, syntax.Choice))
        if not tally(own, self.counts):
            rule, label = "a stage needs an operation", "none here"
            self.evaluator.report.add("OFA058", rule, stage.name.span, label)
        self.room(stage.name.span, depths[-1] * tally(own, self.counts))
        blocks, x = [], flow.x
        for index in range(depths[-1]):
            when = apply("and", flow.place.when, apply(">", depth, index))
            here = Place(stage=name, block=index, when=when)
            scope = shared.inner()
            scope.bind("first", Const(index == 0))
            scope.bind("index", Const(index))
            scope.bind("in", x.channels)
            inner = replace(flow, x=x, scope=scope, place=here, prefix=f"{name}.{index}.")
            block = self._iteration(stage, own, inner)
            blocks.append(block)
            x = block.body.y
        flow.scope.bind(name, StageRef(name=name))
        outputs = [flow.x, *(block.body.y for block in blocks)]
        y = self._merge_depths(stage, depth, [(d, outputs[d]) for d in depths])
        return StageNode(
            statement=stage, name=name, depth=depth, blocks=tuple(blocks), x=flow.x, y=y
        )

    def _iteration(
        self, stage: syntax.Stage, body: tuple[syntax.Statement, ...], flow: Flow
    ) -> BlockNode:
        """Elaborate one copy of a stage's body: the block it calls, or a block of its own."""
        calls = [s for s in body if not isinstance(s, syntax.Let | syntax.Require)]
        only = calls[0] if len(calls) == 1 else None
        path = flow.prefix.removesuffix(".")
        if isinstance(only, syntax.Call) and only.callee.text in self.blocks:
            before = self.body(body[: body.index(only)], flow)
            assert not before.nodes
            block = self.blocks[only.callee.text]
            node = self._open(only, block, path, flow, flow.place)
            self.body(body[body.index(only) + 1 :], replace(flow, x=node.body.y))
            return node
        declaration = self._own_block(stage, body)
        inner = replace(flow, names=self.labels(declaration.body))
        seq = self.body(declaration.body, inner)
        return BlockNode(name=path, span=stage.span, declaration=declaration, body=seq, written={})

    def _own_block(
        self, stage: syntax.Stage, body: tuple[syntax.Statement, ...]
    ) -> syntax.BlockDecl:
        key = id(stage)
        if key not in self.own_blocks:
            self.own_blocks[key] = syntax.BlockDecl(
                span=stage.span, name=stage.name, parameters=(), body=body
            )
        return self.own_blocks[key]

    def _depths(self, stage: syntax.Stage, flow: Flow) -> tuple[int, ...]:
        found = self.evaluator.choices(stage.depth, flow.scope, flow.place)
        if found is None:
            self.evaluator.dims.poison(Place(stage=stage.name.text), "depth")
            return (1,)
        depths = [v for v in found.values if isinstance(v, int) and 0 <= v <= 256]
        if len(depths) == len(found.values) and depths[-1] > 0:
            return tuple(depths)
        self.evaluator.report.add(
            "OFA049",
            "a depth is a whole number from 0 to 256, the largest at least 1",
            stage.depth.span,
            f"{next((v for v in found.values if v not in depths), 0)} here",
            "give the stage a block, or leave it out" if found.values == (0,) else "",
        )
        self.evaluator.dims.poison(Place(stage=stage.name.text), "depth")
        return (1,)

    def _merge_depths(
        self, stage: syntax.Stage, depth: Var, outputs: Sequence[tuple[Value, Shape]]
    ) -> Shape:
        """Return what a stage gives; many depths are told apart by halves, in few levels."""
        if len(outputs) > _MANY:
            middle = len(outputs) // 2
            lower = self._merge_depths(stage, depth, outputs[:middle])
            upper = self._merge_depths(stage, depth, outputs[middle:])
            half = apply("<=", depth, outputs[middle - 1][0])
            return self._merge(stage.name.span, [(half, lower), (TRUE, upper)])
        ways = [(apply("==", depth, value), shape) for value, shape in outputs]
        return self._merge(stage.name.span, ways)


def _shared_part(body: tuple[syntax.Statement, ...]) -> tuple[syntax.Statement, ...]:
    """Return the choices of a stage, and the lets that they are made of."""
    named: set[str] = set()
    part: list[syntax.Statement] = []
    for statement in reversed(body):
        if isinstance(statement, syntax.Choice) or (
            isinstance(statement, syntax.Let) and statement.name.text in named
        ):
            part.append(statement)
            value = statement.values if isinstance(statement, syntax.Choice) else statement.value
            for inner in syntax.walk(value):
                if isinstance(inner, syntax.Apply):
                    named.add(inner.function.text)
                elif isinstance(inner, syntax.Name):
                    named.add(inner.text)
    return tuple(reversed(part))
