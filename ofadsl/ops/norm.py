"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import Expr, static
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Demand, First, Op, Param, Size, Tensors, op
from ofadsl.ops.conv import is_image

if TYPE_CHECKING:
    from torch import Tensor


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm2d(Op):
    """Batch normalisation; a narrower layer uses the first statistics as well as weights."""

    name: ClassVar[str] = "bn"
    module: ClassVar[str] = "BatchNorm2d"
    elastic: ClassVar[tuple[str, ...]] = ("channels",)
    in_place: ClassVar[bool] = True
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="eps", kind="number", default=1e-5),
        Arg(name="momentum", kind="number", default=0.1),
    )

    channels: Size
    eps: float = 1e-5
    momentum: float = 0.1

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the normalisation of ``x`` over batch, rows and columns."""
        return cls(
            channels=x.channels,
            eps=float(static(args["eps"]) or 0.0),
            momentum=float(static(args["momentum"]) or 0.0),
        )

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in."""
        yield is_image(inputs[0])

    def params(self) -> Mapping[str, Param]:
        """Return scale, shift and running statistics, each (channels,)."""
        cuts = (First(self.channels),)
        return {
            "weight": Param(cuts=cuts, init="ones"),
            "bias": Param(cuts=cuts, init="zeros", role="bias"),
            "running_mean": Param(cuts=cuts, init="zeros", role="statistic"),
            "running_var": Param(cuts=cuts, init="ones", role="statistic"),
        }

    def apply(self, torch: Any, x: Tensor, p: Tensors, training: bool = False) -> Tensor:
        """Return ``x`` normalised; in training the statistics that ``p`` shows are updated."""
        out: Tensor = torch.nn.functional.batch_norm(
            x, p.running_mean, p.running_var, p.weight, p.bias, training, self.momentum, self.eps
        )
        return out


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNorm(Op):
    """Normalisation over the channels of each token, pixel or vector (Ba et al. 2016)."""

    name: ClassVar[str] = "ln"
    module: ClassVar[str] = "LayerNorm"
    elastic: ClassVar[tuple[str, ...]] = ("channels",)
    in_place: ClassVar[bool] = True
    arguments: ClassVar[tuple[Arg, ...]] = (Arg(name="eps", kind="number", default=1e-5),)

    channels: Size
    eps: float = 1e-5
    image: bool = False

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the normalisation of ``x`` over its channels."""
        eps = float(static(args["eps"]) or 0.0)
        return cls(channels=x.channels, eps=eps, image=len(x.spatial) == 2)

    def params(self) -> Mapping[str, Param]:
        """Return scale and shift, each (channels,)."""
        cuts = (First(self.channels),)
        return {
            "weight": Param(cuts=cuts, init="ones"),
            "bias": Param(cuts=cuts, init="zeros", role="bias"),
        }

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return ``x`` normalised; an image has its channels second, all else has them last."""
        last = x.permute(0, 2, 3, 1) if self.image else x
        out: Tensor = torch.nn.functional.layer_norm(
            last, (self.channels,), p.weight, p.bias, self.eps
        )
        return out.permute(0, 3, 1, 2) if self.image else out
