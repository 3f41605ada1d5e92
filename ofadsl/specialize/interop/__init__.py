"""Arch encodings and checkpoints of others; a family is a file here and an entry in FAMILIES."""

from ofadsl.specialize.interop import attentive_nas, autoformer, ofa, ofa_resnet
from ofadsl.specialize.interop.family import Decoded, Family

FAMILIES: tuple[Family, ...] = (
    attentive_nas.FAMILY,
    autoformer.FAMILY,
    ofa_resnet.FAMILY,
    ofa.FAMILY,
)

__all__ = ["FAMILIES", "Decoded", "Family"]
