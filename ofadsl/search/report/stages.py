"""An arch as a picture: a row for each stage, a block for each that it keeps.

The last number that a block chooses is its height, its first choice its shade, so that archs
compare at a glance; what it chooses stands below. Blocks that other archs have are outlines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Arch = Mapping[str, Any]
Choice = str | int | float
_WIDE, _HIGH, _GAP = 34, 34, 6
_ROW = _HIGH + 30
_LETTER = 6.2  # of the small text, at most
_LONGEST = 14  # letters below a block


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """What the archs of a front have among them, and the room that it takes."""

    blocks: Mapping[str, int]
    values: Mapping[str, tuple[Choice, ...]]
    """Of each choice of blocks, ascending; words by the alphabet."""
    names: float
    """The width of the names of stages."""
    wide: float
    """The width of a block with what stands below it."""
    right: float
    """The width of what stands beside the blocks."""


def ranges_of(archs: Sequence[Arch]) -> Ranges:
    """Return what to scale pictures of ``archs`` by."""
    blocks: dict[str, int] = {}
    values: dict[str, set[Choice]] = {}
    below = beside = 0
    for arch in archs:
        for name, stage in _stages(arch):
            listed = _blocks(stage)
            blocks[name] = max(blocks.get(name, 0), len(listed))
            beside = max(beside, len(_beside(stage, listed)))
            for block in listed:
                below = max(below, len(_below(block)))
                for key, value in _choices(block):
                    values.setdefault(key, set()).add(value)
    return Ranges(
        blocks=blocks,
        values={key: tuple(sorted(own, key=_order)) for key, own in values.items()},
        names=max(56.0, 7.4 * max(map(len, blocks), default=0) + 16),
        wide=max(_WIDE, below * _LETTER),
        right=beside * _LETTER + 12,
    )


def picture(arch: Arch, ranges: Ranges) -> str:
    """Return an arch as an SVG element."""
    rows = [*_stages(arch)]
    most = max(ranges.blocks.values(), default=0)
    width = round(ranges.names + max(1, most) * (ranges.wide + _GAP) + ranges.right)
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
        x = ranges.names + place * (ranges.wide + _GAP)
        if place >= len(blocks):
            yield (
                f'<rect class="absent" x="{x:.1f}" y="{floor - _HIGH}" width="{ranges.wide:.1f}" '
                f'height="{_HIGH}" rx="4"/>'
            )
            continue
        tall, shade = _looks(blocks[place], ranges)
        yield (
            f'<rect class="block" x="{x:.1f}" y="{floor - tall:.1f}" width="{ranges.wide:.1f}" '
            f'height="{tall:.1f}" rx="4" fill-opacity="{shade:.2f}"/>'
        )
        yield (
            f'<text class="values" x="{x + ranges.wide / 2:.1f}" y="{floor + 12}" '
            f'text-anchor="middle">{escape(_below(blocks[place]))}</text>'
        )
    x = ranges.names + ranges.blocks[name] * (ranges.wide + _GAP) + 6
    text = escape(_beside(stage, blocks))
    yield f'<text class="values" x="{x:.1f}" y="{floor + 12}">{text}</text>'


def _looks(block: Mapping[str, Any], ranges: Ranges) -> tuple[float, float]:
    """Return the height and the shade of a block: a word has no size, so it is a shade alone."""
    choices = list(_choices(block))
    if not choices:
        return _HIGH, 1.0
    numbers = [choice for choice in choices if not isinstance(choice[1], str)]
    tall = _HIGH * _part(numbers[-1], ranges) if numbers else _HIGH
    alone = numbers == choices and len(choices) == 1
    return tall, 1.0 if alone else 0.25 + 0.75 * _part(choices[0], ranges)


def _below(block: Mapping[str, Any]) -> str:
    """Return what a block chooses, as it stands below."""
    return "/".join(str(value) for value in block.values())[:_LONGEST]


def _beside(stage: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> str:
    """Return what the numbers below are, and what the stage itself chooses."""
    own = ", ".join(f"{k} {v}" for k, v in stage.items() if k not in ("blocks", "depth"))
    keys = "/".join(blocks[0]) if blocks else ""
    return f"{keys}; {own}" if keys and own else keys + own


def _part(choice: tuple[str, Choice], ranges: Ranges) -> float:
    """Return how large a value is among those of its choice, from a third to one."""
    key, value = choice
    known = ranges.values[key]
    return (1 + 2 * (known.index(value) / (len(known) - 1) if len(known) > 1 else 1.0)) / 3


def _choices(block: Mapping[str, Any]) -> Iterator[tuple[str, Choice]]:
    for key, value in block.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield key, value


def _order(value: Choice) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (float(value), "")


def _stages(arch: Arch) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from arch.get("stages", {}).items()


def _blocks(stage: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the blocks that a stage keeps; those without choices are empty."""
    listed = list(stage.get("blocks", ()))
    depth = stage.get("depth", len(listed))
    return listed[:depth] if listed else [{} for _ in range(depth)]
