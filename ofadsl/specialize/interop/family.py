"""What a family of foreign archs and checkpoints declares. No torch import: keys are enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ofadsl.choices import Arch


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """An arch, and what to tell the user about how it was read."""

    arch: Arch
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """The foreign key of each key of ours, and the foreign keys without a counterpart.

    ``ignored`` are known to carry nothing that a supernet of ours needs; ``unknown`` are not.
    """

    keys: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family of foreign encodings.

    ``decode(data, arch_class, resolution)`` raises Diagnostics that name places in ``data``;
    ``resolution`` stands in where the data has none. ``rename(foreign, ours)`` gets the keys of
    both state dicts and never fails: whoever loads the tensors reports what does not fit.
    """

    name: str
    is_arch: Callable[[Collection[str]], bool]
    decode: Callable[[Mapping[str, object], type[Arch], int | None], Decoded]
    is_checkpoint: Callable[[Collection[str]], bool]
    rename: Callable[[Collection[str], Collection[str]], Renamed]
