"""From a file to pixels: any image that Pillow reads, as 8 bits of grey or of red, green and blue.

What the camera turned is turned back, alpha is laid on white, 16 bits become 8. A file that is no
whole image raises BrokenImageError with its name and the reason.
"""

from __future__ import annotations

import contextlib
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ofadsl.train.data.crop import Box


class BrokenImageError(Exception):
    """A file that cannot be used as an image."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason


def decode(
    path: Path, *, channels: int, size: int, choose: Callable[[int, int], Box]
) -> tuple[Image.Image, Box]:
    """Return the image and the part of it that ``choose`` takes of its width and height.

    A JPEG is decoded at a fraction of its size where the part still has ``size`` pixels a side,
    and without its colours where grey is asked for.
    """
    with _opened(path) as image:
        return _decoded(image, channels, size, choose)


def dimensions(path: Path) -> tuple[int, int]:
    """Return the width and height that a file says its image has."""
    with _opened(path) as image:
        return image.size


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of malformed metadata, which is not used
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except _BROKEN as error:
        raise BrokenImageError(str(path), _reason(error)) from error


def _decoded(
    image: Image.Image, channels: int, size: int, choose: Callable[[int, int], Box]
) -> tuple[Image.Image, Box]:
    turn = _TURNS.get(_orientation(image))
    full = image.size[::-1] if turn in _SWAPPING else image.size
    left, top, right, bottom = choose(*full)
    mode = "L" if channels == 1 else "RGB"
    factor = max(1.0, min(right - left, bottom - top) / size)
    if factor >= 2 or mode == "L":  # what a decoder can leave out: half the pixels, or colours
        image.draft(mode, (int(image.size[0] / factor), int(image.size[1] / factor)))
    image.load()
    pixels = in_mode(image, mode)
    if turn is not None:
        pixels = pixels.transpose(turn)
    x, y = pixels.size[0] / full[0], pixels.size[1] / full[1]
    return pixels, (left * x, top * y, right * x, bottom * y)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return ``image`` as "L" or "RGB"."""
    if image.mode.startswith("I"):
        values = np.asarray(image)
        image = Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are fractions, of which white is not known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)


_BROKEN = (
    OSError,
    UnidentifiedImageError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    SyntaxError,
    EOFError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow and its decoders raise on files that were cut short, changed or made to harm."""


def _reason(error: BaseException) -> str:
    match error:
        case UnidentifiedImageError():
            return "it is no image of a known kind"
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return f"it has more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        case OSError() if error.strerror:
            return error.strerror.lower()
        case _:
            text = str(error)
            return text[:1].lower() + text[1:] or type(error).__name__


_ORIENTATION = 0x0112  # of EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPPING = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)


def _orientation(image: Image.Image) -> int:
    """Return how the camera was held, 1 where the file does not say or says it wrongly."""
    if "exif" not in image.info and image.format not in ("TIFF", "PNG", "WEBP", "MPO"):
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        return 1
    return found if isinstance(found, int) else 1
