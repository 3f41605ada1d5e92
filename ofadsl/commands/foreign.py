"""Foreign encodings wherever a space is calibrated, measured or predicted.

In: the target of a space. Out: the same, which also takes archs as AttentiveNAS, AutoFormer and
OFA write them. The space is compiled when the first such arch comes: most have none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ofadsl.calibrate.archs import Target
from ofadsl.specialize.archs import decode
from ofadsl.specialize.interop import FAMILIES


def with_foreign(
    target: Target, space: Path, settings: Mapping[str, str], tell: Callable[[str], None]
) -> Target:
    """Return the target of the space in a file, which reads foreign encodings too.

    ``tell`` gets what a user must know of how an arch was read.
    """

    @functools.cache
    def arch_class() -> Any:
        from ofadsl.commands.packages import load_package  # torch, where it is needed

        return load_package(space, settings).module.Arch

    def form(arch: Mapping[str, Any]) -> Mapping[str, Any]:
        if not any(family.is_arch(arch.keys()) for family in FAMILIES):
            return arch
        decoded = decode(arch, arch_class())
        for note in decoded.notes:
            tell(note)
        return decoded.arch.to_dict()

    return replace(target, foreign=form)
