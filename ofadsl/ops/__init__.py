"""The primitive ops of the language: one class each, in the registry OPS."""

from ofadsl.ops import activation, attention, conv, join, linear, norm, pool, shuffle, tokens
from ofadsl.ops.base import OPS, Arg, Demand, Op

__all__ = [
    "OPS",
    "Arg",
    "Demand",
    "Op",
    "activation",
    "attention",
    "conv",
    "join",
    "linear",
    "norm",
    "pool",
    "shuffle",
    "tokens",
]
