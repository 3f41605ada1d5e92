"""Self-attention, with relative positions on a grid of tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ofadsl.expr import UNKNOWN, Expr, apply, combinations, conjunction, const, tabulate
from ofadsl.graph import Shape
from ofadsl.ops.base import Arg, Demand, First, Interleaved, Op, Param, Size, Tensors, op, whole
from ofadsl.ops.conv import positive
from ofadsl.ops.tokens import are_tokens, tokens_of

if TYPE_CHECKING:
    from torch import Tensor

TABLES = ("key_vertical", "key_horizontal", "value_vertical", "value_horizontal")
_MOST = 1 << 16  # so many combinations are tried to learn which numbers of tokens there are


@op
@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(Op):
    """Multi-head self-attention (Vaswani et al. 2017); fewer heads use the first of each matrix.

    Query, key and value are one product, its rows interleaved and its biases in a row. With
    ``relative`` above 0, keys and values depend on the distance of two tokens as well: it looks
    up a vector for the rows and one for the columns between them, both clipped to ``relative``
    (Wu et al. 2021). The first entry of each table belongs to the class token, where there is one.
    """

    name: ClassVar[str] = "attention"
    module: ClassVar[str] = "Attention"
    elastic: ClassVar[tuple[str, ...]] = ("channels", "heads", "head_dim", "tokens")
    arguments: ClassVar[tuple[Arg, ...]] = (
        Arg(name="heads", kind="size"),
        Arg(name="head_dim", kind="size", default=64),
        Arg(name="relative", kind="whole", default=0),
    )

    channels: Size
    heads: Size
    head_dim: Size
    tokens: Size
    relative: int = 0

    @classmethod
    def build(cls, x: Shape, args: Mapping[str, Expr]) -> Self:
        """Return the attention of the tokens ``x`` to each other."""
        return cls(
            channels=x.channels,
            heads=args["heads"],
            head_dim=args["head_dim"],
            tokens=tokens_of(x),
            relative=whole(args["relative"]),
        )

    @property
    def scratch(self) -> Size:
        """Query, key and value, and the scores.

        With relative positions also their scores, and the vectors of all pairs of tokens.
        """
        pairs = self.tokens * self.tokens
        once = self.heads * self.head_dim * self.tokens * 3 + self.heads * pairs
        return once + (self.heads + self.head_dim) * pairs if self.relative else once

    def demands(self, *inputs: Shape) -> Iterator[Demand]:
        """Yield: tokens come in, there is a head, relative positions have a grid."""
        yield are_tokens(inputs[0])
        yield positive(self.heads, "heads", "attention needs at least one head")
        yield positive(self.head_dim, "head_dim", "a head needs at least one channel")
        yield Demand(
            code="OFA075",
            condition=const(self.relative >= 0),
            message="the largest distance of relative positions is not negative",
            found="{relative} here",
            values={"relative": self.relative},
            help="use the rows of the grid of tokens, or 0 for no relative positions",
            argument="relative",
        )
        if self.relative:
            yield Demand(
                code="OFA073",
                condition=_on_grids(const(self.tokens)),
                message="relative positions need a square grid of tokens, and one token at most "
                "before it",
                found="{tokens} tokens",
                values={"tokens": self.tokens},
                help="use square images and at most one class token, or `relative: 0`",
                argument="relative",
            )

    def params(self) -> Mapping[str, Param]:
        """Return both products with their biases, and the tables of relative positions."""
        width = self.heads * self.head_dim
        rows = (First(2 * self.relative + 2), First(self.head_dim))
        tables = {name: Param(cuts=rows, init="truncated") for name in TABLES}
        inward = (Interleaved(3 * width, 3), First(self.channels))
        outward = (First(self.channels), First(width))
        return {
            "qkv_weight": Param(cuts=inward, init="truncated"),
            "qkv_bias": Param(cuts=(First(3 * width),), init="zeros", role="bias"),
            **(tables if self.relative else {}),
            "proj_weight": Param(cuts=outward, init="truncated"),
            "proj_bias": Param(cuts=outward[:1], init="zeros", role="bias"),
        }

    def macs(self, x: Shape, y: Shape) -> Size:
        """Return the products with weights, those of tokens with tokens, and with distances."""
        width = self.heads * self.head_dim
        pairs = self.tokens * self.tokens * width
        return self.tokens * self.channels * width * 4 + pairs * (4 if self.relative else 2)

    def apply(self, torch: Any, x: Tensor, p: Tensors) -> Tensor:
        """Return (batch, tokens, channels)."""
        linear = torch.nn.functional.linear
        qkv = linear(x, p.qkv_weight, p.qkv_bias)
        parts = torch.unflatten(qkv, 2, (3, self.heads, self.head_dim)).permute(2, 0, 3, 1, 4)
        query, key, value = parts[0] * whole(self.head_dim) ** -0.5, parts[1], parts[2]
        scores = query @ key.transpose(2, 3)
        if self.relative:
            places = self._places(torch, query, p.key_vertical, p.key_horizontal)
            scores = scores + self._by_token(torch, query, places.transpose(1, 2))
        weights = scores.softmax(3)
        out = weights @ value
        if self.relative:
            places = self._places(torch, query, p.value_vertical, p.value_horizontal)
            out = out + self._by_token(torch, weights, places)
        joined: Tensor = linear(out.transpose(1, 2).flatten(2), p.proj_weight, p.proj_bias)
        return joined

    def _by_token(self, torch: Any, x: Tensor, matrices: Tensor) -> Tensor:
        """Return (batch, heads, tokens, n) times a matrix (n, m) of its own for each token."""
        rows = x.permute(2, 0, 1, 3).flatten(1, 2) @ matrices
        out: Tensor = torch.unflatten(rows, 1, (-1, self.heads)).permute(1, 2, 0, 3)
        return out

    def _places(self, torch: Any, like: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
        """Return the vector of each pair of tokens, (tokens, tokens, head_dim)."""
        # this depends on `like`, so that a subnet keeps the tables, not a vector for each pair
        vertical, horizontal = vertical.to(like), horizontal.to(like)
        side, before = grid(whole(self.tokens))
        rows = self._axis(torch, vertical, side).unsqueeze(1).unsqueeze(3)
        columns = self._axis(torch, horizontal, side).unsqueeze(0).unsqueeze(2)
        pairs: Tensor = (rows + columns).flatten(2, 3).flatten(0, 1)
        if not before:
            return pairs
        first = vertical[:1] + horizontal[:1]
        pairs = torch.cat([first.expand(side * side, 1, -1), pairs], 1)
        out: Tensor = torch.cat([first.expand(1, side * side + 1, -1), pairs], 0)
        return out

    def _axis(self, torch: Any, table: Tensor, side: int) -> Tensor:
        """Return the vector of each pair of places on one axis, (side, side, head_dim)."""
        near = min(self.relative, side - 1)
        rows = table[self.relative + 1 - near : self.relative + 2 + near]
        far = side - 1 - near
        if far:
            rows = torch.cat([rows[:1].expand(far, -1), rows, rows[-1:].expand(far, -1)])
        # a window of the distances 0 - i .. side - 1 - i for each place i
        return rows.unfold(0, side, 1).flip(0).transpose(1, 2)


def grid(tokens: int) -> tuple[int, int]:
    """Return the side of the largest square of tokens, and how many stand before it."""
    side = math.isqrt(max(tokens, 0))
    return side, tokens - side * side


def _on_grids(tokens: Expr) -> Expr:
    """Return the condition that ``tokens`` is a square, or one more."""
    if tokens is UNKNOWN:
        return UNKNOWN
    if combinations(tokens.support) > _MOST:
        return apply("==", tokens, 1)  # beyond proof, and reported as that
    found = {int(n) for n in tabulate(tokens, tokens.support)}
    wrong = sorted(n for n in found if n < 1 or grid(n)[1] > 1)
    return conjunction(apply("!=", tokens, n) for n in wrong)
