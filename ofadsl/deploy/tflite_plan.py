"""Where each activation lies in the memory of tflite-micro, decided before the device starts.

In: the tensors of a model by size and lifetime. Out: an offset for each. tflite-micro follows such
a plan where a model carries one; its own, first fit by size, can need more than what lives at one
time. Here several orders are tried, until nothing better is possible.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

METADATA = "OfflineMemoryAllocation"
ALIGNMENT = 16
_TRIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """A tensor: its bytes, and the first and the last op during which it is needed."""

    tensor: int
    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Return whether both are needed during some op."""
        return self.first <= other.last and other.first <= self.last


def needed(buffers: Sequence[Buffer]) -> int:
    """Return the most bytes that are needed during one op: no plan does with less."""
    ops = {buffer.first for buffer in buffers}
    return max(sum(b.size for b in buffers if b.first <= op <= b.last) for op in ops)


def plan(buffers: Sequence[Buffer]) -> Mapping[int, int]:
    """Return the offset of each tensor, in as little memory as was found."""
    least = needed(buffers)
    best: dict[int, int] = {}
    smallest = 1 << 62
    for order in _orders(buffers):
        for ceiling in (None, least):
            offsets = _placed(order, ceiling)
            size = max(offsets[b.tensor] + b.size for b in buffers)
            if size < smallest:
                best, smallest = offsets, size
            if smallest == least:
                return best
    return best


def _orders(buffers: Sequence[Buffer]) -> Iterator[list[Buffer]]:
    yield sorted(buffers, key=lambda b: -b.size)
    yield sorted(buffers, key=lambda b: (b.first, -b.size))
    draw = random.Random(0)
    for _ in range(_TRIES):
        yield sorted(buffers, key=lambda b: -b.size * draw.uniform(0.3, 1.0))


def _placed(order: Sequence[Buffer], ceiling: int | None) -> dict[int, int]:
    """Return offsets: the lowest that are free, or in turn those just below ``ceiling``."""
    offsets: dict[int, int] = {}
    done: list[Buffer] = []
    for turn, buffer in enumerate(order):
        taken = sorted((offsets[b.tensor], b.size) for b in done if b.meets(buffer))
        offset = _lowest(taken, buffer.size)
        if ceiling is not None and turn % 2:
            mirrored = sorted((ceiling - start - size, size) for start, size in taken)
            top = ceiling - _lowest(mirrored, buffer.size) - buffer.size
            offset = top if top >= 0 else offset
        offsets[buffer.tensor] = offset
        done.append(buffer)
    return offsets


def _lowest(taken: Sequence[tuple[int, int]], size: int) -> int:
    """Return the lowest start of a gap of ``size`` between what is taken, in order of start."""
    start = 0
    for other, length in taken:
        if start + size <= other:
            break
        start = max(start, other + length)
    return start
