"""From what `--data` says to a data set: the digits that ship, or a folder of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ofadsl.diagnostics import fault
from ofadsl.train.data.augment import IMAGENET, SIGNS, SMALL, Augment
from ofadsl.train.data.digits import open_digits
from ofadsl.train.data.folder import list_folder, median_side, pictures
from ofadsl.train.data.prepare import MEAN
from ofadsl.train.data.source import Data

_SMALL_SIDE = 64  # pixels; a picture of no more shows one thing, and a crop would cut it


def open_data(
    name_or_dir: str | Path,
    *,
    channels: int,
    augment: Augment | None = None,
    val_part: float = 0.1,
    broken: Literal["skip", "refuse"] = "refuse",
    limit: int | None = None,
) -> Data:
    """Return the data set `digits`, or that of a folder.

    Without ``augment`` the recipe is SIGNS for the digits; for a folder SMALL or IMAGENET, by the
    size of its images. ``val_part`` of a folder without validation images is kept for it.
    ``limit`` is the most images of each part. Raises Diagnostics of OFA180 to OFA185.
    """
    if channels not in MEAN:
        message = f"the space takes images of {channels} channels"
        raise fault("OFA185", message, help="images have 1 channel or 3: --set channels=3")
    if str(name_or_dir) == "digits":
        return open_digits(channels=channels, augment=augment or SIGNS, limit=limit)
    folder = Path(name_or_dir)
    classes, train, val = list_folder(folder, val_part=val_part)
    if augment is None:
        augment = SMALL if 0 < median_side(folder, train) <= _SMALL_SIDE else IMAGENET
    parts = [
        pictures(folder, listing, channels=channels, augment=augment, broken=broken, limit=limit)
        for listing in (train, val)
    ]
    return Data(
        name=folder.resolve().name,
        classes=classes,
        channels=channels,
        train=parts[0],
        val=parts[1],
        centre=augment.centre,
    )
