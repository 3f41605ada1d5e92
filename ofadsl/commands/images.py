"""Images that a command is given by name: a data set, a folder, or noise.

Those of the training part calibrate, those of the validation part are for the accuracy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ofadsl.deploy.images import Images, random_images
from ofadsl.deploy.subnet import Subnet
from ofadsl.diagnostics import fault
from ofadsl.train.data.open import open_data
from ofadsl.train.data.prepare import MEAN, STD, normalised
from ofadsl.train.data.source import Data, Examples

RANDOM = "random"
_CALIBRATION = 256
_TEST = 1000


def preprocessing(channels: int, data: Data | None) -> dict[str, Any] | None:
    """Return what is done with an image whose pixels are from 0 to 1, in the order of the keys.

    The square in the middle with the part ``centre`` of the shorter side is cut out, None where no
    data tells it; made as large as the network's input; less the mean, divided by std.
    """
    if channels not in MEAN:
        return None
    return {
        "colour": "grey" if channels == 1 else "RGB",
        "centre": None if data is None else data.centre,
        "resize": "bilinear, antialiased",
        "mean": list(MEAN[channels]),
        "std": list(STD[channels]),
    }


def images_of(name: str, subnet: Subnet) -> Images:
    """Return images as a subnet takes them.

    Classes that are others than the network's say nothing of it, and are left out.
    """
    image = subnet.image
    if name == RANDOM:
        return Images(name=RANDOM, calibration=random_images(image))
    channels, rows, columns = image
    if rows != columns:
        raise fault("OFA255", f"the network takes images of {rows} x {columns}, not square ones")
    data = open_data(name, channels=channels)
    calibration, _ = _loaded(data.train, rows, _CALIBRATION)
    test, labels = _loaded(data.val, rows, _TEST)
    known = len(data.classes) == subnet.classes and subnet.labels in (None, data.classes)
    return Images(
        name=data.name,
        calibration=calibration,
        test=test,
        labels=labels if known else None,
        classes=data.classes if known else None,
        preprocessing=preprocessing(channels, data),
    )


def _loaded(examples: Examples, size: int, most: int) -> tuple[Tensor, Tensor]:
    """Return plain images, taken evenly, and their classes."""
    count = min(len(examples), most)
    places = [i * len(examples) // count for i in range(count)]
    pairs = [examples.load(place, size=size, seed=None) for place in places]
    images, labels = zip(*pairs, strict=True)
    return normalised(torch.stack(images)), torch.tensor(labels)
