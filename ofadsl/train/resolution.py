"""Images at the resolution of a subnet: resized as a batch, from the largest of the phase."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ofadsl.diagnostics import Diagnostics


class Sizes:
    """A batch at every resolution asked for; each is made once."""

    def __init__(self, images: Tensor) -> None:
        self._made = {images.shape[-1]: images}
        self._images = images

    def at(self, size: int) -> Tensor:
        """Return the images, (batch, channels, ``size``, ``size``)."""
        if size not in self._made:
            self._made[size] = resized(self._images, size)
        return self._made[size]


def resized(images: Tensor, size: int) -> Tensor:
    """Return square images of ``size`` pixels a side, bicubic, antialiased."""
    if images.shape[-1] == size:
        return images
    with torch.autocast(images.device.type, enabled=False):
        return torch.nn.functional.interpolate(
            images, size=(size, size), mode="bicubic", antialias=True
        )


def at_resolution(arch: Any, size: int) -> Any:
    """Return ``arch`` at another resolution, or as it is where the space does not allow that."""
    if arch.resolution == size:
        return arch
    try:
        return replace(arch, resolution=size)
    except Diagnostics:
        return arch
