"""Where the files are that are no Python: from a folder's name to its place.

In a wheel they are packaged below ``ofadsl/_data``; in a checkout they stand at its root, where
people look for them.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder ``name`` ("grammars" or "spaces") of this installation."""
    places = (PACKAGE / "_data" / name, PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise AssertionError(f"this installation lacks {name!r}: neither {places[0]} nor {places[1]}")
