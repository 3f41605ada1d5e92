"""Convolutions: full, grouped and depthwise, with elastic channels and kernels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import Expr, Var, apply, assignments, conjunction, const, evaluate, static
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Centre, Demand, First, Op, Param, Size, Tensors, op, whole

if TYPE_CHECKING:
    from torch import Tensor

RESIZES = ("transform", "crop")


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d(Op):
    """A convolution; narrower layers use the first channels, smaller kernels the centre."""

    name: ClassVar[str] = "conv"
    module: ClassVar[str] = "Conv2d"
    elastic: ClassVar[tuple[str, ...]] = ("c_in", "c_out", "kernel")
    written_as: ClassVar[Mapping[str, str]] = {"c_out": "out"}
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="out", kind="size"),
        Arg(name="kernel", kind="size", default=1),
        Arg(name="stride", kind="whole", default=1),
        Arg(name="groups", kind="whole", default=1),
        Arg(name="bias", kind="flag", default=False),
        Arg(name="resize", kind="word", default="transform", words=RESIZES),
    )

    c_in: Size
    c_out: Size
    kernel: Size
    stride: int = 1
    groups: int = 1
    bias: bool = False
    steps: tuple[int, ...] = ()

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the convolution of ``x``."""
        return cls(
            c_in=x.channels,
            c_out=args["out"],
            kernel=args["kernel"],
            stride=whole(args["stride"]),
            groups=whole(args["groups"]),
            bias=bool(static(args["bias"])),
            steps=kernel_steps(args["kernel"], args["resize"]),
        )

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in, the kernel fits, the groups divide the channels."""
        yield from window_demands(inputs[0], self.kernel, self.stride)
        yield positive(self.c_out, "out", "a convolution needs at least one output channel")
        yield positive(self.groups, "groups", "a convolution needs at least one group")
        divided = () if static(const(self.groups)) == 1 else (self.c_in, self.c_out)
        yield Demand(
            code="OFA061",
            condition=conjunction(
                apply("==", apply("%", channels, apply("max", self.groups, 1)), 0)
                for channels in divided
            ),
            message="groups must divide the channels that come in and the channels that go out",
            found="{groups} groups for {c_in} channels in and {c_out} out",
            values={"groups": self.groups, "c_in": self.c_in, "c_out": self.c_out},
            help="make both widths multiples of the groups, for example with divisible(...)",
            argument="groups",
        )

    def infer(self, *inputs: Shape) -> Shape:
        """Return the shape after `same` padding and the stride."""
        (x,) = inputs
        return Shape(channels=const(self.c_out), spatial=window(x, self.kernel, self.stride))

    def params(self) -> Mapping[str, Param]:
        """Return the weight, (c_out, c_in / groups, kernel, kernel), and the bias."""
        cuts = (First(self.c_out), First(self.c_in // self.groups))
        return kernel_params(cuts, self.kernel, self.steps) | (
            {"bias": Param(cuts=(First(self.c_out),), init="zeros", role="bias")}
            if self.bias
            else {}
        )

    def macs(self, x: Shape, y: Shape) -> Size:
        """Return kernel area times channels for each output pixel."""
        return self.kernel * self.kernel * (self.c_in // self.groups) * y.numel

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return the convolution of ``x``, (batch, c_in, rows, columns)."""
        bias = p.bias if self.bias else None
        padding = self.kernel // 2
        out: Tensor = torch.conv2d(x, p.weight, bias, self.stride, padding, 1, self.groups)
        return out


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConv2d(Op):
    """One filter a channel."""

    name: ClassVar[str] = "dwconv"
    module: ClassVar[str] = "DepthwiseConv2d"
    elastic: ClassVar[tuple[str, ...]] = ("channels", "kernel")
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="kernel", kind="size"),
        Arg(name="stride", kind="whole", default=1),
        Arg(name="bias", kind="flag", default=False),
        Arg(name="resize", kind="word", default="transform", words=RESIZES),
    )

    channels: Size
    kernel: Size
    stride: int = 1
    bias: bool = False
    steps: tuple[int, ...] = ()

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the depthwise convolution of ``x``."""
        return cls(
            channels=x.channels,
            kernel=args["kernel"],
            stride=whole(args["stride"]),
            bias=bool(static(args["bias"])),
            steps=kernel_steps(args["kernel"], args["resize"]),
        )

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in and the kernel fits."""
        return window_demands(inputs[0], self.kernel, self.stride)

    def infer(self, *inputs: Shape) -> Shape:
        """Return the shape after `same` padding and the stride."""
        (x,) = inputs
        return Shape(channels=x.channels, spatial=window(x, self.kernel, self.stride))

    def params(self) -> Mapping[str, Param]:
        """Return the weight, (channels, 1, kernel, kernel), and the bias."""
        return kernel_params((First(self.channels), First(1)), self.kernel, self.steps) | (
            {"bias": Param(cuts=(First(self.channels),), init="zeros", role="bias")}
            if self.bias
            else {}
        )

    def macs(self, x: Shape, y: Shape) -> Size:
        """Return the kernel area for each output element."""
        return self.kernel * self.kernel * y.numel

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return the convolution of ``x``, (batch, channels, rows, columns)."""
        bias = p.bias if self.bias else None
        padding = self.kernel // 2
        out: Tensor = torch.conv2d(x, p.weight, bias, self.stride, padding, 1, self.channels)
        return out


def kernel_steps(kernel: Expr, resize: Expr) -> tuple[int, ...]:
    """Return the kernel sizes, largest first, between which a transform is learned.

    The first is what is allocated, which may be more than the largest choice.
    """
    if static(kernel) is not None or static(resize) != "transform" or len(kernel.support) != 1:
        return ()
    sizes = {whole(evaluate(kernel, env)) for env in assignments(kernel.support, allocated=True)}
    return tuple(sorted(sizes, reverse=True)) if len(sizes) > 1 else ()


def kernel_params(
    cuts: tuple[First, ...], kernel: Size, steps: tuple[int, ...]
) -> dict[str, Param]:
    """Return the weight and, for each step between kernel sizes, its transform.

    A transform is one matrix, shared by all channels (Cai et al. 2020, section 3.2).
    """
    weight = Param(cuts=(*cuts, Centre(kernel), Centre(kernel)), init="kaiming", steps=steps)
    transforms = {
        f"transform_{large}to{small}": Param(
            cuts=(First(small**2), First(small**2)), init="identity", role="transform"
        )
        for large, small in itertools.pairwise(steps)
    }
    return {"weight": weight, **transforms}


def window(x: Shape, kernel: Size, stride: int) -> tuple[Expr, ...]:
    """Return the rows and columns after a window of `same` padding."""
    slack = const(kernel // 2 * 2 - kernel)
    return tuple((extent + slack) // stride + 1 for extent in x.spatial)


def positive(value: Size, argument: str, message: str) -> Demand:
    """Return the demand that ``value`` is at least 1."""
    return Demand(
        code="OFA062",
        condition=apply(">=", value, 1),
        message=message,
        found="{value} here",
        values={"value": value},
        help="use 1 or more",
        argument=argument,
    )


def window_demands(x: Shape, kernel: Size, stride: int) -> Iterator[Demand]:
    """Yield what a sliding window needs of its kernel, its stride and the feature map."""
    yield is_image(x)
    if len(x.spatial) != 2:
        return
    yield positive(stride, "stride", "a stride is at least 1")
    yield positive(kernel, "kernel", "a kernel is at least 1")
    yield Demand(
        code="OFA060",
        condition=apply("==", apply("%", kernel, 2), 1),
        message="kernel sizes must be odd",
        found="{kernel} is even",
        values={"kernel": kernel},
        help="use an odd size, so that the padding and the centre crop are exact",
        argument="kernel",
    )
    if isinstance(kernel, Var) and kernel.allocate is not None:
        yield Demand(
            code="OFA060",
            condition=const(kernel.allocate % 2 == 1),
            message="kernel sizes must be odd",
            found="{kernel} is allocated, which is even",
            values={"kernel": int(kernel.allocate)},
            help="allocate an odd size, so that the centre crop is exact",
            argument="kernel",
        )
    extent = x.spatial[0]
    yield fitting(kernel, extent)
    yield Demand(
        code="OFA064",
        condition=apply("or", apply("==", stride, 1), apply(">=", extent, stride)),
        message="a stride must not be larger than the feature map",
        found="stride {stride} on a feature map of {extent}x{extent}",
        values={"stride": stride, "extent": extent},
        help="use larger images, or fewer strides",
        argument="stride",
    )


def fitting(kernel: Size, extent: Expr) -> Demand:
    """Return the demand that the taps of a kernel, from its centre out, fit the feature map.

    Padding lets any kernel pass; one whose rim never meets a pixel computes with zeros. An elastic
    kernel is judged by its smallest choice: published spaces pair 7x7 with maps of 2x2.
    """
    smallest = min(int(v) for v in kernel.values) if isinstance(kernel, Var) else kernel
    return Demand(
        code="OFA063",
        condition=apply(">=", extent * 2, const(smallest) + 1),
        message="a kernel must not be larger than the feature map",
        found="kernel {kernel} on a feature map of {extent}x{extent}",
        values={"kernel": smallest, "extent": extent},
        help="use a smaller kernel, larger images, or fewer strides before it",
        argument="kernel",
    )


def is_image(x: Shape) -> Demand:
    """Return the demand that rows and columns come in."""
    return Demand(
        code="OFA065",
        condition=const(len(x.spatial) == 2),
        message="this op works on images",
        found="" if len(x.spatial) == 2 else f"{x} comes in",
        values={},
        help="put it before the features are flattened",
    )


def pixel_mean(x: Tensor) -> Tensor:
    """Return the mean of each channel, (batch, channels, 1, 1).

    Columns first, then rows, as the published supernets do: one sum over both rounds otherwise,
    and a deep network makes much of it.
    """
    return x.mean(3, keepdim=True).mean(2, keepdim=True)
