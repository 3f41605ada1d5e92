"""Activations and squeeze-and-excite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import Expr, static
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Demand, First, Op, Param, Size, Tensors, op
from ofadsl.ops.conv import is_image, pixel_mean, positive

if TYPE_CHECKING:
    from torch import Tensor

FUNCTIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "hswish": "hardswish",
    "swish": "silu",
    "gelu": "gelu",
    "hsigmoid": "hardsigmoid",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}
"""Each activation and its name in torch.nn.functional."""


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class Activation(Op):
    """An elementwise function."""

    name: ClassVar[str] = "act"
    module: ClassVar[str] = "Activation"
    in_place: ClassVar[bool] = True
    arguments: ClassVar[tuple[Arg, ...]] = (Arg(name="kind", kind="word", words=tuple(FUNCTIONS)),)

    kind: str

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the activation named by ``kind``."""
        return cls(kind=str(static(args["kind"])))

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return the function of every element."""
        return activate(torch, self.kind, x)


def activate(torch: Any, kind: str, x: Tensor) -> Tensor:
    """Return the function ``kind`` of every element.

    Swish is written out, as the published supernets do: `silu` rounds otherwise, and a network of
    forty layers makes much of it.
    """
    if kind == "swish":
        return x * x.sigmoid()
    out: Tensor = getattr(torch.nn.functional, FUNCTIONS[kind])(x)
    return out


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExcite(Op):
    """Channel attention: pooled, squeezed to ``hidden``, and back to a gate for each channel."""

    name: ClassVar[str] = "squeeze_excite"
    module: ClassVar[str] = "SqueezeExcite"
    elastic: ClassVar[tuple[str, ...]] = ("channels", "hidden")
    in_place: ClassVar[bool] = True
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="hidden", kind="size"),
        Arg(name="act", kind="word", default="relu", words=tuple(FUNCTIONS)),
        Arg(name="gate", kind="word", default="hsigmoid", words=tuple(FUNCTIONS)),
    )

    channels: Size
    hidden: Size
    act: str = "relu"
    gate: str = "hsigmoid"

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the gate of ``x``."""
        act, gate = str(static(args["act"])), str(static(args["gate"]))
        return cls(channels=x.channels, hidden=args["hidden"], act=act, gate=gate)

    @property
    def scratch(self) -> Size:
        """The pooled channels and the squeezed ones."""
        return self.channels + self.hidden

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in, and something is left after squeezing."""
        yield is_image(inputs[0])
        yield positive(self.hidden, "hidden", "a squeeze needs at least one channel")

    def params(self) -> Mapping[str, Param]:
        """Return two 1x1 convolutions with biases."""
        down, up = (
            (First(self.hidden), First(self.channels)),
            (First(self.channels), First(self.hidden)),
        )
        one = (First(1), First(1))
        return {
            "reduce_weight": Param(cuts=(*down, *one), init="kaiming"),
            "reduce_bias": Param(cuts=down[:1], init="zeros", role="bias"),
            "expand_weight": Param(cuts=(*up, *one), init="kaiming"),
            "expand_bias": Param(cuts=up[:1], init="zeros", role="bias"),
        }

    def macs(self, x: Shape, y: Shape) -> Size:
        """Return two matrix-vector products."""
        return self.channels * self.hidden * 2

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return ``x`` times its gate, (batch, channels, rows, columns)."""
        gate = pixel_mean(x)
        gate = torch.conv2d(gate, p.reduce_weight, p.reduce_bias)
        gate = activate(torch, self.act, gate)
        gate = torch.conv2d(gate, p.expand_weight, p.expand_bias)
        return x * activate(torch, self.gate, gate)
