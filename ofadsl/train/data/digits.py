"""The data set that ships: handwritten digits, small enough for a first training on any machine."""

from __future__ import annotations

import random
from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np
from PIL import Image
from torch import Tensor

from ofadsl.train.data.augment import Augment
from ofadsl.train.data.crop import centre_box, random_box
from ofadsl.train.data.prepare import as_bytes, augmented, resized
from ofadsl.train.data.source import Data


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digits:
    """Some of the digits; ``images`` is uint8 (number, rows, columns), 255 being ink."""

    images: np.ndarray
    labels: np.ndarray
    channels: int
    augment: Augment

    def __len__(self) -> int:
        return len(self.labels)

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[Tensor, int]:
        """Return digit ``index`` as Examples has it."""
        image = Image.fromarray(self.images[index])
        image = image if self.channels == 1 else image.convert("RGB")
        if seed is None:
            box = centre_box(*image.size, self.augment.centre)
            image = resized(image, box, size)
        else:
            draw, augment = random.Random(seed), self.augment
            box = random_box(*image.size, scale=augment.scale, ratio=augment.ratio, draw=draw)
            image = augmented(resized(image, box, size), augment, draw)
        return as_bytes(image), int(self.labels[index])


def open_digits(*, channels: int, augment: Augment, limit: int | None) -> Data:
    """Return the digits in their fixed split, at most ``limit`` of each part."""
    with as_file(files("ofadsl.train.data") / "digits.npz") as path, np.load(path) as stored:
        images, labels, training = stored["images"], stored["labels"], int(stored["training"])
    pixels = (images.astype(np.uint16) * 255 // 16).astype(np.uint8)
    parts = (slice(0, training), slice(training, None))
    train, val = (
        Digits(
            images=pixels[part][:limit],
            labels=labels[part][:limit],
            channels=channels,
            augment=augment,
        )
        for part in parts
    )
    classes = tuple(map(str, range(10)))
    return Data(
        name="digits",
        classes=classes,
        channels=channels,
        train=train,
        val=val,
        centre=augment.centre,
    )
