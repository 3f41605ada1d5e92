"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import Expr, apply, const, static
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Demand, First, Op, Param, Size, Tensors, op
from ofadsl.ops.conv import positive

if TYPE_CHECKING:
    from torch import Tensor


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class Linear(Op):
    """A matrix product over the channels; one pixel is flattened, tokens keep their places."""

    name: ClassVar[str] = "linear"
    module: ClassVar[str] = "Linear"
    elastic: ClassVar[tuple[str, ...]] = ("c_in", "c_out")
    written_as: ClassVar[Mapping[str, str]] = {"c_out": "out"}
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="out", kind="size"),
        Arg(name="bias", kind="flag", default=True),
    )

    c_in: Size
    c_out: Size
    bias: bool = True
    flatten: bool = False

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the layer applied to ``x``."""
        bias, flatten = bool(static(args["bias"])), len(x.spatial) == 2
        return cls(c_in=x.channels, c_out=args["out"], bias=bias, flatten=flatten)

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image is pooled before it comes in."""
        (x,) = inputs
        yield positive(self.c_out, "out", "a linear layer needs at least one output")
        if len(x.spatial) == 2:
            rows, columns = x.spatial
            yield Demand(
                code="OFA066",
                condition=apply("and", apply("==", rows, 1), apply("==", columns, 1)),
                message="a linear layer takes one pixel, a vector or tokens",
                found="a feature map of {rows}x{columns} comes in",
                values={"rows": rows, "columns": columns},
                help="put `global_avg_pool` before it",
            )

    def infer(self, *inputs: Shape) -> Shape:
        """Return a vector, or as many tokens as came in."""
        spatial = () if self.flatten else inputs[0].spatial
        return Shape(channels=const(self.c_out), spatial=spatial)

    def params(self) -> Mapping[str, Param]:
        """Return the weight, (c_out, c_in), and the bias."""
        weight = Param(cuts=(First(self.c_out), First(self.c_in)), init="normal")
        bias = Param(cuts=(First(self.c_out),), init="zeros", role="bias")
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def macs(self, x: Shape, y: Shape) -> Size:
        """Return the channels that come in for each element that goes out."""
        return self.c_in * y.numel

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, ..., c_out)."""
        bias = p.bias if self.bias else None
        out: Tensor = torch.nn.functional.linear(
            x.flatten(1) if self.flatten else x, p.weight, bias
        )
        return out
