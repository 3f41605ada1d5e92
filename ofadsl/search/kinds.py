"""Units, and what may be compared with what: a time is no number of bytes."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What an expression is; the value is how a message says it."""

    FREE = "a number without a unit"  # as it is written: it takes the unit of what it meets
    PLAIN = "a plain number"
    TIME = "a time"
    BYTES = "a number of bytes"
    ENERGY = "an energy"
    MIXED = "a product or quotient of units"
    WORD = "a word"

    @property
    def unit(self) -> str:
        """The unit in which costs of this kind are computed."""
        return _BASE.get(self, "")

    @property
    def scalar(self) -> bool:
        """Whether it multiplies anything."""
        return self in (Kind.FREE, Kind.PLAIN)


_BASE = {Kind.TIME: "ms", Kind.BYTES: "B", Kind.ENERGY: "mJ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit by how many of its kind's base unit it is."""

    kind: Kind
    size: float


UNITS = {
    "us": Unit(kind=Kind.TIME, size=1e-3),
    "\N{MICRO SIGN}s": Unit(kind=Kind.TIME, size=1e-3),
    "\N{GREEK SMALL LETTER MU}s": Unit(kind=Kind.TIME, size=1e-3),
    "ms": Unit(kind=Kind.TIME, size=1),
    "s": Unit(kind=Kind.TIME, size=1e3),
    "B": Unit(kind=Kind.BYTES, size=1),
    "kB": Unit(kind=Kind.BYTES, size=1e3),
    "KiB": Unit(kind=Kind.BYTES, size=2**10),
    "MB": Unit(kind=Kind.BYTES, size=1e6),
    "MiB": Unit(kind=Kind.BYTES, size=2**20),
    "uJ": Unit(kind=Kind.ENERGY, size=1e-3),
    "mJ": Unit(kind=Kind.ENERGY, size=1),
    "J": Unit(kind=Kind.ENERGY, size=1e3),
    "k": Unit(kind=Kind.PLAIN, size=1e3),
    "M": Unit(kind=Kind.PLAIN, size=1e6),
    "G": Unit(kind=Kind.PLAIN, size=1e9),
}

SHOWN = {
    Kind.TIME: "`20 ms`, `1.5 s`",
    Kind.BYTES: "`256 kB`, `1 MiB`",
    Kind.ENERGY: "`5 mJ`",
    Kind.PLAIN: "`300M`, `0.75`",
}
"""What a number of a kind looks like."""


def joined(left: Kind, right: Kind) -> Kind | None:
    """Return the kind of a sum, or of what is compared; None where they do not fit."""
    if left is right or right is Kind.FREE:
        return left
    if left is Kind.FREE:
        return right
    if Kind.MIXED in (left, right) and (left.scalar or right.scalar):
        return Kind.MIXED
    return None


def multiplied(left: Kind, right: Kind) -> Kind:
    """Return the kind of a product."""
    if left.scalar and right.scalar:
        return left if right is Kind.FREE else right
    if left.scalar or right.scalar:
        return right if left.scalar else left
    return Kind.MIXED


def divided(left: Kind, right: Kind) -> Kind:
    """Return the kind of a quotient."""
    if right.scalar:
        return multiplied(left, right)
    return Kind.PLAIN if left is right else Kind.MIXED
