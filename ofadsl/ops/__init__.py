"""The primitive ops of the language: one class each, in the registry OPS."""

from ofadsl.ops import activation, conv, join, linear, norm, pool, shuffle
from ofadsl.ops.base import OPS, Arg, Demand, Op

__all__ = [
    "OPS",
    "Arg",
    "Demand",
    "Op",
    "activation",
    "conv",
    "join",
    "linear",
    "norm",
    "pool",
    "shuffle",
]
