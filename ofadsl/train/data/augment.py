"""How an image becomes what a network is given: random in training, plain in validation.

A recipe is data. Those of the usual kinds of images have names; `open_data` chooses among them
where the user does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """A recipe; sizes and shifts are parts of the image's, so that it serves every resolution.

    Training: a crop with ``scale`` of the area and a ``ratio`` of width to height, resized;
    flipped left to right with the probability ``flip``; turned by up to ``rotate`` degrees and
    shifted by up to ``shift`` of the size, black moving in; ``layers`` operations of RandAugment
    (Cubuk et al. 2020) with ``magnitude`` of 0 to 10; brightness, contrast and saturation changed
    by up to ``jitter``. Validation: the square in the middle with ``centre`` of the shorter side.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    rotate: float = 0.0
    shift: float = 0.0
    layers: int = 0
    magnitude: float = 9.0
    jitter: float = 0.0
    centre: float = 0.875


IMAGENET = Augment()
"""Photographs that are larger than what the network is given (Szegedy et al. 2015)."""

SMALL = Augment(scale=(1.0, 1.0), ratio=(1.0, 1.0), shift=0.125, centre=1.0)
"""Small pictures of one thing, such as those of CIFAR (He et al. 2016)."""

SIGNS = Augment(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0, rotate=10.0, shift=0.08, centre=1.0)
"""Writing and signs, which mirrored are other ones."""

PLAIN = Augment(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0)
"""Nothing random: the square in the middle."""

RAND = Augment(layers=2)
"""IMAGENET with RandAugment, for long trainings of large networks."""

JITTER = Augment(jitter=0.4)
"""IMAGENET with other brightness, contrast and saturation."""

SMALL_RAND = Augment(scale=(1.0, 1.0), ratio=(1.0, 1.0), shift=0.125, centre=1.0, layers=2)
"""SMALL with RandAugment."""

RECIPES: Mapping[str, Augment] = {
    "imagenet": IMAGENET,
    "small": SMALL,
    "signs": SIGNS,
    "plain": PLAIN,
    "rand": RAND,
    "jitter": JITTER,
    "small-rand": SMALL_RAND,
}
"""The recipes by the names that the command line gives them."""
