"""What reaches a statement while a space is elaborated, and what leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ofadsl.compiler import syntax
from ofadsl.compiler.calls import Defaults
from ofadsl.compiler.scope import Place, Scope
from ofadsl.compiler.tree import (
    BlockNode,
    BranchNode,
    IfNode,
    OneOfNode,
    OpNode,
    ResidualNode,
    StageNode,
    TreeNode,
)
from ofadsl.diagnostics import Span
from ofadsl.expr import UNKNOWN
from ofadsl.graph import Shape
from ofadsl.ops import OPS

MOST_OPS = 1 << 15
DEEPEST = 24
"""Blocks call blocks no deeper than this."""
Part = syntax.Stage | syntax.If | syntax.Residual | syntax.Branches | syntax.OneOf | syntax.Call
UNKNOWN_SHAPE = Shape(channels=UNKNOWN, spatial=(UNKNOWN, UNKNOWN))


class SpaceTooLargeError(Exception):
    """More ops than any network that could be trained; the message is the rule broken."""

    def __init__(self, rule: str, span: Span, label: str) -> None:
        super().__init__(rule)
        self.span = span
        self.label = label


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What reaches a statement: the features, the scope, the place, the defaults in force."""

    x: Shape
    scope: Scope
    place: Place
    defaults: Defaults
    names: Mapping[int, str]
    prefix: str

    def path(self, statement: syntax.Call | syntax.OneOf) -> str:
        """Return the full name of a part of the network."""
        return self.prefix + self.names[id(statement)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A declared block with the scope of its file."""

    declaration: syntax.BlockDecl
    scope: Scope


def output(node: TreeNode) -> Shape:
    """Return the shape that a node gives."""
    match node:
        case BlockNode(body=body):
            return body.y
        case ResidualNode(body=body):
            return body.y
        case OpNode(y=y) | StageNode(y=y) | IfNode(y=y) | BranchNode(y=y) | OneOfNode(y=y):
            return y


def unknown_node(statement: Part, flow: Flow) -> OpNode:
    """Return what stands for a part that a mistake was reported of."""
    callee = syntax.Name(span=statement.span, text="identity")
    call = syntax.Call(span=statement.span, label=None, callee=callee, arguments=())
    op = OPS["identity"].build(flow.x, {})
    return OpNode(statement=call, written={}, name="?", op=op, x=flow.x, y=UNKNOWN_SHAPE)
