"""From pixels to what a network is given: cropped, resized, changed at random, normalised.

Images are bytes until they are a batch: a worker moves a quarter of the memory so.
"""

from __future__ import annotations

import math
import random

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ofadsl.train.data.augment import Augment
from ofadsl.train.data.colour import jittered, rand_augmented
from ofadsl.train.data.crop import Box

MEAN = {1: (0.449,), 3: (0.485, 0.456, 0.406)}
STD = {1: (0.226,), 3: (0.229, 0.224, 0.225)}
"""Of the channels of ImageNet, where white is 1; for grey, their means."""


def resized(image: Image.Image, box: Box, size: int) -> Image.Image:
    """Return the part of the image as a square; what is made smaller is averaged."""
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box)


def augmented(image: Image.Image, augment: Augment, draw: random.Random) -> Image.Image:
    """Return a square image changed at random."""
    if augment.flip and draw.random() < augment.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if augment.rotate or augment.shift:
        image = _moved(image, augment, draw)
    if augment.layers:
        image = rand_augmented(image, augment.layers, augment.magnitude, draw)
    if augment.jitter:
        image = jittered(image, augment.jitter, draw)
    return image


def as_bytes(image: Image.Image) -> Tensor:
    """Return the pixels as uint8 (channels, rows, columns); the channels lie last in memory."""
    values = torch.from_numpy(np.array(image))
    return values[None] if values.ndim == 2 else values.permute(2, 0, 1)


def normalised(images: Tensor) -> Tensor:
    """Return bytes (..., channels, rows, columns) as float32, less MEAN and divided by STD."""
    scale, offset = _LINES[images.shape[-3]]
    return images.to(torch.float32).mul_(scale).add_(offset)


_LINES = {
    channels: (
        torch.tensor([1 / (255 * s) for s in STD[channels]])[:, None, None],
        torch.tensor([-m / s for m, s in zip(MEAN[channels], STD[channels], strict=True)])[
            :, None, None
        ],
    )
    for channels in MEAN
}
"""What turns a byte of each channel into its normalised value: a factor and a summand."""


def _moved(image: Image.Image, augment: Augment, draw: random.Random) -> Image.Image:
    size = image.size[0]
    angle = math.radians(draw.uniform(-augment.rotate, augment.rotate))
    x, y = (draw.uniform(-augment.shift, augment.shift) * size for _ in range(2))
    if not augment.rotate:  # whole pixels stay sharp
        x, y = round(x), round(y)
    cos, sin, middle = math.cos(angle), math.sin(angle), size / 2
    matrix = (
        *(cos, sin, middle - cos * middle - sin * middle + x),
        *(-sin, cos, middle + sin * middle - cos * middle + y),
    )
    kind = Image.Resampling.BILINEAR if augment.rotate else Image.Resampling.NEAREST
    return image.transform(image.size, Image.Transform.AFFINE, matrix, kind)
