"""What a family of foreign archs and checkpoints declares. No torch import: keys are enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from ofadsl.arch_form import Blocks, OneOf, Stage, specs
from ofadsl.choices import Arch
from ofadsl.diagnostics import fault


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

    ``choices`` is a pattern of all choices that an encoding says, as ``resolution``, ``s1.depth``,
    ``s1.blocks.kernel``; ``needed`` are those that a space must have to be of the family.
    ``decode(data, arch_class, resolution)`` is given such a space alone, and raises Diagnostics
    that name places in ``data``; ``resolution`` stands in where the data has none.
    ``rename(foreign, ours)`` gets the keys of both state dicts and never fails: whoever loads the
    tensors reports what does not fit.
    """

    name: str
    is_arch: Callable[[Collection[str]], bool]
    choices: str
    needed: tuple[str, ...]
    decode: Callable[[Mapping[str, object], type[Arch], int | None], Decoded]
    is_checkpoint: Callable[[Collection[str]], bool]
    rename: Callable[[Collection[str], Collection[str]], Renamed]

    def check_space(self, arch: type[Arch]) -> None:
        """Raise Diagnostics (OFA086) where an encoding of the family says no arch of this space."""
        has = list(_choices(arch))
        lacking = next((name for name in self.needed if name not in has), None)
        beyond = next((name for name in has if not re.fullmatch(self.choices, name)), None)
        if lacking is None and beyond is None:
            return
        found = f"it has no choice {lacking}"
        if lacking is None:
            found = f"it has the choice {beyond}, which such an arch does not say"
        message = f"{arch.space} is no space of {self.name}: {found}"
        raise fault("OFA086", message, help=f"take an arch of {arch.space}, or the other space")


def _choices(arch: type[Arch]) -> Iterator[str]:
    """Yield each choice of a space once, those of blocks as ``s1.blocks.kernel``."""
    for name, spec in specs(arch).items():
        if isinstance(spec, OneOf):
            yield spec.json
        elif isinstance(spec, Stage):
            for key, inner in specs(spec.cls).items():
                if isinstance(inner, OneOf):
                    yield f"{name}.{inner.json}"
                elif isinstance(inner, Blocks):
                    own = (s for cls in inner.classes for s in specs(cls).values())
                    keys = (s.json for s in own if isinstance(s, OneOf))
                    yield from dict.fromkeys(f"{name}.{key}.{k}" for k in keys)
