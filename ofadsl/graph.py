"""The IR: a flat graph of operations with symbolic shapes and conditions of existence.

In: what the compiler lowered. Out: what cost models, workloads and interpreters read. A node
exists in a subnet where its ``when`` holds; a ``Select`` stands for the first of its inputs whose
condition holds, and costs nothing. Nodes stand in the order in which they are executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ofadsl.expr import Expr, Value, const, evaluate, source


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of one sample: channels, then what is spatial (rows, columns; tokens; nothing)."""

    channels: Expr
    spatial: tuple[Expr, ...] = ()

    @property
    def numel(self) -> Expr:
        """The number of elements of one sample."""
        result = self.channels
        for extent in self.spatial:
            result = result * extent
        return result

    def __str__(self) -> str:
        return f"[{', '.join(map(source, (self.channels, *self.spatial)))}]"


class Operation(Protocol):
    """What the graph needs to know of an op; ``ofadsl.ops`` declares them."""

    @property
    def in_place(self) -> bool:
        """Whether the output can take the memory of the first input."""

    @property
    def scratch(self) -> Expr | int:
        """Elements of working memory for one sample, beside inputs and output."""

    def infer(self, *inputs: Shape) -> Shape:
        """Return the shape of the output."""

    def macs(self, x: Shape, y: Shape) -> Expr | int:
        """Return the multiply-adds of one sample."""

    def weights(self) -> Mapping[str, Expr | int]:
        """Return the number of elements of each parameter."""

    def text(self) -> str:
        """Return the op as the IR prints it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """The first input whose condition holds; one always does where the node exists."""

    conditions: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One value of the network: ``name`` is its path, such as ``s1.0.expand``."""

    name: str
    op: Operation | Input | Select
    inputs: tuple[int, ...]
    shape: Shape
    when: Expr
    stage: str | None = None
    block: int | None = None

    def exists(self, arch: Mapping[str, Value]) -> bool:
        """Return whether the node is part of the subnet ``arch`` (dimension name -> value)."""
        return bool(evaluate(self.when, arch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes in the order of execution; the last one is the output."""

    name: str
    nodes: tuple[Node, ...]

    def verify(self) -> None:
        """Check what every pass may rely on; raise AssertionError where it is broken."""
        names: set[str] = set()
        for position, node in enumerate(self.nodes):
            assert node.name not in names, f"{node.name} stands twice"
            names.add(node.name)
            assert all(0 <= i < position for i in node.inputs), f"{node.name} uses a later value"
            shapes = [self.nodes[i].shape for i in node.inputs]
            if isinstance(node.op, Select):
                assert len(node.op.conditions) == len(node.inputs), node.name
            elif not isinstance(node.op, Input):
                assert node.op.infer(*shapes) == node.shape, f"the shape of {node.name} is wrong"

    def __str__(self) -> str:
        lines = [f"graph {self.name} {{"]
        for node in self.nodes:
            lines.append(f"  {self._line(node)}")
        return "\n".join([*lines, "}", ""])

    def _line(self, node: Node) -> str:
        inputs = [f"%{self.nodes[i].name}" for i in node.inputs]
        match node.op:
            case Input():
                text = "input"
            case Select(conditions=conditions):
                pairs = zip(inputs, conditions, strict=True)
                text = "select(" + ", ".join(f"{i} when {source(c)}" for i, c in pairs) + ")"
            case op:
                text = f"{op.text()}({', '.join(inputs)})"
        when = "" if node.when == const(True) else f" when {source(node.when)}"
        return f"%{node.name} : {node.shape} = {text}{when}"
