"""The arrays of an npz file, whole or not at all: no pickle, and one error for all damage."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofadsl.files import read_whole


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays by name; raise OSError, or ValueError where the file is none or damaged."""
    data = io.BytesIO(read_whole(path))
    try:
        with np.load(data, allow_pickle=False) as file:
            return {name: np.array(file[name]) for name in file.files}
    except Exception as error:  # zip, its compression and numpy each have errors of their own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(reason) from error
