"""Arch encodings and checkpoints of others; a family is a file here and an entry in FAMILIES."""

from ofadsl.specialize.interop import ofa
from ofadsl.specialize.interop.family import Decoded, Family

FAMILIES: tuple[Family, ...] = (ofa.FAMILY,)

__all__ = ["FAMILIES", "Decoded", "Family"]
