"""The elaborated space: every stage unrolled, every block in its place, every shape inferred.

Out of the checker. The structure of the text is kept, since the supernet is written from it; the
flat graph, which the cost model reads, is lowered from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.compiler.scope import Scope, Written
from ofadsl.diagnostics import Diagnostic, Span
from ofadsl.expr import Expr, Var
from ofadsl.graph import Shape
from ofadsl.ops import Op
from ofadsl.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Seq:
    """Nodes one after the other, from ``x`` to ``y``, and the scope of their text."""

    nodes: tuple[TreeNode, ...]
    scope: Scope = field(compare=False, repr=False)
    x: Shape
    y: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class OpNode:
    """A primitive op."""

    statement: syntax.Call = field(compare=False, repr=False)
    written: Mapping[str, Written] = field(compare=False, repr=False)
    name: str
    op: Op
    x: Shape
    y: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockNode:
    """A block of the language, or a stage's body of several statements, in its place."""

    name: str
    span: Span = field(compare=False, repr=False)
    declaration: syntax.BlockDecl = field(compare=False, repr=False)
    written: Mapping[str, Written] = field(compare=False, repr=False)
    body: Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class StageNode:
    """A repeated block; ``blocks[i]`` exists where the depth is greater than i."""

    statement: syntax.Stage = field(compare=False, repr=False)
    name: str
    depth: Var
    blocks: tuple[BlockNode, ...]
    x: Shape
    y: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class IfNode:
    """Two ways, of which a condition takes one; a way that no arch takes is None."""

    statement: syntax.If = field(compare=False, repr=False)
    condition: Expr
    then: Seq | None
    orelse: Seq | None
    x: Shape
    y: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualNode:
    """The body's output plus its input, where the condition holds."""

    statement: syntax.Residual = field(compare=False, repr=False)
    condition: Expr
    body: Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchNode:
    """The sum or the concatenation of several ways."""

    statement: syntax.Branches = field(compare=False, repr=False)
    op: Op
    branches: tuple[Seq, ...]
    y: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOfNode:
    """Several ways that share no weights, of which the dimension ``choice`` takes one."""

    statement: syntax.OneOf = field(compare=False, repr=False)
    name: str
    choice: Var
    options: tuple[Seq, ...]
    x: Shape
    y: Shape


TreeNode = OpNode | BlockNode | StageNode | IfNode | ResidualNode | BranchNode | OneOfNode


def inside(node: TreeNode) -> tuple[Seq, ...]:
    """Return the bodies inside of a node."""
    match node:
        case BlockNode(body=body) | ResidualNode(body=body):
            return (body,)
        case StageNode(blocks=blocks):
            return tuple(block.body for block in blocks)
        case IfNode(then=then, orelse=orelse):
            return tuple(seq for seq in (then, orelse) if seq is not None)
        case BranchNode(branches=seqs) | OneOfNode(options=seqs):
            return seqs
        case OpNode():
            return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A space that is valid for every choice: its combinatorics and its elaborated body."""

    space: Space
    declaration: syntax.SpaceDecl = field(compare=False, repr=False)
    resolution: Var
    body: Seq
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)
