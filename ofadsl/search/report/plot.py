"""A front over one cost: points, intervals, constraint lines, as one SVG element."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from ofadsl.chart import Axis, axis_of, shown
from ofadsl.search.front import Floats, Limit

WIDTH, HEIGHT = 680, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 660, 34, 366
_LONGEST = 72  # characters of a title, in a font of any width
_NEAR = 0.35  # a limit so near, as a part of what the points span, is part of the picture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """What one axis shows of each arch."""

    name: str
    unit: str
    values: Floats
    interval: Floats | None = None
    limits: tuple[Limit, ...] = ()

    @property
    def title(self) -> str:
        """The name with its unit, where values are said without."""
        return f"{self.name} ({self.unit})" if self.unit not in ("", "B") else self.name

    def amount(self, value: float) -> str:
        """Return a value beside the title: bytes say their own unit, as they have a prefix."""
        text = shown(value, self.unit)
        return text if self.unit == "B" else text.removesuffix(f" {self.unit}")


def plot(x: Series, y: Series, labels: tuple[str, ...], *, line: bool) -> str:
    """Return an SVG element; each point has the class ``point`` and the number of its arch.

    ``line`` joins the points, which are a front in these two.
    """
    across = axis_of(_extent(x), start=_LEFT, end=_RIGHT)
    up = axis_of(_extent(y), start=_BOTTOM, end=_TOP)
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(y.name)} over {escape(x.name)}">',
            *_grid(x, y, across, up),
            *_limits(x, y, across, up),
            *(_steps(x, y, across, up) if line else ()),
            *_points(x, y, labels, across, up),
            f'<text class="axis" x="{_RIGHT}" y="{HEIGHT - 12}" text-anchor="end">'
            f"{escape(_cut(x.title))}</text>",
            f'<text class="axis" x="{_LEFT - 60}" y="{_TOP - 16}">{escape(_cut(y.title))}</text>',
            "</svg>",
        ]
    )


def _cut(title: str) -> str:
    return title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _extent(series: Series) -> Iterator[float]:
    """Yield what the axis must hold: values, intervals, and limits that are near."""
    values = series.values if series.interval is None else series.interval
    low = float(min(values.min(), series.values.min()))
    high = float(max(values.max(), series.values.max()))
    yield low
    yield high
    room = _NEAR * (high - low) or 0.1 * abs(high)
    for limit in series.limits:
        if low - room <= limit.bound <= high + room:
            yield limit.bound


def _grid(x_axis: Series, y_axis: Series, across: Axis, up: Axis) -> Iterator[str]:
    for value in up.ticks():
        y = up.place(value)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>'
        text = escape(y_axis.amount(value))
        yield f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    for value in across.ticks():
        x = across.place(value)
        yield f'<path class="grid" d="M{x:.1f} {_TOP}V{_BOTTOM}"/>'
        text = escape(x_axis.amount(value))
        yield (
            f'<text class="tick" x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{text}</text>'
        )


def _limits(x: Series, y: Series, across: Axis, up: Axis) -> Iterator[str]:
    """Yield a line for each limit; one far away is an arrow at the edge."""
    for number, limit in enumerate(x.limits):
        place = across.place(limit.bound)
        inside = across.holds(limit.bound)
        if inside:
            yield f'<path class="limit" d="M{place:.1f} {_TOP}V{_BOTTOM}"/>'
        end = "end" if place > (_LEFT + _RIGHT) / 2 else "start"
        text = f"{limit.op} {shown(limit.bound, x.unit)}"
        if not inside:
            far = end == "end"
            text = f"{text} \N{RIGHTWARDS ARROW}" if far else f"\N{LEFTWARDS ARROW} {text}"
        gap = -6 if end == "end" else 6
        yield (
            f'<text class="bound" x="{place + gap:.1f}" y="{_TOP + 14 + 16 * number}" '
            f'text-anchor="{end}">{escape(text)}</text>'
        )
    for limit in y.limits:
        if up.holds(limit.bound):
            place = up.place(limit.bound)
            text = f"{limit.op} {shown(limit.bound, y.unit)}"
            yield f'<path class="limit" d="M{_LEFT} {place:.1f}H{_RIGHT}"/>'
            yield f'<text class="bound" x="{_LEFT + 6}" y="{place - 5:.1f}">{escape(text)}</text>'


def _steps(x: Series, y: Series, across: Axis, up: Axis) -> Iterator[str]:
    """Yield a quiet line through the archs, in the order of the cost."""
    order = np.argsort(x.values, kind="stable")
    corners = [f"{across.place(x.values[i]):.1f} {up.place(y.values[i]):.1f}" for i in order]
    if len(corners) > 1:
        yield f'<path class="line" d="M{"L".join(corners)}"/>'


def _points(x: Series, y: Series, labels: tuple[str, ...], across: Axis, up: Axis) -> Iterator[str]:
    for i, label in enumerate(labels):
        at, level = across.place(x.values[i]), up.place(y.values[i])
        yield f'<g class="point" data-arch="{i}" tabindex="0"><title>{escape(label)}</title>'
        if x.interval is not None:
            low, high = (across.place(end) for end in x.interval[i])
            yield f'<path class="interval" d="M{low:.1f} {level:.1f}H{high:.1f}"/>'
        if y.interval is not None:
            low, high = (up.place(end) for end in y.interval[i])
            yield f'<path class="interval" d="M{at:.1f} {low:.1f}V{high:.1f}"/>'
        yield f'<circle cx="{at:.1f}" cy="{level:.1f}" r="5"/></g>'
