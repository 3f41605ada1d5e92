"""What an op takes on a microcontroller: in int8, in a `.tflite` that tflite-micro runs.

In: an op. Out: the bytes that tflite-micro keeps for it beside activations, and its bytes in the
file. The numbers were measured on a host of 64 bits, where pointers are twice as long as on the
device: for what `ofadsl export --format tflite` writes, which plans activations so that no more is
needed than lives at one time.
"""

from __future__ import annotations

from dataclasses import dataclass

from ofadsl.expr import Expr, const
from ofadsl.graph import Graph, Input, Operation, Select
from ofadsl.ops.activation import Activation
from ofadsl.ops.conv import Conv2d, DepthwiseConv2d
from ofadsl.ops.join import Add, Identity
from ofadsl.ops.linear import Linear
from ofadsl.ops.norm import BatchNorm2d
from ofadsl.ops.pool import GlobalAvgPool

_FUSED = ("relu", "relu6")
_MULTIPLIER = 8
"""Kept for a channel: how an int32 sum becomes int8 again, a factor and a shift."""
_SCALES = 8
"""In the file for a channel: the scales of the weight and of the bias, float32 each."""
_BIAS = 4
_ZERO = 8
"""A zero point; layers of equal width share theirs, which leaves _SHARED for a channel."""
_SHARED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes of an op."""

    kept: Expr | int
    file: Expr | int


FIXED_KEPT = 700
"""Kept for every network, with its input, its output and what aligns activations."""
FIXED_FILE = 2800
"""In every file; it makes up for few layers of equal width in small networks."""
_NOTHING = Footprint(kept=0, file=0)
_LAYER = Footprint(kept=244, file=295)
"""A convolution or linear layer of no channels."""
_SUM = Footprint(kept=163, file=126)
_POOL = Footprint(kept=184, file=200)


def fused(op: Operation) -> bool:
    """Return whether an op is part of the one before it."""
    return isinstance(op, BatchNorm2d | Identity) or (
        isinstance(op, Activation) and op.kind in _FUSED
    )


def covers(graph: Graph) -> bool:
    """Return whether every op has a footprint."""
    ops = (node.op for node in graph.nodes if not isinstance(node.op, Input | Select))
    return all(
        fused(op) or isinstance(op, Conv2d | DepthwiseConv2d | Linear | Add | GlobalAvgPool)
        for op in ops
    )


def footprint(op: Operation) -> Footprint:
    """Return the bytes of an op that ``covers`` knows."""
    match op:
        case Conv2d():
            weights = _window(op) * (op.c_in // op.groups) * op.c_out
            return _layer(weights, op.c_out, _SHARED)
        case DepthwiseConv2d():
            return _layer(_window(op) * op.channels, op.channels, _SHARED)
        case Linear():
            return _layer(op.c_in * op.c_out, op.c_out, _ZERO)
        case Add():
            return _SUM
        case GlobalAvgPool():
            return _POOL
        case _:
            assert fused(op), op
            return _NOTHING


def _layer(weights: Expr | int, channels: Expr | int, zero: int) -> Footprint:
    file = weights + channels * (_BIAS + _SCALES + zero) + _LAYER.file
    return Footprint(kept=channels * _MULTIPLIER + _LAYER.kept, file=file)


def _window(op: Conv2d | DepthwiseConv2d) -> Expr | int:
    """Return the area of a kernel; one of stride 2 has a row and a column of zeros more."""
    widened = op.stride == 2 and const(op.kernel) != const(1)
    side = op.kernel + 1 if widened else op.kernel
    return side * side
