"""Ops that join branches, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import UNKNOWN, Expr, apply, conjunction, const
from ofadsl.graph import Shape
from ofadsl.ops.base import Demand, Op, Tensors, op

if TYPE_CHECKING:
    from torch import Tensor


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Op):
    """What comes in goes out."""

    name: ClassVar[str] = "identity"
    module: ClassVar[str] = "Identity"
    in_place: ClassVar[bool] = True

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the op."""
        return cls()

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return ``x``."""
        return x


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Op):
    """The sum of branches of one shape; written `add` or `residual` in the language."""

    name: ClassVar[str] = "add"
    in_place: ClassVar[bool] = True

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: every branch has the shape of the first."""
        first, *others = inputs
        for other in others:
            yield same(first, other, "OFA067", "the branches of a sum must have the same shape")

    def infer(self, *inputs: Shape) -> Shape:
        """Return the shape of the first branch."""
        return inputs[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Op):
    """The channels of all branches, one after the other."""

    name: ClassVar[str] = "concat"
    ordered: ClassVar[bool] = True

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: every branch has the rows and columns of the first."""
        first, *others = inputs
        for other in others:
            other = Shape(channels=first.channels, spatial=other.spatial)
            yield same(first, other, "OFA068", "concatenated branches must have the same size")

    def infer(self, *inputs: Shape) -> Shape:
        """Return the first shape with the channels of all."""
        channels = reduce(lambda total, x: total + x.channels, inputs, const(0))
        return Shape(channels=channels, spatial=inputs[0].spatial)


def same(a: Shape, b: Shape, code: str, message: str, help: str = "") -> Demand:
    """Return the demand that two shapes are equal for every choice."""
    extents = {"a": (a.channels, *a.spatial), "b": (b.channels, *b.spatial)}
    pairs = zip(extents["a"], extents["b"], strict=False)
    known = [(x, y) for x, y in pairs if UNKNOWN not in (x, y)]
    equal = conjunction(apply("==", x, y) for x, y in known) if known else UNKNOWN
    if len(a.spatial) != len(b.spatial):
        equal = UNKNOWN if UNKNOWN in (a.channels, b.channels) else const(False)
    found = " and ".join("x".join(f"{{{k}{i}}}" for i in range(len(v))) for k, v in extents.items())
    return Demand(
        code=code,
        condition=equal,
        message=message,
        found=found,
        values={f"{k}{i}": extent for k, v in extents.items() for i, extent in enumerate(v)},
        help=help,
    )
