"""From examples to batches: the same for any number of workers, ranks and interruptions.

What comes when, and how each image is augmented, follows from the seed, the epoch and the index
alone. An image that cannot be read is named once; in training the next one takes its place, in
validation it is left out.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ofadsl.diagnostics import Diagnostics, fault, visible
from ofadsl.train.data.decode import BrokenImageError
from ofadsl.train.data.prepare import normalised
from ofadsl.train.data.source import Examples

log = logging.getLogger("ofadsl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images, float32 (number, channels, size, size), normalised; their classes, int64."""

    images: Tensor
    labels: Tensor


def batches(
    examples: Examples,
    *,
    size: int,
    batch: int,
    seed: int | None,
    epoch: int = 0,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    start: int = 0,
    drop_last: bool,
) -> Iterator[Batch]:
    """Yield the batches of an epoch from number ``start`` on, of each the part of this rank.

    ``batch`` images are those of all ranks together. With a seed they are shuffled and augmented;
    with None they come in order and plain. With ``drop_last`` all batches and all parts have the
    same number of images; without, the last may be smaller, and ranks may get one batch less.
    Raises Diagnostics where an image is broken and the data refuses that, and where ranks cannot
    have equal parts (OFA187) or the images make no whole batch (OFA188).
    """
    if drop_last:
        check_batch(examples, batch=batch, world=world)
    parts = _parts(len(examples), batch, seed, epoch, rank, world, drop_last)[start:]
    named: set[str] = set()
    loader = DataLoader(
        _Loading(examples, size, seed, epoch),
        batch_sampler=parts,
        num_workers=workers,
        collate_fn=_collated,
        generator=torch.Generator(),  # the loader draws a number, which must not be one of ours
    )
    for loaded in loader:
        for message in (m for m in loaded.broken if m not in named):
            named.add(message)
            log.warning("warning: %s", visible(message))
        if loaded.refused is not None:
            raise loaded.refused
        if len(loaded.labels):
            yield Batch(images=normalised(loaded.images), labels=loaded.labels)


def check_batch(examples: Examples, *, batch: int, world: int) -> None:
    """Raise Diagnostics where there are no whole batches of equal parts (OFA187, OFA188)."""
    if batch % world:
        message = f"a batch of {batch} images cannot be divided among {world} processes"
        raise fault("OFA187", message, help=f"give a multiple of {world}")
    if len(examples) < batch:
        message = f"{len(examples)} images do not make a batch of {batch}"
        raise fault("OFA188", message, help="give a smaller batch, or more images")


def count(examples: Examples, *, batch: int, drop_last: bool) -> int:
    """Return how many batches an epoch has."""
    return len(examples) // batch if drop_last else -(-len(examples) // batch)


def no_images() -> Diagnostics:
    """Return what is said where all images are broken, and skipped."""
    message = "no image of the data can be read"
    return fault("OFA193", message, help="mend them; --broken refuse says what is wrong with each")


def _parts(
    number: int,
    batch: int,
    seed: int | None,
    epoch: int,
    rank: int,
    world: int,
    drop_last: bool,
) -> list[list[int]]:
    """Return the indices of each batch that are this rank's."""
    order = np.arange(number)
    if seed is not None:
        order = np.random.default_rng(mixed(seed, epoch)).permutation(number)
    end = number - number % batch if drop_last else number
    parts = [order[i : min(i + batch, end)][rank::world].tolist() for i in range(0, end, batch)]
    return [part for part in parts if part]


def mixed(*numbers: int) -> int:
    """Return a seed of 64 bits that follows from all numbers and shows no pattern of them."""
    text = " ".join(map(str, numbers)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Example:
    """What a worker made of an index: an example or what was wrong."""

    example: tuple[Tensor, int] | None
    broken: tuple[str, ...] = ()
    refused: Diagnostics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """A batch as a worker makes it: bytes."""

    images: Tensor
    labels: Tensor
    broken: tuple[str, ...]
    refused: Diagnostics | None


class _Loading(Dataset[_Example]):
    def __init__(self, examples: Examples, size: int, seed: int | None, epoch: int) -> None:
        self.examples, self.size, self.seed, self.epoch = examples, size, seed, epoch

    def __getitem__(self, index: int) -> _Example:
        seed = None if self.seed is None else mixed(self.seed, self.epoch, index)
        broken = []
        for turn in range(_TURNS):
            place = (index + turn) % len(self.examples)
            try:
                example = self.examples.load(place, size=self.size, seed=seed)
            except BrokenImageError as error:
                broken.append(f"{error.path} is skipped: {error.reason}")
            except Diagnostics as report:  # one that a process raises comes as another type
                return _Example(example=None, refused=report)
            else:
                return _Example(example=example, broken=tuple(broken))
            if seed is None:
                break
        return _Example(example=None, broken=tuple(broken))


_TURNS = 100
"""So many broken images in a row are no accident: what they would have been is left out."""


def _collated(examples: Sequence[_Example]) -> _Loaded:
    loaded = [one.example for one in examples if one.example is not None]
    images = torch.stack([image for image, _ in loaded]) if loaded else torch.empty(0)
    return _Loaded(
        images=images,
        labels=torch.tensor([label for _, label in loaded]),
        broken=tuple(message for one in examples for message in one.broken),
        refused=next((one.refused for one in examples if one.refused is not None), None),
    )
