"""A supernet in the style of generated ones, small enough to run in every test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ofadsl import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class MbconvChoices(nn.Choices):
    kernel: int = nn.one_of(3, 5, 7)
    expand: int = nn.one_of(2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class S1(nn.Choices):
    depth: int = nn.one_of(1, 2)
    blocks: tuple[MbconvChoices, ...] = nn.blocks_of(MbconvChoices)


@dataclass(frozen=True, slots=True, kw_only=True)
class S2(nn.Choices):
    depth: int = nn.one_of(0, 1, 2)
    width: int = nn.one_of(8, 16)
    blocks: tuple[MbconvChoices, ...] = nn.blocks_of(MbconvChoices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch(nn.Arch):
    space: ClassVar[str] = "small"
    resolution: int = nn.one_of(*range(24, 41, 4))
    stem: int = nn.one_of(8, 16, json="stem.out")
    s1: S1 = nn.stage(S1)
    s2: S2 = nn.stage(S2)
    requirements: ClassVar = (
        (lambda arch: arch.s2.depth <= arch.s1.depth, "s2.depth <= s1.depth"),
    )


class ConvBn(torch.nn.Module):
    def __init__(self, *, c_in: int, out: int, kernel: int, stride: int, act: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in=c_in, c_out=out, kernel=kernel, stride=stride)
        self.bn = nn.BatchNorm2d(channels=out)
        self.act = nn.Activation(kind=act)

    def forward(self, x: Tensor, *, c_in: int, out: int) -> Tensor:
        x = self.conv(x, c_in=c_in, c_out=out)
        x = self.bn(x, channels=out)
        return self.act(x)


class Mbconv(torch.nn.Module):
    def __init__(self, *, c_in: int, out: int, stride: int, act: str, se: bool) -> None:
        super().__init__()
        mid = c_in * 3
        self.expand = nn.Conv2d(c_in=c_in, c_out=mid, kernel=1)
        self.expand_bn = nn.BatchNorm2d(channels=mid)
        self.act = nn.Activation(kind=act)
        self.depthwise = nn.DepthwiseConv2d(channels=mid, kernel=7, stride=stride, steps=(7, 5, 3))
        self.depthwise_bn = nn.BatchNorm2d(channels=mid)
        self.se = nn.SqueezeExcite(channels=mid, hidden=nn.divisible(mid // 4, 8)) if se else None
        self.project = nn.Conv2d(c_in=mid, c_out=out, kernel=1)
        self.project_bn = nn.BatchNorm2d(channels=out)
        self.stride = stride

    def forward(self, x: Tensor, arch: MbconvChoices, *, c_in: int, out: int) -> Tensor:
        mid = nn.divisible(round(c_in * arch.expand), 8)
        shortcut = x
        x = self.expand(x, c_in=c_in, c_out=mid)
        x = self.expand_bn(x, channels=mid)
        x = self.act(x)
        x = self.depthwise(x, channels=mid, kernel=arch.kernel)
        x = self.depthwise_bn(x, channels=mid)
        x = self.act(x)
        if self.se is not None:
            x = self.se(x, channels=mid, hidden=nn.divisible(mid // 4, 8))
        x = self.project(x, c_in=mid, c_out=out)
        x = self.project_bn(x, channels=out)
        return x + shortcut if self.stride == 1 and c_in == out else x


class Supernet(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBn(c_in=3, out=16, kernel=3, stride=2, act="hswish")
        self.s1 = torch.nn.ModuleList(
            Mbconv(c_in=16, out=16, stride=1 if i else 2, act="relu", se=False) for i in range(2)
        )
        self.s2 = torch.nn.ModuleList(
            Mbconv(c_in=16, out=16, stride=1, act="hswish", se=True) for i in range(2)
        )
        self.pool = nn.GlobalAvgPool()
        self.head = nn.Linear(c_in=16, c_out=10, flatten=True)

    def forward(self, x: Tensor, arch: Arch) -> Tensor:
        width = arch.stem
        x = self.stem(x, c_in=3, out=width)
        for i, block in enumerate(arch.s1.blocks):
            x = self.s1[i](x, block, c_in=width, out=16)
            width = 16
        for i, block in enumerate(arch.s2.blocks):
            x = self.s2[i](x, block, c_in=width, out=arch.s2.width)
            width = arch.s2.width
        x = self.pool(x)
        return self.head(x, c_in=width)
