"""Data sets of the user: a folder of images for each class.

`DIR/train/<class>/*.jpg` beside `DIR/val/<class>/*.jpg`, or `DIR/<class>/*.jpg` of which a part is
kept for validation. Classes are sorted by name. Which images are kept follows from their names, so
that it is the same on every machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from ofadsl.diagnostics import Diagnostic, Diagnostics, fault
from ofadsl.train.data.augment import Augment
from ofadsl.train.data.crop import Box, centre_box, random_box
from ofadsl.train.data.decode import BrokenImageError, decode, dimensions
from ofadsl.train.data.prepare import as_bytes, augmented, resized

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
"""What names of images end with; other files are no part of a data set."""

VALIDATION = ("val", "valid", "validation", "test")
"""What the folder beside `train` may be called, the first that is there counting."""

Listing = tuple[tuple[str, int], ...]
"""Paths below the folder, each with the number of its class."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """Images in files; ``paths`` holds them as bytes, which workers share without copying."""

    folder: str
    paths: np.ndarray
    labels: np.ndarray
    channels: int
    augment: Augment
    broken: Literal["skip", "refuse"]

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, index: int) -> Path:
        """Return the file of an image."""
        return Path(self.folder, os.fsdecode(self.paths[index]))

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[Tensor, int]:
        """Return image ``index`` as Examples has it.

        Raises Diagnostics (OFA186) where it is broken, or BrokenImageError for it to be skipped.
        """
        augment = self.augment
        draw = None if seed is None else random.Random(seed)

        def choose(width: int, height: int) -> Box:
            if draw is None:
                return centre_box(width, height, augment.centre)
            return random_box(width, height, scale=augment.scale, ratio=augment.ratio, draw=draw)

        try:
            image, box = decode(self.path(index), channels=self.channels, size=size, choose=choose)
        except BrokenImageError as error:
            if self.broken == "skip":
                raise
            message = f"the image {error.path} cannot be used: {error.reason}"
            help = "mend or remove it, or leave such images out with --broken skip"
            raise fault("OFA186", message, help=help) from error
        image = resized(image, box, size)
        if draw is not None:
            image = augmented(image, augment, draw)
        return as_bytes(image), int(self.labels[index])


def list_folder(folder: Path, *, val_part: float) -> tuple[tuple[str, ...], Listing, Listing]:
    """Return the classes, the images for training and those for validation.

    Raises Diagnostics where the folder is none (OFA180), has no classes (OFA181) or empty ones
    (OFA182), where classes of the two parts differ (OFA183), or a class cannot be divided (OFA184).
    """
    train, val = folder, None
    if (folder / "train").is_dir() and _folders(folder / "train"):
        train = folder / "train"
        val = next((folder / n for n in VALIDATION if (folder / n).is_dir()), None)
    classes, images = _images(folder, train)
    if val is None:
        return (classes, *_divided(folder, classes, images, val_part))
    others, kept = _images(folder, val)
    if classes != others:
        raise _differ(train, classes, val, others)
    return classes, images, kept


def pictures(
    folder: Path,
    listing: Listing,
    *,
    channels: int,
    augment: Augment,
    broken: Literal["skip", "refuse"],
    limit: int | None,
) -> Pictures:
    """Return the images of a list; with ``limit`` so many, taken evenly."""
    if limit is not None and limit < len(listing):
        listing = tuple(listing[i * len(listing) // limit] for i in range(limit))
    return Pictures(
        folder=str(folder),
        paths=np.array([os.fsencode(path) for path, _ in listing]),
        labels=np.array([label for _, label in listing]),
        channels=channels,
        augment=augment,
        broken=broken,
    )


def median_side(folder: Path, listing: Listing) -> float:
    """Return the median of the shorter sides of some of the images, 0 where none can be read."""
    sides = []
    for path, _ in listing[:: max(1, len(listing) // _LOOKED_AT)]:
        with contextlib.suppress(BrokenImageError):  # said when it is loaded
            sides.append(min(dimensions(folder / path)))
    return float(np.median(sides)) if sides else 0.0


_LOOKED_AT = 50


def _images(folder: Path, part: Path) -> tuple[tuple[str, ...], Listing]:
    """Return the classes of a folder, and its images by class and name."""
    try:
        classes = _folders(part)
        listed = [(name, _files(part / name)) for name in classes]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        help = "give a folder of images, or `digits`"
        raise fault("OFA180", f"{part} cannot be read: {reason}", help=help) from error
    if len(classes) < 2:
        found = f"only {classes[0]}" if classes else "no folder"
        help = "make a folder for each class, two at least, with its images in it"
        raise fault("OFA181", f"{part} has {found} for a class", help=help)
    empty = [name for name, files in listed if not files]
    if empty:
        raise Diagnostics(_empty(part / name) for name in empty[:_SHOWN])
    base = part.relative_to(folder)
    images = tuple(
        (str(base / name / file), label)
        for label, (name, files) in enumerate(listed)
        for file in files
    )
    return tuple(classes), images


_SHOWN = 5


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _files(folder: Path) -> list[str]:
    found = []
    for place, _, names in os.walk(folder):
        inner = os.path.relpath(place, folder)
        inside = "" if inner == "." else f"{inner}/"
        found += [f"{inside}{name}" for name in names if _is_image(name)]
    return sorted(found)


def _is_image(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def _empty(folder: Path) -> Diagnostic:
    kinds = ", ".join(ending.removeprefix(".") for ending in ENDINGS[:5])
    message = f"the class {folder} has no images"
    return Diagnostic(code="OFA182", message=message, help=f"images are {kinds}; or remove it")


def _differ(train: Path, ours: Sequence[str], val: Path, theirs: Sequence[str]) -> Diagnostics:
    sets = ((train, set(ours) - set(theirs), val), (val, set(theirs) - set(ours), train))
    return Diagnostics(
        Diagnostic(
            code="OFA183",
            message=f"{there} has classes that {here} lacks: {_some(names)}",
            help="both parts have the same classes; rename or move folders",
        )
        for there, names, here in sets
        if names
    )


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _divided(
    folder: Path, classes: Sequence[str], images: Listing, val_part: float
) -> tuple[Listing, Listing]:
    """Return the images without and with those kept for validation, ``val_part`` of each class."""
    by_class: list[list[str]] = [[] for _ in classes]
    for path, label in images:
        by_class[label].append(path)
    kept: set[str] = set()
    for name, paths in zip(classes, by_class, strict=True):
        if len(paths) < 2:
            message = f"the class {name} of {folder} has a single image"
            help = "it needs one for training and one for validation"
            raise fault("OFA184", message, help=help)
        number = min(len(paths) - 1, max(1, round(len(paths) * val_part)))
        kept.update(sorted(paths, key=_lot)[:number])
    train = tuple(item for item in images if item[0] not in kept)
    return train, tuple(item for item in images if item[0] in kept)


def _lot(path: str) -> bytes:
    return hashlib.blake2b(os.fsencode(Path(path).name), digest_size=8).digest()
