"""The images that an export is calibrated and tried with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ofadsl.diagnostics import fault

_RANDOM = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images as the network takes them: float32, (images, channels, rows, columns), normalised."""

    name: str
    """Where they are from, as the user said it."""
    calibration: Tensor
    """What the ranges of int8 are read from."""
    test: Tensor | None = None
    """Real images that calibration has not seen."""
    labels: Tensor | None = None
    """The classes of ``test``, where they are known."""
    classes: tuple[str, ...] | None = None
    """The names of the classes, where they are the network's."""
    preprocessing: Mapping[str, Any] | None = None
    """How these images were made of files."""


def random_images(image: tuple[int, ...], count: int = _RANDOM) -> Tensor:
    """Return normal noise, the same at every call."""
    return torch.randn(count, *image, generator=torch.Generator().manual_seed(0))


def check_images(images: Images, image: tuple[int, ...], classes: int) -> None:
    """Raise OFA255 where images are not what a network takes, or classes more than it tells."""
    for tensor in (images.calibration, images.test):
        if tensor is None:
            continue
        if tuple(tensor.shape[1:]) != image or not len(tensor):
            found = f"{images.name} gives images {tuple(tensor.shape)}"
            raise fault("OFA255", f"{found}, the network takes {image}")
    if images.labels is not None and int(images.labels.max()) >= classes:
        found = f"{images.name} has the class {int(images.labels.max())}"
        help = "train the network on these classes first, or calibrate with a folder of images"
        raise fault("OFA255", f"{found}, the network tells {classes} apart", help=help)
