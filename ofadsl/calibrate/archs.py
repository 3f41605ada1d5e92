"""Archs as tables write them, to choices: ours, the lists of OFA, a digit for each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ofadsl.calibrate.features import Archs, Features, features_of
from ofadsl.calibrate.workload import workload_of
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space
from ofadsl.cost.model import Costs
from ofadsl.cost.space_hash import space_hash
from ofadsl.graph import Graph
from ofadsl.space import Space


@dataclass(frozen=True, kw_only=True, eq=False)  # no slots: what is cached needs a place
class Target:
    """A space that is calibrated: its features, its hash, how archs become choices."""

    space: Space
    source: str
    hash: str
    graph: Graph
    cost: Costs
    foreign: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda arch: arch
    """From archs as others write them to our form; what is no such arch is left as it is."""

    @cached_property
    def features(self) -> Features:
        """What a latency is estimated from; made when it is asked for, which a search does not."""
        return features_of(workload_of(self.space, self.graph))

    def encode(self, arch: object) -> Archs:
        """Return the choices of one arch; raise ValueError for one outside the space."""
        if not isinstance(arch, Mapping):
            raise ValueError("an arch is a JSON object")
        if "ops" in arch:
            return _operations(self.space, arch)
        plain = {*arch} == _LISTS and isinstance(arch["r"], int)
        arch = _from_lists(self.space, arch) if plain else self.foreign(arch)
        found: Archs = self.cost.encode([arch])[0]
        return found


_LISTS = {"d", "ks", "e", "r"}
"""The keys of an arch of OFA that says all; a table has thousands of them."""


def target_of(path: Path, settings: Mapping[str, str], source: str) -> Target:
    """Return what calibrating the space of a file needs."""
    checked = checked_space(path, settings)
    graph = lower(checked)
    return Target(
        space=checked.space,
        source=source,
        hash=space_hash(checked, graph),
        graph=graph,
        cost=Costs(checked, graph),
    )


def _operations(space: Space, arch: Mapping[str, object]) -> Archs:
    """Return the choices of ``{"ops": [7, 8, ...]}``: which operation each layer has."""
    places = [i for i, dim in enumerate(space.dims) if dim.key == "op"]
    others = [dim.var.name for dim in space.dims if dim.key != "op" and len(dim.var.values) > 1]
    if others or not places:
        rule = f"chooses {others[0]} too" if others else "has no choice of ops"
        raise ValueError(f"ops alone is no arch here: {space.name} {rule}")
    if strange := [str(key)[:40] for key in arch if key != "ops"]:
        raise ValueError(f"{strange[0]} is no key beside ops")
    digits = arch["ops"]
    if not isinstance(digits, Sequence) or len(digits) != len(places):
        found = len(digits) if isinstance(digits, Sequence) else "no list"
        raise ValueError(f"ops has {found} entries, but the space has {len(places)} layers")
    x = np.zeros(len(space.dims), np.uint8)
    for place, digit in zip(places, digits, strict=True):
        dim = space.dims[place]
        if type(digit) is not int or not 0 <= digit < len(dim.var.values):
            last = len(dim.var.values) - 1
            raise ValueError(f"{dim.var.name} is {str(digit)[:40]}, not 0 to {last}")
        x[place] = digit
    return x


def _from_lists(space: Space, arch: Mapping[str, object]) -> dict[str, Any]:
    """Return our form of ``{"ks": [...], "e": [...], "d": [...], "r": 224}``."""
    slots = sum(stage.blocks for stage in space.stages)
    depths = _list(arch, "d", len(space.stages))
    kernels, expands = _list(arch, "ks", slots), _list(arch, "e", slots)
    stages, start = {}, 0
    for stage, depth in zip(space.stages, depths, strict=True):
        if not isinstance(depth, int) or not 0 <= depth <= stage.blocks:
            raise ValueError(f"a depth is {str(depth)[:40]}, not 0 to {stage.blocks}")
        blocks = [{"kernel": kernels[i], "expand": expands[i]} for i in range(start, start + depth)]
        stages[stage.name] = {"depth": depth, "blocks": blocks}
        start += stage.blocks
    return {"resolution": arch.get("r"), "stages": stages}


def _list(arch: Mapping[str, object], key: str, length: int) -> Sequence[object]:
    found = arch.get(key)
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != length:
        raise ValueError(f"{key} is no list of {length} entries")
    return found
