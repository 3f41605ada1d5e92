"""What a drawing of a space shows: one card for each part of the network, in order.

In: the elaborated tree. Out: names, choices, marks and shapes as texts; no place or size yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ofadsl.compiler.draw.marks import marks, runs, stride_marks, walk, written
from ofadsl.compiler.draw.svg import DASH, TIMES
from ofadsl.compiler.ends import Range, size_of
from ofadsl.compiler.tree import (
    BlockNode,
    BranchNode,
    Checked,
    IfNode,
    OneOfNode,
    OpNode,
    ResidualNode,
    StageNode,
    TreeNode,
)
from ofadsl.cost.extremes import extremes_of
from ofadsl.expr import Value, static
from ofadsl.graph import Shape
from ofadsl.space import Dim

Owner = Literal["block", "stage", "network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """A dimension with its choices; ``owner`` says who shares it."""

    name: str
    values: tuple[Value, ...]
    owner: Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A part of the network: a stage, a block, an op."""

    name: str
    kind: str
    blocks: int = 0
    sure: int = 0
    """The blocks that every subnet has, of ``blocks``."""
    depth: tuple[Elastic, ...] = ()
    dims: tuple[Elastic, ...] = ()
    marks: tuple[str, ...] = ()
    sizes: tuple[Range, ...]
    """The channels of what comes out, then what is spatial."""

    @property
    def channels(self) -> str:
        """The channels of what comes out, `24` or `16-24`."""
        return _span(self.sizes[0])

    @property
    def extent(self) -> str:
        """What is spatial: `32-56` rows and columns, `7x14`, tokens, a dash for a vector."""
        extents = list(self.sizes[1:])
        unique = extents[:1] if len(set(extents)) == 1 else extents
        return TIMES.join(map(_span, unique)) or DASH

    @property
    def largest(self) -> tuple[float, float, float]:
        """The largest rows, columns and channels; 1 column for tokens, 1 pixel for a vector."""
        channels, *spatial = (size.greatest for size in self.sizes)
        rows, columns, *_ = (*spatial, 1, 1)
        return rows, columns, channels


def cards(checked: Checked) -> tuple[Card, ...]:
    """Return the parts of a network from its input to its output."""
    ends = extremes_of(checked.space)

    def sizes(shape: Shape) -> tuple[Range, ...]:
        return tuple(size_of(ends, size) for size in (shape.channels, *shape.spatial))

    result = [_input(checked, sizes(checked.body.x))]
    for node in checked.body.nodes:
        if _follows(node) and not result[-1].blocks:
            last = result[-1]
            result[-1] = replace(last, marks=(*last.marks, *(marks([node]) or (_kind(node),))))
        else:
            result.append(_card(node, checked.space.dims, sizes(_output(node))))
    return tuple(result)


def network_choices(checked: Checked) -> tuple[Elastic, ...]:
    """Return the choices that the whole network shares, the resolution apart."""
    parts = set().union(*map(_parts, checked.body.nodes))
    return tuple(
        Elastic(name=dim.key, values=dim.var.values, owner="network")
        for dim in checked.space.dims
        if dim.stage is None and dim.var != checked.resolution and not _of(dim, parts)
    )


def _input(checked: Checked, sizes: tuple[Range, ...]) -> Card:
    resolution = checked.resolution
    elastic = Elastic(name="resolution", values=resolution.values, owner="network")
    return Card(name="input", kind="image", dims=(elastic,), sizes=sizes)


def _card(node: TreeNode, dims: tuple[Dim, ...], sizes: tuple[Range, ...]) -> Card:
    if isinstance(node, StageNode):
        return _stage(node, dims, sizes)
    name = _name(node)
    own = tuple(
        Elastic(name=dim.key.removeprefix(f"{name}."), values=dim.var.values, owner="block")
        for dim in dims
        if dim.stage is None and _of(dim, _parts(node))
    )
    noted = (*stride_marks([node]), *written(node), *(m for m in marks([node]) if m != name))
    return Card(name=name, kind=_kind(node), dims=own, marks=noted, sizes=sizes)


def _stage(node: StageNode, dims: tuple[Dim, ...], sizes: tuple[Range, ...]) -> Card:
    depth = [value for value in node.depth.values if isinstance(value, int)]
    elastic = Elastic(name="depth", values=node.depth.values, owner="stage")
    shared = [
        Elastic(name=dim.key, values=dim.var.values, owner="stage")
        for dim in dims
        if dim.stage == node.name and dim.block is None and dim.var != node.depth
    ]
    first = node.blocks[0]
    own = first.declaration.name.text if first.written or first.declaration.parameters else ""
    return Card(
        name=node.name,
        kind=own if own != node.name else "",
        blocks=len(node.blocks),
        sure=min(depth),
        depth=(elastic,) if len(depth) > 1 else (),
        dims=(*shared, *_block_dims(node, dims)),
        marks=(*stride_marks(node.blocks), *written(first), *marks(node.blocks)),
        sizes=sizes,
    )


def _block_dims(node: StageNode, dims: tuple[Dim, ...]) -> Iterator[Elastic]:
    """Yield the dimensions of a stage's blocks, those that several blocks have once."""
    found: dict[tuple[str, tuple[Value, ...]], list[int]] = {}
    for dim in dims:
        if dim.stage == node.name and dim.block is not None:
            found.setdefault((dim.key, dim.var.values), []).append(dim.block)
    for (key, values), blocks in found.items():
        where = "" if len(blocks) == len(node.blocks) else f"[{runs(blocks)}]"
        yield Elastic(name=key + where, values=values, owner="block")


def _name(node: TreeNode) -> str:
    match node:
        case OpNode(name=name) | BlockNode(name=name) | StageNode(name=name) | OneOfNode(name=name):
            return name
        case ResidualNode():
            return "residual"
        case BranchNode(op=op):
            return op.name
        case IfNode():
            return "if"


def _kind(node: TreeNode) -> str:
    """Return what a part is made by: the name of a block or an op, a condition."""
    match node:
        case BlockNode(declaration=declaration):
            return declaration.name.text
        case OpNode(op=op):
            kernel = static(getattr(op, "kernel", "")) or ""
            return f"{op.name} {kernel}{TIMES}{kernel}" if kernel else op.name
        case OneOfNode(options=options):
            return f"one of {len(options)}"
        case IfNode(statement=statement):
            return " ".join(statement.condition.span.text.split())
        case BranchNode(branches=branches):
            return f"{len(branches)} branches"
        case ResidualNode() | StageNode():
            return ""


def _follows(node: TreeNode) -> bool:
    """Return whether a node is shown with what comes before it: `bn`, `act(relu)`."""
    return isinstance(node, OpNode) and node.op.in_place and node.statement.label is None


def _parts(node: TreeNode) -> set[str]:
    """Return the names of the parts of a network that a node is or holds."""
    return {_name(inner).split(".")[0] for inner in walk([node])}


def _of(dim: Dim, parts: set[str]) -> bool:
    """Return whether a dimension outside the stages belongs to one of some parts."""
    return dim.key.split(".")[0] in parts


def _output(node: TreeNode) -> Shape:
    match node:
        case BlockNode(body=body) | ResidualNode(body=body):
            return body.y
        case OpNode(y=y) | StageNode(y=y) | IfNode(y=y) | BranchNode(y=y) | OneOfNode(y=y):
            return y


def _span(size: Range) -> str:
    least, greatest = size.least, size.greatest
    return f"{least}" if least == greatest else f"{least}{DASH}{greatest}"
