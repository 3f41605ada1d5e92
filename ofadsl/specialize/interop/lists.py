"""Lists of an encoding: read, with the length that the space asks for, and names in checkpoints."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from ofadsl.arch_form import Check, OneOf, Stage, show, specs
from ofadsl.choices import Arch
from ofadsl.specialize.interop.family import Renamed


def read_list(
    check: Check,
    key: str,
    data: Mapping[str, object],
    length: int | None,
    form: str,
    *,
    rule: str = "",
    help: str = "give one entry for each, also for those that the depth leaves out",
) -> Sequence[object] | None:
    """Return the list under ``key``; a wrong one is reported and None.

    ``rule`` says where a ``length`` comes from; None is any length.
    """
    found = data.get(key)
    if key not in data:
        check.add("OFA083", f"{key} is missing", help=form)
    elif not isinstance(found, Sequence) or isinstance(found, str):
        check.add("OFA081", f"{key} is {show(found)}, not a list", help=form)
    elif length is not None and len(found) != length:
        rule = rule or f"this space has {length}"
        check.add("OFA084", f"{key} has {len(found)} entries, but {rule}", help=help)
    else:
        return found
    return None


def entry(check: Check, path: str, found: object, cls: type, name: str) -> object:
    """Return the value of a choice of a stage or block; one that it cannot make is left alone."""
    spec = specs(cls).get(name)
    return check.value(path, found, spec) if isinstance(spec, OneOf) else None


def stage_classes(arch: type[Arch]) -> dict[str, type]:
    """Return the class of each stage of an arch."""
    return {name: spec.cls for name, spec in specs(arch).items() if isinstance(spec, Stage)}


def pick_resolution(
    check: Check, data: Mapping[str, object], key: str, arch: type[Arch], given: int | None
) -> tuple[object, tuple[str, ...]]:
    """Return the resolution under ``key``, or the one given, or the largest, with a note."""
    spec = specs(arch)["resolution"]
    assert isinstance(spec, OneOf)
    found = data.get(key)
    if isinstance(found, Sequence) and not isinstance(found, str) and len(found) == 1:
        found = found[0]
    if found is not None:
        return check.value(key, found, spec), ()
    if given is not None:
        return check.value("resolution", given, spec), ()
    largest = max(map(int, spec.values))
    named = "resolution" if key == "resolution" else f"resolution {key}"
    return largest, (f"the arch has no {named}; {largest}, the largest, is used",)


Rules = tuple[tuple[str, str], ...]
"""Patterns of foreign keys, and the names of ours that their groups fill."""


def renamed(foreign: Collection[str], ours: Collection[str], rules: Rules, unused: str) -> Renamed:
    """Return where each of our tensors is; keys that match ``unused`` carry nothing for us."""
    expected = set(ours)
    keys: dict[str, str] = {}
    ignored, unknown = [], []
    for key in foreign:
        name = next((m.expand(to) for p, to in rules if (m := re.fullmatch(p, key))), None)
        if name is not None and (name in expected or not re.search(unused, key)):
            keys[name] = key
        elif re.search(unused, key):
            ignored.append(key)
        else:
            unknown.append(key)
    return Renamed(keys=keys, ignored=tuple(ignored), unknown=tuple(unknown))


def numbered_blocks(ours: Collection[str], stages: Sequence[str]) -> list[str]:
    """Return the paths of the blocks of the stages, in the order of the network."""
    found = {m[0]: int(m[2]) for key in ours if (m := re.match(r"(\w+)\.(\d+)(?=\.)", key))}
    return [
        f"{stage}.{block}"
        for stage in stages
        for block in sorted(found[p] for p in found if p.rpartition(".")[0] == stage)
    ]
