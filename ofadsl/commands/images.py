"""Images that a command is given by name: a data set, a folder, or noise.

Those of the training part calibrate, those of the validation part are for the accuracy.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ofadsl.deploy.images import Images, random_images
from ofadsl.diagnostics import fault
from ofadsl.train.data.open import open_data
from ofadsl.train.data.source import Examples

RANDOM = "random"
_CALIBRATION = 256
_TEST = 1000


def images_of(name: str, image: tuple[int, ...], classes: int) -> Images:
    """Return images as a network of ``classes`` outputs takes them.

    Classes that are others than the network's say nothing of it, and are left out.
    """
    if name == RANDOM:
        return Images(name=RANDOM, calibration=random_images(image))
    channels, rows, columns = image
    if rows != columns:
        raise fault("OFA255", f"the network takes images of {rows} x {columns}, not square ones")
    data = open_data(name, channels=channels)
    calibration, _ = _loaded(data.train, rows, _CALIBRATION)
    test, labels = _loaded(data.val, rows, _TEST)
    known = len(data.classes) == classes
    return Images(
        name=data.name, calibration=calibration, test=test, labels=labels if known else None
    )


def _loaded(examples: Examples, size: int, most: int) -> tuple[Tensor, Tensor]:
    """Return plain images, taken evenly, and their classes."""
    count = min(len(examples), most)
    places = [i * len(examples) // count for i in range(count)]
    pairs = [examples.load(place, size=size, seed=None) for place in places]
    images, labels = zip(*pairs, strict=True)
    return torch.stack(images), torch.tensor(labels)
