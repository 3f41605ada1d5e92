"""Names in a graph: free ones, and those of constants before they have a module to stand in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator


def numbered(name: str) -> Iterator[str]:
    """Yield ``name``, ``name_1``, ``name_2`` and so on."""
    yield name
    yield from (f"{name}_{i}" for i in itertools.count(1))


def flat(path: str) -> str:
    """Return ``s1/0/expand/weight`` for ``s1.0.expand.weight``.

    A constant under such a name is an attribute of the root, so that no tree of empty modules is
    built for it.
    """
    return path.replace(".", "/")


def nested(name: str) -> str:
    """Return the path that ``flat`` was given."""
    return name.replace("/", ".")
