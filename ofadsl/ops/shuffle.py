"""Channel shuffle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import Expr, apply
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Demand, Op, Size, Tensors, op, whole
from ofadsl.ops.conv import is_image, positive

if TYPE_CHECKING:
    from torch import Tensor


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelShuffle(Op):
    """Channels of all groups taken in turn, so that groups mix (Zhang et al. 2018)."""

    name: ClassVar[str] = "shuffle"
    module: ClassVar[str] = "ChannelShuffle"
    elastic: ClassVar[tuple[str, ...]] = ("channels",)
    ordered: ClassVar[bool] = True
    arguments: ClassVar[tuple[Arg, ...]] = (Arg(name="groups", kind="whole"),)

    channels: Size
    groups: int

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the shuffle of ``x``."""
        return cls(channels=x.channels, groups=whole(args["groups"]))

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image comes in, and the groups divide its channels."""
        yield is_image(inputs[0])
        yield positive(self.groups, "groups", "a shuffle needs at least one group")
        yield Demand(
            code="OFA061",
            condition=apply("==", apply("%", self.channels, max(self.groups, 1)), 0),
            message="groups must divide the channels that come in",
            found="{groups} groups for {channels} channels",
            values={"groups": self.groups, "channels": self.channels},
            help="make the width a multiple of the groups, for example with divisible(...)",
            argument="groups",
        )

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, channels, rows, columns) in another order of channels."""
        out: Tensor = torch.nn.functional.channel_shuffle(x, self.groups)
        return out
