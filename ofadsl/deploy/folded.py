"""Convolutions whose weights may be a part of a larger tensor, with batch norm folded in.

In: images, (n, channels, rows, columns), channels last. A scale of None is one that the weights
have already, or that no batch norm asks for.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FoldedConv(nn.Module):
    """Any convolution; with a scale, its weights are scaled at each call."""

    weight: Tensor
    scale: Tensor | None
    shift: Tensor

    def __init__(
        self, conv: nn.Conv2d, weight: Tensor, scale: Tensor | None, shift: Tensor
    ) -> None:
        """Take the geometry of ``conv``; a scale and a shift for each channel that goes out."""
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scale", None if scale is None else scale.view(-1, 1, 1, 1))
        self.register_buffer("shift", shift)
        self.stride, self.padding = conv.stride, conv.padding
        self.dilation, self.groups = conv.dilation, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised convolution of ``x``."""
        weight = self.weight if self.scale is None else self.weight * self.scale
        return F.conv2d(
            x, weight, self.shift, self.stride, self.padding, self.dilation, self.groups
        )


class Pointwise(nn.Module):
    """A convolution of kernel 1, which passes over its weights or its pixels, whichever are fewer.

    A convolution copies weights that do not lie together. Where pixels are few that copy would cost
    the most, and a product of matrices reads the weights where they lie. What a call would view is
    viewed here once: of a small network, views are a part of the time.
    """

    weight: Tensor
    matrix: Tensor
    scale: Tensor | None
    shift: Tensor | None
    channel_scale: Tensor
    channel_shift: Tensor

    def __init__(self, weight: Tensor, scale: Tensor | None, shift: Tensor | None) -> None:
        """Take weights (out, in, 1, 1), and a scale and a shift for each channel that goes out."""
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("matrix", weight[:, :, 0, 0].t())
        self.register_buffer("scale", None if scale is None else scale.view(-1, 1, 1, 1))
        self.register_buffer("shift", shift)
        self.register_buffer("channel_scale", None if scale is None else scale.view(1, -1, 1, 1))
        self.register_buffer("channel_shift", None if shift is None else shift.view(1, -1, 1, 1))
        self.together = weight[:, :, 0, 0].is_contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised convolution of ``x``."""
        images, channels, rows, columns = x.shape
        few = images * rows * columns < channels
        if self.scale is None:
            apart = few and not self.together
            return self._product(x, self.shift) if apart else F.conv2d(x, self.weight, self.shift)
        if not few:
            return F.conv2d(x, self.weight * self.scale, self.shift)
        found = F.conv2d(x, self.weight) if self.together else self._product(x, None)
        return torch.addcmul(self.channel_shift, found, self.channel_scale)

    def _product(self, x: Tensor, shift: Tensor | None) -> Tensor:
        images, channels, rows, columns = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        found = (
            torch.mm(pixels, self.matrix)
            if shift is None
            else torch.addmm(shift, pixels, self.matrix)
        )
        return found.view(images, rows, columns, -1).permute(0, 3, 1, 2)


def is_pointwise(conv: nn.Conv2d) -> bool:
    """Return whether a convolution computes each pixel from the same pixel alone."""
    return (conv.kernel_size, conv.stride, conv.groups) == ((1, 1), (1, 1), 1) and not any(
        conv.padding if isinstance(conv.padding, tuple) else ()
    )
