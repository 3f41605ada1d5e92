"""What makes an export small on a microcontroller: no padded copies, a plan of its memory."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ofadsl.deploy.same_padding import same_padding
from ofadsl.deploy.tflite_plan import Buffer, needed, plan


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("size", [8, 9])
def test_strided_kernels_are_widened_without_any_difference(kernel: int, size: int) -> None:
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, kernel, stride=2, padding=kernel // 2),
        torch.nn.Conv2d(4, 4, 1, stride=2),
        torch.nn.Conv2d(4, 4, kernel, padding=kernel // 2, groups=4),
    ).double()
    images = torch.randn(2, 3, size, size, dtype=torch.float64)
    found = same_padding(net, images)
    torch.testing.assert_close(found(images), net(images), rtol=0, atol=1e-15)
    sides = [conv.kernel_size[0] for conv in found.modules() if isinstance(conv, torch.nn.Conv2d)]
    assert sides == [kernel + 1 if size == 8 else kernel, 1, kernel]
    assert net[0].kernel_size == (kernel, kernel)


def residual_chain(draw: random.Random, blocks: int) -> list[Buffer]:
    """Return the activations of inverted residual blocks: in, expanded, filtered, out, sum."""
    buffers: list[Buffer] = []
    op, source = 0, Buffer(tensor=0, size=160 * draw.randint(1, 9), first=0, last=0)
    for _ in range(blocks):
        wide = source.size * draw.choice([3, 4, 6])
        last = {0: op + 3, 1: op + 1, 2: op + 2, 3: op + 3}
        sizes = {1: wide, 2: wide, 3: source.size}
        buffers.append(
            Buffer(tensor=len(buffers), size=source.size, first=source.first, last=last[0])
        )
        for step in (1, 2, 3):
            buffers.append(
                Buffer(tensor=len(buffers), size=sizes[step], first=op + step - 1, last=last[step])
            )
        source = Buffer(tensor=-1, size=source.size, first=op + 3, last=op + 3)
        op += 4
    return buffers


@pytest.mark.parametrize("seed", range(20))
def test_networks_of_residual_blocks_need_no_more_than_lives_at_one_time(seed: int) -> None:
    buffers = residual_chain(random.Random(seed), 6)
    offsets = plan(buffers)
    assert max(offsets[b.tensor] + b.size for b in buffers) == needed(buffers)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 5)), min_size=1))
def test_what_is_needed_at_one_time_lies_apart(drawn: list[tuple[int, int, int]]) -> None:
    buffers = [
        Buffer(tensor=i, size=16 * size, first=first, last=first + length)
        for i, (size, first, length) in enumerate(drawn[:12])
    ]
    offsets = plan(buffers)
    for a, b in itertools.combinations(buffers, 2):
        if a.meets(b):
            start, other = offsets[a.tensor], offsets[b.tensor]
            assert start + a.size <= other or other + b.size <= start
    assert min(offsets.values()) >= 0
