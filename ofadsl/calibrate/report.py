"""A plot of predictions against measurements, with intervals, as SVG text.

It has light and dark colours, whichever its reader prefers, and needs nothing beside itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ofadsl.calibrate.check import Quality
from ofadsl.chart import Axis, axis_of, shown

_WIDTH, _HEIGHT = 560, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 536, 84, 544
_WORDS = 60  # of a title, as far as it fits
_STYLE = """
  svg { color-scheme: light dark; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif;
    --page: #fff; --text: #1d2126; --quiet: #626a73; --line: #e3e5e8;
    --point: #1f6f8b; --interval: #8fb9c9; --missed: #c2410c; }
  @media (prefers-color-scheme: dark) { svg { --page: #15181b; --text: #e6e8ea; --quiet: #9aa3ac;
    --line: #33393f; --point: #6cc0dc; --interval: #3d6b7c; --missed: #ff9a5a; } }
  .page { fill: var(--page); } text { fill: var(--text); }
  .title { font-size: 16px; font-weight: 600; } .quiet { fill: var(--quiet); }
  .axis { font-size: 13px; } .grid { stroke: var(--line); }
  .equal { stroke: var(--quiet); stroke-dasharray: 4 4; fill: none; }
  .interval { stroke: var(--interval); stroke-width: 1.5; } .point { fill: var(--point); }
  .missed.interval { stroke: var(--missed); } .missed.point { fill: var(--missed); }
"""


def report(quality: Quality, title: str, quantity: str) -> str:
    """Return the text of an SVG file: each point is a sample that its fit had not seen."""
    what, _, unit = quantity.rpartition("_")
    half = 1.645 * quality.deviation
    ends = [*quality.y, *(quality.mean - half).clip(min=0), *(quality.mean + half)]
    across = axis_of(ends, start=_LEFT, end=_RIGHT)
    up = axis_of(ends, start=_BOTTOM, end=_TOP)
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    name = escape(title if len(title) <= _WORDS else f"{title[: _WORDS - 1]}…")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="30">{name}</text>',
        f'<text class="quiet" x="{_LEFT}" y="50">cross-validated: rank correlation '
        f"{quality.rho:.3f}, error {quality.mape:.1%}, "
        f"{quality.coverage:.0%} in the interval of 90 %</text>",
        *_axes(across, up, what, unit),
    ]
    for y, mean, wide in sorted(zip(quality.y, quality.mean, half, strict=True)):
        x = f"{across.place(y):.1f}"
        low, high = up.place(max(mean - wide, 0.0)), up.place(mean + wide)
        missed = " missed" if abs(mean - y) > wide else ""
        lines.append(
            f'<line class="interval{missed}" x1="{x}" x2="{x}" y1="{low:.1f}" y2="{high:.1f}"/>'
            f'<circle class="point{missed}" cx="{x}" cy="{up.place(mean):.1f}" r="3"/>'
        )
    return "\n".join([*lines, *_legend(), "</svg>", ""])


def _axes(across: Axis, up: Axis, what: str, unit: str) -> Iterator[str]:
    for value in across.ticks():
        x, y, text = f"{across.place(value):.1f}", up.place(value), shown(value)
        yield f'<path class="grid" d="M{x} {_TOP}V{_BOTTOM}"/>'
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>'
        yield f'<text class="quiet" x="{x}" y="{_BOTTOM + 18}" text-anchor="middle">{text}</text>'
        yield f'<text class="quiet" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    yield f'<path class="equal" d="M{_LEFT} {_BOTTOM}L{_RIGHT} {_TOP}"/>'
    middle = (_LEFT + _RIGHT) / 2
    place = f'x="{middle}" y="{_BOTTOM + 42}" text-anchor="middle"'
    yield f'<text class="axis" {place}>measured {what}, {unit}</text>'
    place = f'transform="translate(22 {(_TOP + _BOTTOM) / 2}) rotate(-90)" text-anchor="middle"'
    yield f'<text class="axis" {place}>predicted {what}, {unit}</text>'


def _legend() -> Iterator[str]:
    for x, missed, text in ((_LEFT, "", "measured in the interval"), (252, " missed", "outside")):
        yield f'<line class="interval{missed}" x1="{x + 5}" x2="{x + 5}" y1="59" y2="73"/>'
        yield f'<circle class="point{missed}" cx="{x + 5}" cy="66" r="3"/>'
        yield f'<text class="quiet" x="{x + 15}" y="70">{text}</text>'
    yield '<path class="equal" d="M326 66h22"/>'
    yield '<text class="quiet" x="354" y="70">predicted as measured</text>'
