"""What is said of a part of a network in a word or two: its stride, its activations.

In: nodes of the elaborated tree. Out: short texts for a drawing, each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ofadsl.compiler.draw.svg import DASH
from ofadsl.compiler.scope import Written
from ofadsl.compiler.tree import (
    BlockNode,
    BranchNode,
    IfNode,
    OneOfNode,
    OpNode,
    ResidualNode,
    Seq,
    StageNode,
    TreeNode,
)
from ofadsl.expr import FALSE, Const, Expr, static
from ofadsl.ops.activation import Activation, SqueezeExcite


def walk(nodes: Iterable[TreeNode]) -> Iterator[TreeNode]:
    """Yield nodes and all that they hold."""
    for node in nodes:
        yield node
        for seq in bodies(node):
            yield from walk(seq.nodes)


def bodies(node: TreeNode) -> tuple[Seq, ...]:
    """Return the bodies of a node."""
    match node:
        case OpNode():
            return ()
        case BlockNode(body=body) | ResidualNode(body=body):
            return (body,)
        case StageNode(blocks=blocks):
            return tuple(block.body for block in blocks)
        case IfNode(then=then, orelse=orelse):
            return tuple(seq for seq in (then, orelse) if seq is not None)
        case BranchNode(branches=branches):
            return branches
        case OneOfNode(options=options):
            return options


def marks(nodes: Iterable[TreeNode]) -> tuple[str, ...]:
    """Return the activations, squeeze-and-excite and residuals of some nodes, each once."""
    found: dict[str, None] = {}
    residual = False
    for node in walk(nodes):
        match node:
            case OpNode(op=Activation(kind=kind)):
                found[kind] = None
            case OpNode(op=SqueezeExcite()):
                found["SE"] = None
            case ResidualNode(condition=condition) if condition != FALSE:
                residual = True
            case _:
                pass
    return (*found, *(["residual"] if residual else []))


def stride_marks(nodes: Iterable[TreeNode]) -> Iterator[str]:
    """Yield the stride of some nodes where it is not 1, and the block that has it."""
    strides = [_stride(node) for node in nodes]
    strided = [i for i, stride in enumerate(strides) if stride > 1]
    if not strided:
        return
    for stride in dict.fromkeys(strides[i] for i in strided):
        where = [i for i in strided if strides[i] == stride]
        if len(where) == len(strides):
            yield f"stride {stride}"
        else:
            yield f"stride {stride} in {'the first' if where == [0] else f'[{runs(where)}]'}"


def _stride(node: TreeNode) -> int:
    """Return by how much a node divides rows and columns, along its first way."""
    if isinstance(node, OpNode):
        stride = getattr(node.op, "stride", 1)
        return stride if isinstance(stride, int) else 1
    product = 1
    for seq in bodies(node)[:1]:
        for inner in seq.nodes:
            product *= _stride(inner)
    return product


def written(node: TreeNode) -> Iterator[str]:
    """Yield the fixed numbers that a block is called with, its stride and its output apart."""
    if not isinstance(node, BlockNode):
        return
    for parameter in node.declaration.parameters[1:]:
        name = parameter.name.text
        given = node.written.get(name)
        value = static(_value(given)) if given is not None else None
        if name != "stride" and isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{name} {value}"


def _value(written: Written) -> Expr | str:
    expression, scope = written
    return scope.values.get(id(expression), Const(""))


def runs(numbers: list[int]) -> str:
    """Return whole numbers as `0, 2-4`."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{r[0]}{DASH}{r[-1]}" if r[1:] else f"{r[0]}" for r in found)
