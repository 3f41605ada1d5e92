"""Pooling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import Expr, const
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Demand, Op, Tensors, op, whole
from ofadsl.ops.conv import is_image, pixel_mean, window, window_demands

if TYPE_CHECKING:
    from torch import Tensor


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAvgPool(Op):
    """The mean of each channel, as an image of one pixel."""

    name: ClassVar[str] = "global_avg_pool"
    module: ClassVar[str] = "GlobalAvgPool"

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the pooling of ``x``."""
        return cls()

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in."""
        yield is_image(inputs[0])

    def infer(self, *inputs: Shape) -> Shape:
        """Return one pixel of every channel."""
        return Shape(channels=inputs[0].channels, spatial=(const(1), const(1)))

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, channels, 1, 1)."""
        return pixel_mean(x)


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool(Op):
    """The largest value of each window."""

    name: ClassVar[str] = "max_pool"
    module: ClassVar[str] = "MaxPool2d"
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="kernel", kind="whole"),
        Arg(name="stride", kind="whole"),
    )

    kernel: int
    stride: int

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the pooling of ``x``."""
        return cls(kernel=whole(args["kernel"]), stride=whole(args["stride"]))

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in and the window fits."""
        return window_demands(inputs[0], self.kernel, self.stride)

    def infer(self, *inputs: Shape) -> Shape:
        """Return the shape after `same` padding and the stride."""
        (x,) = inputs
        return Shape(channels=x.channels, spatial=window(x, self.kernel, self.stride))

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, channels, rows, columns)."""
        padding = self.kernel // 2
        out: Tensor = torch.nn.functional.max_pool2d(x, self.kernel, self.stride, padding)
        return out


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class AvgPool(Op):
    """The mean of windows that do not overlap; the last ones may be smaller."""

    name: ClassVar[str] = "avg_pool"
    module: ClassVar[str] = "AvgPool2d"
    arguments: ClassVar[tuple[Arg, ...]] = (Arg(name="stride", kind="whole"),)

    stride: int

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the pooling of ``x``."""
        return cls(stride=whole(args["stride"]))

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in and the window fits."""
        return window_demands(inputs[0], 1, self.stride)

    def infer(self, *inputs: Shape) -> Shape:
        """Return the shape after the stride, rounded up."""
        (x,) = inputs
        spatial = tuple((extent - 1) // self.stride + 1 for extent in x.spatial)
        return Shape(channels=x.channels, spatial=spatial)

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, channels, rows, columns); a cut window counts its own pixels only."""
        size = self.stride
        out: Tensor = torch.nn.functional.avg_pool2d(x, size, size, 0, True, False)
        return out
