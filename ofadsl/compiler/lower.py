"""From the elaborated tree to the flat graph: one node an op, in the order of execution."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
from ofadsl.expr import FALSE, TRUE, Expr, apply, negate, select
from ofadsl.graph import Graph, Input, Node, Operation, Select, Shape
from ofadsl.ops.join import Add


def lower(checked: Checked) -> Graph:
    """Return the graph of a checked space."""
    lowering = _Lowering()
    where = _Where()
    x = lowering.add("image", Input(), (), checked.body.x, where)
    lowering.seq(checked.body, x, where)
    graph = Graph(name=checked.space.name, nodes=tuple(lowering.nodes))
    graph.verify()
    return graph


def _either(condition: Expr, a: Shape, b: Shape) -> Shape:
    spatial = tuple(select(condition, *pair) for pair in zip(a.spatial, b.spatial, strict=False))
    return Shape(channels=select(condition, a.channels, b.channels), spatial=spatial)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """The stage and block that a node is part of, and the condition under which it exists."""

    when: Expr = TRUE
    stage: str | None = None
    block: int | None = None

    def also(self, condition: Expr) -> _Where:
        return replace(self, when=apply("and", self.when, condition))


@dataclass(slots=True)
class _Lowering:
    nodes: list[Node] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def add(
        self,
        name: str,
        op: Operation | Input | Select,
        inputs: tuple[int, ...],
        shape: Shape,
        where: _Where,
    ) -> int:
        """Append a node and return its number; a second node of a name is numbered."""
        unique, number = name, 2
        while unique in self.names:
            unique = f"{name}_{number}"
            number += 1
        self.names.add(unique)
        self.nodes.append(
            Node(
                name=unique,
                op=op,
                inputs=inputs,
                shape=shape,
                when=where.when,
                stage=where.stage,
                block=where.block,
            )
        )
        return len(self.nodes) - 1

    def seq(self, seq: Seq, x: int, where: _Where) -> int:
        """Lower nodes one after the other; return the number of the last value."""
        for node in seq.nodes:
            x = self.node(node, x, where)
        return x

    def node(self, node: TreeNode, x: int, where: _Where) -> int:
        """Lower one node of the tree."""
        match node:
            case OpNode():
                return self.add(node.name, node.op, (x,), node.y, where)
            case BlockNode():
                return self.seq(node.body, x, where)
            case StageNode():
                return self._stage(node, x, where)
            case IfNode():
                ways = ((node.condition, node.then), (negate(node.condition), node.orelse))
                values = [
                    (condition, self.seq(seq, x, where.also(condition)))
                    for condition, seq in ways
                    if seq is not None
                ]
                return self._select("if", values, node.y, where)
            case ResidualNode():
                return self._residual(node, x, where)
            case BranchNode():
                inputs = tuple(self.seq(branch, x, where) for branch in node.branches)
                return self.add(
                    self._beside(inputs[-1], node.op.name), node.op, inputs, node.y, where
                )
            case OneOfNode():
                chosen = [apply("==", node.choice, value) for value in node.choice.values]
                values = [
                    (condition, self.seq(seq, x, where.also(condition)))
                    for condition, seq in zip(chosen, node.options, strict=True)
                ]
                return self._select(node.name, values, node.y, where)

    def _stage(self, stage: StageNode, x: int, where: _Where) -> int:
        """Lower a stage; after each depth, what the shallower ones gave or what this one gives.

        A `Select` for each depth, not one for all: so every value is read soon after it is made.
        """
        depths = stage.depth.values
        result, y = (x, stage.x) if depths[0] == 0 else (None, None)
        for index, block in enumerate(stage.blocks):
            inside = replace(
                where.also(apply(">", stage.depth, index)), stage=stage.name, block=index
            )
            x = self.seq(block.body, x, inside)
            depth = index + 1
            if depth not in depths:
                continue
            if result is None or y is None:
                result, y = x, block.body.y
                continue
            last = depth == depths[-1]
            this, exists = apply("==", stage.depth, depth), apply("<=", stage.depth, depth)
            y = stage.y if last else _either(this, block.body.y, y)
            ways = [(this, x), (apply("<", stage.depth, depth), result)]
            name = stage.name if last else f"{stage.name}.{index}.or_less"
            here = replace(where if last else where.also(exists), stage=stage.name)
            result = self._select(name, ways, y, here)
        assert result is not None
        return result

    def _residual(self, node: ResidualNode, x: int, where: _Where) -> int:
        y = self.seq(node.body, x, where)
        if node.condition == FALSE:
            return y
        name = self._beside(y, "add")
        total = self.add(name, Add(), (y, x), node.body.y, where.also(node.condition))
        ways = [(node.condition, total), (negate(node.condition), y)]
        return self._select(name, ways, node.body.y, where)

    def _beside(self, value: int, name: str) -> str:
        """Return ``name`` with the path of the node ``value``."""
        path, dot, _ = self.nodes[value].name.rpartition(".")
        return f"{path}{dot}{name}"

    def _select(self, name: str, ways: list[tuple[Expr, int]], shape: Shape, where: _Where) -> int:
        """Return the value that one of several ways gives; no node where there is only one."""
        possible = [(condition, value) for condition, value in ways if condition != FALSE]
        if len({value for _, value in possible}) == 1:
            return possible[0][1]
        conditions = tuple(condition for condition, _ in possible)
        inputs = tuple(value for _, value in possible)
        return self.add(name, Select(conditions=conditions), inputs, shape, where)
