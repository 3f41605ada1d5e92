"""Files cut short and changed, for tests of what reads them."""

from __future__ import annotations

import random
from collections.abc import Iterator


def damaged(data: bytes) -> Iterator[bytes]:
    """Yield a file cut short, then with other bytes."""
    yield from cut(data)
    yield from changed(data)


def cut(data: bytes) -> Iterator[bytes]:
    """Yield the start of a file, cut at many places, more of them where its head is."""
    for size in sorted(
        {*range(0, min(len(data), 300), 7), *range(0, len(data), len(data) // 60 + 1)}
    ):
        yield data[:size]
    yield data[:-1]


def changed(data: bytes, count: int = 300) -> Iterator[bytes]:
    """Yield a file with one byte changed or a few, at either end or anywhere."""
    rng = random.Random(7)
    length = len(data)
    for number in range(count):
        start, end = ((0, 100), (0, 2000), (length - 500, length), (0, length))[number % 4]
        found = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 3, 20))):
            found[rng.randrange(max(start, 0), min(end, length))] = rng.randrange(256)
        yield bytes(found)
