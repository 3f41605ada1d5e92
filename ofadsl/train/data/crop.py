"""Which part of an image is used: a random one in training, the middle in validation."""

from __future__ import annotations

import math
import random

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

_TRIES = 10


def random_box(
    width: int,
    height: int,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    draw: random.Random,
) -> Box:
    """Return a part with an area and a shape in these bounds, as near as the image allows."""
    narrow, wide = math.log(ratio[0]), math.log(ratio[1])
    for _ in range(_TRIES):
        area = width * height * draw.uniform(*scale)
        shape = math.exp(draw.uniform(narrow, wide))
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            left, top = draw.randint(0, width - w), draw.randint(0, height - h)
            return (left, top, left + w, top + h)
    shape = min(max(width / height, ratio[0]), ratio[1])
    return _middle(width, height, min(width, height * shape), min(height, width / shape))


def centre_box(width: int, height: int, part: float) -> Box:
    """Return the square in the middle with ``part`` of the shorter side."""
    side = max(1.0, min(width, height) * part)
    return _middle(width, height, side, side)


def _middle(width: int, height: int, w: float, h: float) -> Box:
    left, top = (width - w) / 2, (height - h) / 2
    return (left, top, left + w, top + h)
