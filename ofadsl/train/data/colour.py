"""Random changes beyond the place of an image: RandAugment (Cubuk et al. 2020), colour jitter.

A worker has to keep up with the decoder. So turning and shearing take the nearest pixel, as
RandAugment was published, sharpening is arithmetic of arrays, and jitter is one pass.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

_STRONGEST = 10.0  # of the scale of magnitudes


def rand_augmented(
    image: Image.Image, layers: int, magnitude: float, draw: random.Random
) -> Image.Image:
    """Return ``image`` after so many operations, drawn with return; each has its sign at random."""
    for _ in range(layers):
        operation = draw.choice(_OPERATIONS)
        image = operation(image, magnitude / _STRONGEST * draw.choice((-1, 1)))
    return image


def jittered(image: Image.Image, strength: float, draw: random.Random) -> Image.Image:
    """Return ``image`` with brightness, contrast and saturation changed, in a random order.

    Each mixes a value with another, by a factor of 1 more or less ``strength``: with black, with
    the mean of the image's grey, with the grey of its pixel. So all together make of a value
    ``own * value + grey * the grey of its pixel + offset``, rounded and clipped once.
    """
    own, grey, offset = 1.0, 0.0, 0.0
    changes = ["brightness", "contrast", "saturation"]
    draw.shuffle(changes)
    for change in changes:
        factor = 1 + draw.uniform(-strength, strength)
        if change == "saturation":
            grey += (1 - factor) * own
            own *= factor
            continue
        mean = (own + grey) * _mean_grey(image) + offset if change == "contrast" else 0.0
        own, grey, offset = factor * own, factor * grey, factor * offset + (1 - factor) * mean
    if image.mode == "L":
        return image.point([round(min(max((own + grey) * v + offset, 0), 255)) for v in range(256)])
    rows = ([own * (i == k) + grey * w for k, w in enumerate(_LUMA)] for i in range(3))
    return image.convert("RGB", tuple(v for row in rows for v in (*row, offset)))


_LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue give to grey (ITU-R 601)."""


def _mean_grey(image: Image.Image) -> float:
    mean = image.reduce(image.size).getpixel((0, 0))
    if isinstance(mean, tuple):
        return sum(value * weight for value, weight in zip(mean, _LUMA, strict=True))
    assert mean is not None
    return float(mean)


Operation = Callable[[Image.Image, float], Image.Image]
"""An image and a strength of -1 to 1."""


def _enhanced(enhancer: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    return lambda image, strength: enhancer(image).enhance(1 + 0.9 * strength)


def _sharpened(image: Image.Image, strength: float) -> Image.Image:
    """Mix an image with a smooth one, as ImageEnhance.Sharpness does, to a level; edges stay.

    Smooth is the mean of 3 x 3 pixels, the one in the middle counting five times.
    """
    pixels = np.array(image)
    rows = pixels[:-2].astype(np.uint16) + pixels[1:-1] + pixels[2:]
    sums = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    smooth = -0.9 * strength / 13  # the weight of each of the 13
    inner = pixels[1:-1, 1:-1]
    mixed = inner * np.float32(1 - 9 * smooth)
    mixed += sums * np.float32(smooth)
    inner[...] = np.clip(mixed + np.float32(0.5), 0, 255, out=mixed)
    return Image.fromarray(pixels)


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    kind, grey = Image.Resampling.NEAREST, 128 if image.mode == "L" else (128, 128, 128)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, kind, fillcolor=grey)


def _rotated(image: Image.Image, strength: float) -> Image.Image:
    grey = 128 if image.mode == "L" else (128, 128, 128)
    return image.rotate(30 * strength, Image.Resampling.NEAREST, fillcolor=grey)


_OPERATIONS: tuple[Operation, ...] = (
    lambda image, _: image,
    lambda image, _: ImageOps.autocontrast(image),
    lambda image, _: ImageOps.equalize(image),
    lambda image, strength: ImageOps.solarize(image, int(256 * (1 - abs(strength)))),
    lambda image, strength: ImageOps.posterize(image, 8 - int(4 * abs(strength))),
    _enhanced(ImageEnhance.Color),
    _enhanced(ImageEnhance.Contrast),
    _enhanced(ImageEnhance.Brightness),
    _sharpened,
    _rotated,
    lambda image, strength: _affine(image, (1, 0.3 * strength, 0, 0, 1, 0)),
    lambda image, strength: _affine(image, (1, 0, 0, 0.3 * strength, 1, 0)),
    lambda image, strength: _affine(image, (1, 0, 0.45 * strength * image.size[0], 0, 1, 0)),
    lambda image, strength: _affine(image, (1, 0, 0, 0, 1, 0.45 * strength * image.size[1])),
)
