"""Chips: a dimension with its choices side by side, and marks; as many in a line as fit.

A chip that is wider than its column goes on in the next line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import isclose

from ofadsl.compiler.draw.cards import Elastic, Owner
from ofadsl.compiler.draw.svg import DASH, Canvas, text_width
from ofadsl.expr import Value

HEIGHT = 22
LINE = 28  # from one line of chips to the next
SIZE = 12
BETWEEN = 8  # chips
LONGEST = 150  # the widest text in a chip
MOST = 12  # numbers that are written out


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A text of a chip, how wide it is drawn, how strongly it is coloured; the name has 0."""

    text: str
    width: float
    tint: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """What is drawn in one piece; a mark has no owner and one part."""

    parts: tuple[Part, ...]
    owner: Owner | None = None
    hint: str = ""
    goes_on: bool = False  # the chip before this one

    @property
    def width(self) -> float:
        """How wide it is."""
        return sum(part.width for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A chip at its place in a column: from the left, and in which line."""

    chip: Chip
    x: float
    line: int


def chips(dims: Iterable[Elastic], width: float) -> Iterator[Chip]:
    """Yield the chips of some dimensions, none wider than ``width``."""
    for dim in dims:
        texts = list(values(dim.values))
        ordered = not any(isinstance(value, str) for value in dim.values)
        name = Part(text=dim.name, width=min(text_width(dim.name, SIZE, "b"), LONGEST) + 14)
        parts, used, goes_on = [name], name.width, False
        hint = f"{dim.name}: {', '.join(map(str, dim.values))}"
        for number, text in enumerate(texts):
            tint = _tint(number, len(texts), ordered)
            own = max(26, min(text_width(text, SIZE), LONGEST) + 14)
            if used + own > width and len(parts) > 1 - goes_on:
                yield Chip(parts=tuple(parts), owner=dim.owner, hint=hint, goes_on=goes_on)
                parts, used, goes_on = [], 0, True
            parts.append(Part(text=text, width=own, tint=tint))
            used += own
        yield Chip(parts=tuple(parts), owner=dim.owner, hint=hint, goes_on=goes_on)


def marks(texts: Iterable[str]) -> Iterator[Chip]:
    """Yield chips without choices."""
    for text in texts:
        width = min(text_width(text, SIZE - 1), LONGEST + 60) + 14
        yield Chip(parts=(Part(text=text, width=width),), hint=text)


def flow(row: Iterable[Chip], width: float, together: tuple[Chip, ...] = ()) -> tuple[Placed, ...]:
    """Return the chips in lines of at most ``width``; what goes on begins a line.

    What stays ``together`` comes last, and begins a line where it does not fit into the last one.
    """
    placed: list[Placed] = []
    x, line = 0.0, 0
    rest = sum(chip.width + BETWEEN for chip in together) - BETWEEN
    for chip in (*row, *together):
        begins = chip.goes_on or x + chip.width > width
        if begins or (together and chip is together[0] and x + rest > width):
            x, line = 0.0, line + bool(placed)
        placed.append(Placed(chip=chip, x=x, line=line))
        x += chip.width + BETWEEN
    return tuple(placed)


def height(placed: tuple[Placed, ...]) -> float:
    """Return how high some lines of chips are."""
    return placed[-1].line * LINE + HEIGHT if placed else 0.0


def draw_chips(canvas: Canvas, placed: Iterable[Placed], x: float, y: float) -> None:
    """Draw chips in their column, whose corner is (x, y)."""
    for item in placed:
        _draw_chip(canvas, item.chip, x + item.x, y + item.line * LINE)


def _draw_chip(canvas: Canvas, chip: Chip, x: float, y: float) -> None:
    canvas.begin(chip.hint)
    if chip.owner is None:
        canvas.rect(x, y + 1, chip.width, HEIGHT - 2, "tag", 10)
    left = x
    for number, part in enumerate(chip.parts):
        if part.tint and chip.owner:
            first, last = number == 0, number == len(chip.parts) - 1
            d = _segment(left, y, part.width, left_round=first, right_round=last)
            canvas.path(d, chip.owner, fill_opacity=f"{part.tint:.2f}")
        left += part.width
    if chip.owner:
        canvas.rect(x, y, chip.width, HEIGHT, f"rim {chip.owner}s")
    for part in chip.parts:
        size, style = (SIZE - 1, "m") if chip.owner is None else (SIZE, "" if part.tint else "b")
        room = part.width - 8
        canvas.text(
            x + part.width / 2, y + 15.5, part.text, size, style, width=room, anchor="middle"
        )
        x += part.width
    canvas.end()


def _segment(x: float, y: float, width: float, *, left_round: bool, right_round: bool) -> str:
    """Return the outline of a part of a chip, with the chip's corners at its ends."""
    a, b = 4 * left_round, 4 * right_round
    return (
        f"M{x + a:g} {y:g}h{width - a - b:g}q{b} 0 {b} {b}v{HEIGHT - 2 * b}q0 {b} {-b} {b}"
        f"h{-(width - a - b):g}q{-a} 0 {-a} {-a}v{-(HEIGHT - 2 * a)}q0 {-a} {a} {-a}z"
    )


def values(choices: tuple[Value, ...]) -> Iterator[str]:
    """Yield the texts of choices; many numbers in even steps become one."""
    numbers = [v for v in choices if isinstance(v, int | float) and not isinstance(v, bool)]
    steps = [b - a for a, b in pairwise(numbers)]
    if len(numbers) != len(choices) or len(numbers) < 5:
        yield from map(str, choices)
    elif all(isclose(step, steps[0]) for step in steps) and (len(numbers) > 5 or steps[0] == 1):
        yield f"{numbers[0]}{DASH}{numbers[-1]}" + (f" step {steps[0]:g}" if steps[0] != 1 else "")
    elif len(numbers) <= MOST:
        yield from map(str, choices)
    else:
        yield from (*map(str, numbers[:4]), f"… {len(numbers)} values …", str(numbers[-1]))


def _tint(number: int, count: int, ordered: bool) -> float:
    """Return a colour's strength: it grows with numbers, and only parts words."""
    return 0.1 + 0.26 * number / max(1, count - 1) if ordered else 0.12 + 0.1 * (number % 2)
