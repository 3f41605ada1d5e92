"""Random changes beyond the place of an image: RandAugment (Cubuk et al. 2020), colour jitter."""

from __future__ import annotations

import random
from collections.abc import Callable

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
    """Return ``image`` with brightness, contrast and saturation changed, in a random order."""
    enhancers = list(_ENHANCERS)
    draw.shuffle(enhancers)
    for enhancer in enhancers:
        image = enhancer(image).enhance(1 + draw.uniform(-strength, strength))
    return image


_ENHANCERS: tuple[Callable[[Image.Image], ImageEnhance._Enhance], ...] = (
    ImageEnhance.Brightness,
    ImageEnhance.Contrast,
    ImageEnhance.Color,
)

Operation = Callable[[Image.Image, float], Image.Image]
"""An image and a strength of -1 to 1."""


def _enhanced(enhancer: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    return lambda image, strength: enhancer(image).enhance(1 + 0.9 * strength)


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    kind, grey = Image.Resampling.BILINEAR, 128 if image.mode == "L" else (128, 128, 128)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, kind, fillcolor=grey)


def _rotated(image: Image.Image, strength: float) -> Image.Image:
    grey = 128 if image.mode == "L" else (128, 128, 128)
    return image.rotate(30 * strength, Image.Resampling.BILINEAR, fillcolor=grey)


_OPERATIONS: tuple[Operation, ...] = (
    lambda image, _: image,
    lambda image, _: ImageOps.autocontrast(image),
    lambda image, _: ImageOps.equalize(image),
    lambda image, strength: ImageOps.solarize(image, int(256 * (1 - abs(strength)))),
    lambda image, strength: ImageOps.posterize(image, 8 - int(4 * abs(strength))),
    _enhanced(ImageEnhance.Color),
    _enhanced(ImageEnhance.Contrast),
    _enhanced(ImageEnhance.Brightness),
    _enhanced(ImageEnhance.Sharpness),
    _rotated,
    lambda image, strength: _affine(image, (1, 0.3 * strength, 0, 0, 1, 0)),
    lambda image, strength: _affine(image, (1, 0, 0, 0.3 * strength, 1, 0)),
    lambda image, strength: _affine(image, (1, 0, 0.45 * strength * image.size[0], 0, 1, 0)),
    lambda image, strength: _affine(image, (1, 0, 0, 0, 1, 0.45 * strength * image.size[1])),
)
