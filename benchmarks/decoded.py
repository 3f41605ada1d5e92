"""Small images that are decoded once and kept: in a file, and as bytes in memory.

In: a folder of images of one size by class, or a `.tar.gz` of one. Out: the same data set, which
loads in a fraction of the time, with the `small` recipe.
"""

from __future__ import annotations

import hashlib
import os
import random
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ofadsl.train.data.augment import SMALL, Augment
from ofadsl.train.data.crop import centre_box, random_box
from ofadsl.train.data.open import open_data
from ofadsl.train.data.prepare import as_bytes, augmented, resized
from ofadsl.train.data.source import Data, Examples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """Some images; ``images`` is uint8 (number, rows, columns, channels)."""

    images: np.ndarray
    labels: np.ndarray
    augment: Augment

    def __len__(self) -> int:
        return len(self.labels)

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[Tensor, int]:
        """Return an image as Examples has it."""
        image, augment = Image.fromarray(self.images[index]), self.augment
        if seed is None:
            image = resized(image, centre_box(*image.size, augment.centre), size)
        else:
            draw = random.Random(seed)
            box = random_box(*image.size, scale=augment.scale, ratio=augment.ratio, draw=draw)
            image = augmented(resized(image, box, size), augment, draw)
        return as_bytes(image), int(self.labels[index])


def decoded(source: Path, cache: Path, *, limit: int | None = None) -> tuple[Data, str]:
    """Return the data set, decoded at the first call, and a digest of all of it.

    With ``limit`` so many images of each part, taken evenly.
    """
    path = cache / "images.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _decode(source, path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    parts = {}
    for part in ("train", "val"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if limit is not None and limit < len(labels):
            taken = np.arange(limit) * len(labels) // limit
            images, labels = images[taken], labels[taken]
        parts[part] = Decoded(images=images, labels=labels, augment=SMALL)
    data = Data(
        name=source.name.partition(".")[0],
        classes=tuple(map(str, arrays["classes"])),
        channels=3,
        train=parts["train"],
        val=parts["val"],
        centre=SMALL.centre,
    )
    return data, digest.hexdigest()


def _decode(source: Path, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        folder = source
        if source.is_file():
            with tarfile.open(source) as archive:
                archive.extractall(temporary, filter="data")
            folder = Path(temporary)
        data = open_data(folder, channels=3, augment=SMALL)
        arrays = {"classes": np.array(data.classes)}
        for part, examples in (("train", data.train), ("val", data.val)):
            arrays |= _arrays(part, examples)
        draft = Path(temporary) / "draft.npz"
        np.savez(draft, **arrays)  # type: ignore[arg-type]
        os.replace(draft, path)


def _arrays(part: str, examples: Examples) -> dict[str, np.ndarray]:
    loaded = [examples.load(i, size=SIDE, seed=None) for i in range(len(examples))]
    images = np.stack([image.permute(1, 2, 0).numpy() for image, _ in loaded])
    return {f"{part}_images": images, f"{part}_labels": np.array([label for _, label in loaded])}


SIDE = 32
"""Pixels; larger images are kept in this size."""
