"""An arch as a picture: a row for each stage, a block for each that it keeps.

The first choice of a block is its height, the second its shade, so that archs compare at a glance;
the numbers stand below. Blocks that other archs of the front have are outlines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Arch = Mapping[str, Any]
_WIDE, _HIGH, _GAP = 34, 34, 6
_ROW = _HIGH + 30
_NAMES = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """What the archs of a front have among them: blocks of a stage, values of a choice."""

    blocks: Mapping[str, int]
    values: Mapping[str, tuple[float, ...]]


def ranges_of(archs: Sequence[Arch]) -> Ranges:
    """Return what to scale pictures of ``archs`` by."""
    blocks: dict[str, int] = {}
    values: dict[str, set[float]] = {}
    for arch in archs:
        for name, stage in _stages(arch):
            listed = _blocks(stage)
            blocks[name] = max(blocks.get(name, 0), len(listed))
            for block in listed:
                for key, value in _numbers(block):
                    values.setdefault(key, set()).add(value)
    return Ranges(blocks=blocks, values={key: tuple(sorted(v)) for key, v in values.items()})


def picture(arch: Arch, ranges: Ranges) -> str:
    """Return an arch as an SVG element."""
    rows = [(name, stage) for name, stage in _stages(arch)]
    most = max(ranges.blocks.values(), default=0)
    width = _NAMES + max(1, most) * (_WIDE + _GAP) + 150
    lines = [f'<svg class="arch" viewBox="0 0 {width} {max(1, len(rows)) * _ROW}" width="{width}">']
    for number, (name, stage) in enumerate(rows):
        lines += _row(number * _ROW, name, stage, ranges)
    return "\n".join([*lines, "</svg>"])


def general(arch: Arch) -> str:
    """Return the choices that belong to no block: `resolution 176, width 0.5`."""
    named = {key: value for key, value in arch.items() if key not in ("space", "stages", "choices")}
    named |= dict(arch.get("choices", {}))
    return ", ".join(f"{key} {value}" for key, value in named.items())


def _row(y: float, name: str, stage: Mapping[str, Any], ranges: Ranges) -> Iterator[str]:
    blocks = _blocks(stage)
    floor = y + _HIGH + 4
    yield f'<text class="stage" x="0" y="{floor - 10}">{escape(name)}</text>'
    for place in range(ranges.blocks[name]):
        x = _NAMES + place * (_WIDE + _GAP)
        if place >= len(blocks):
            yield (
                f'<rect class="absent" x="{x}" y="{floor - _HIGH}" width="{_WIDE}" '
                f'height="{_HIGH}" rx="4"/>'
            )
            continue
        numbers = list(_numbers(blocks[place]))
        tall = _HIGH * (_part(numbers[-1], ranges) if numbers else 1.0)
        shade = _part(numbers[0], ranges) if len(numbers) > 1 else 1.0
        yield (
            f'<rect class="block" x="{x}" y="{floor - tall:.1f}" width="{_WIDE}" '
            f'height="{tall:.1f}" rx="4" fill-opacity="{0.25 + 0.75 * shade:.2f}"/>'
        )
        text = "/".join(str(value) for value in blocks[place].values())
        yield (
            f'<text class="values" x="{x + _WIDE / 2}" y="{floor + 12}" text-anchor="middle">'
            f"{escape(text[:12])}</text>"
        )
    own = ", ".join(f"{k} {v}" for k, v in stage.items() if k not in ("blocks", "depth"))
    keys = "/".join(blocks[0]) if blocks else ""
    x = _NAMES + ranges.blocks[name] * (_WIDE + _GAP) + 6
    yield f'<text class="values" x="{x}" y="{floor + 12}">{escape(keys)} {escape(own)}</text>'


def _part(number: tuple[str, float], ranges: Ranges) -> float:
    """Return how large a value is among those of its choice, from a third to one."""
    key, value = number
    known = ranges.values[key]
    return (1 + 2 * (known.index(value) / (len(known) - 1) if len(known) > 1 else 1.0)) / 3


def _numbers(block: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in block.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield key, float(value)


def _stages(arch: Arch) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from arch.get("stages", {}).items()


def _blocks(stage: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the blocks that a stage keeps; those without choices are empty."""
    listed = list(stage.get("blocks", ()))
    depth = stage.get("depth", len(listed))
    return listed[:depth] if listed else [{} for _ in range(depth)]
