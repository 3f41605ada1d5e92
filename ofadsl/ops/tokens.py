"""Tokens: made from an image, given a class and places, and brought back to one vector.

The features of tokens are (batch, tokens, channels).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import UNKNOWN, Expr, apply, conjunction, const, upper
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Demand, First, Op, Param, Size, Tensors, op, whole
from ofadsl.ops.conv import is_image, positive

if TYPE_CHECKING:
    from torch import Tensor


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class PatchEmbed(Op):
    """A token for each square of ``patch`` x ``patch`` pixels (Dosovitskiy et al. 2021)."""

    name: ClassVar[str] = "patch_embed"
    module: ClassVar[str] = "PatchEmbed"
    elastic: ClassVar[tuple[str, ...]] = ("c_in", "c_out")
    written_as: ClassVar[Mapping[str, str]] = {"c_out": "out"}
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="out", kind="size"),
        Arg(name="patch", kind="whole"),
    )

    c_in: Size
    c_out: Size
    patch: int

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the patches of ``x``."""
        return cls(c_in=x.channels, c_out=args["out"], patch=whole(args["patch"]))

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: an image of whole patches comes in."""
        (x,) = inputs
        yield is_image(x)
        yield positive(self.c_out, "out", "a patch becomes at least one channel")
        yield positive(self.patch, "patch", "a patch has at least one pixel")
        if len(x.spatial) == 2:
            yield Demand(
                code="OFA071",
                condition=conjunction(
                    apply("==", apply("%", extent, self._side), 0) for extent in x.spatial
                ),
                message="an image must be made of whole patches",
                found="{pixels} pixels in patches of {patch}",
                values={"pixels": x.spatial[0], "patch": self.patch},
                help="make every resolution a multiple of the patch",
                argument="patch",
            )

    @property
    def _side(self) -> int:
        return max(self.patch, 1)

    def infer(self, *inputs: Shape) -> Shape:
        """Return as many tokens as there are patches."""
        tokens = const(1)
        for extent in inputs[0].spatial:
            tokens = tokens * (extent // self._side)
        return Shape(channels=const(self.c_out), spatial=(tokens,))

    def params(self) -> Mapping[str, Param]:
        """Return the weight, (c_out, c_in, patch, patch), and the bias."""
        sides = (First(self.patch), First(self.patch))
        weight = Param(cuts=(First(self.c_out), First(self.c_in), *sides), init="truncated")
        bias = Param(cuts=(First(self.c_out),), init="zeros", role="bias")
        return {"weight": weight, "bias": bias}

    def macs(self, x: Shape, y: Shape) -> Size:
        """Return the pixels of a patch times channels for each element that goes out."""
        return self.patch * self.patch * self.c_in * y.numel

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, tokens, c_out), row by row."""
        out: Tensor = torch.conv2d(x, p.weight, p.bias, self.patch)
        return out.flatten(2).transpose(1, 2)


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassToken(Op):
    """A learned token before all others, which gathers what the head reads."""

    name: ClassVar[str] = "class_token"
    module: ClassVar[str] = "ClassToken"
    elastic: ClassVar[tuple[str, ...]] = ("channels",)

    channels: Size

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the token that goes before ``x``."""
        return cls(channels=x.channels)

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: tokens come in."""
        yield are_tokens(inputs[0])

    def infer(self, *inputs: Shape) -> Shape:
        """Return one token more."""
        return Shape(channels=inputs[0].channels, spatial=(tokens_of(inputs[0]) + 1,))

    def params(self) -> Mapping[str, Param]:
        """Return the token, (1, 1, channels)."""
        cuts = (First(1), First(1), First(self.channels))
        return {"token": Param(cuts=cuts, init="truncated")}

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, 1 + tokens, channels)."""
        out: Tensor = torch.cat([p.token.expand_as(x[:, :1]), x], 1)
        return out


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class PositionTable(Op):
    """A learned vector for each place, added to the token there."""

    name: ClassVar[str] = "position_table"
    module: ClassVar[str] = "PositionTable"
    elastic: ClassVar[tuple[str, ...]] = ("channels",)
    in_place: ClassVar[bool] = True

    channels: Size
    tokens: int

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the table of the places of ``x``."""
        tokens = tokens_of(x)
        return cls(channels=x.channels, tokens=1 if tokens is UNKNOWN else int(upper(tokens)))

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: tokens come in, the same number of them in every subnet."""
        yield are_tokens(inputs[0])
        tokens = tokens_of(inputs[0])
        yield Demand(
            code="OFA072",
            condition=apply("==", tokens, self.tokens),
            message="a table of positions needs the same number of tokens in every subnet",
            found="{tokens} tokens here, {most} in the largest subnet",
            values={"tokens": tokens, "most": self.tokens},
            help="fix the resolution, or give the attention relative positions instead",
        )

    def params(self) -> Mapping[str, Param]:
        """Return the table, (1, tokens, channels)."""
        cuts = (First(1), First(self.tokens), First(self.channels))
        return {"table": Param(cuts=cuts, init="truncated")}

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, tokens, channels)."""
        return x + p.table


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class MeanTokens(Op):
    """The mean of all tokens but the first ``skip``, as a vector."""

    name: ClassVar[str] = "mean_tokens"
    module: ClassVar[str] = "MeanTokens"
    arguments: ClassVar[tuple[Arg, ...]] = (Arg(name="skip", kind="whole", default=0),)

    skip: int = 0

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the mean of ``x`` over its tokens."""
        return cls(skip=whole(args["skip"]))

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: tokens come in, and some are left."""
        yield are_tokens(inputs[0])
        tokens = tokens_of(inputs[0])
        yield Demand(
            code="OFA074",
            condition=apply("and", const(self.skip >= 0), apply("<", self.skip, tokens)),
            message="a mean skips 0 tokens or more, and at least one is left",
            found="{skip} of {tokens} skipped",
            values={"skip": self.skip, "tokens": tokens},
            help="skip 1 where there is a class token, else 0",
            argument="skip",
        )

    def infer(self, *inputs: Shape) -> Shape:
        """Return a vector."""
        return Shape(channels=inputs[0].channels)

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, channels)."""
        return (x[:, self.skip :] if self.skip else x).mean(1)


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken(Op):
    """The first token, mostly the class token, as a vector."""

    name: ClassVar[str] = "first_token"
    module: ClassVar[str] = "FirstToken"

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the op."""
        return cls()

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: tokens come in."""
        yield are_tokens(inputs[0])

    def infer(self, *inputs: Shape) -> Shape:
        """Return a vector."""
        return Shape(channels=inputs[0].channels)

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, channels)."""
        return x[:, 0]


def are_tokens(x: Shape) -> Demand:
    """Return the demand that tokens come in."""
    return Demand(
        code="OFA070",
        condition=const(len(x.spatial) == 1 or x.channels is UNKNOWN),
        message="this op works on tokens",
        found=f"{x} comes in",
        values={},
        help="make tokens of an image with `patch_embed`",
    )


def tokens_of(x: Shape) -> Expr:
    """Return the number of tokens; it is unknown where none came in, which is reported."""
    return x.spatial[0] if len(x.spatial) == 1 else UNKNOWN
