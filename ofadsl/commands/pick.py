"""One arch of the front that `ofadsl search` wrote, for the commands that take an arch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ofadsl.chart import shown
from ofadsl.commands.packages import find_package
from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.search.front import Front, arch_name, read_front
from ofadsl.search.pick import pick


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """An arch file of a front, and the space it is of: none where its package is at hand."""

    arch: Path
    space: Path | None
    settings: Mapping[str, str]
    note: str


def picked(folder: Path, condition: str | None, generated: Path) -> Picked:
    """Return the best arch of a front that meets a condition on costs and dimensions."""
    front = read_front(folder)
    at = pick(front, condition)
    file = (folder if folder.is_dir() else folder.parent) / f"{arch_name(at)}.json"
    if not file.is_file():
        help = "search again: a front and its archs belong together"
        raise fault("OFA236", f"{file} is not there, which the front names", help=help)
    values = ", ".join(
        f"{one.text} {shown(float(value), one.unit)}"
        for one, value in zip(front.objectives, front.values[at], strict=True)
    )
    at_hand = _at_hand(front, generated)
    return Picked(
        arch=file,
        space=None if at_hand else Path(front.source),
        settings={} if at_hand else front.settings,
        note=f"picked {arch_name(at)} of {len(front.archs)}: {values}",
    )


def _at_hand(front: Front, generated: Path) -> bool:
    """Return whether the package that was generated is of the front's very space."""
    try:
        package = find_package(front.space, generated)
    except Diagnostics:
        return False
    return bool(package.module.cost.SPACE_HASH == front.space_hash)
