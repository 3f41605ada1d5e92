"""What a data set is: examples that load by index, the same on every machine for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Examples(Protocol):
    """Labelled images, loaded one at a time."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[Tensor, int]:
        """Return image ``index``, uint8 (channels, size, size), and its class.

        ``seed`` draws the augmentation; None asks for the plain image.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A data set: two parts that share their classes."""

    name: str
    classes: tuple[str, ...]
    channels: int
    train: Examples
    val: Examples
    centre: float = 1.0
    """The part of the shorter side that the square in the middle has, outside training."""
