"""A plot of predictions against measurements, with intervals, as SVG text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np

from ofadsl.calibrate.check import Quality

_SIZE = 480
_MARGIN = 60
_TICKS = 5


def report(quality: Quality, title: str) -> str:
    """Return the text of an SVG file: each point is a sample that its fit had not seen."""
    half = 1.645 * quality.deviation
    low = float(min(quality.y.min(), (quality.mean - half).min()))
    high = float(max(quality.y.max(), (quality.mean + half).max()))
    low, high = max(0.0, low), high * 1.02
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE + 80} {_SIZE + 100}"'
        ' font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{_SIZE + 80}" height="{_SIZE + 100}" fill="#fff"/>',
        f'<text x="{_MARGIN}" y="24" font-size="15">{escape(title)}</text>',
        f'<text x="{_MARGIN}" y="42" fill="#555">rank correlation {quality.rho:.3f}, '
        f"error {quality.mape:.1%}, {quality.coverage:.0%} in the interval of 90 %</text>",
        *_axes(low, high),
    ]
    for y, mean, wide in zip(quality.y, quality.mean, half, strict=True):
        x = _place(y, low, high)
        ends = [
            _SIZE + _MARGIN * 2 - _place(max(v, low), low, high) for v in (mean - wide, mean + wide)
        ]
        middle = _SIZE + _MARGIN * 2 - _place(mean, low, high)
        bar = f'x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"'
        lines.append(f'<line {bar} stroke="#9bd" stroke-width="1.5"/>')
        lines.append(f'<circle cx="{x:.1f}" cy="{middle:.1f}" r="2.5" fill="#157"/>')
    return "\n".join([*lines, "</svg>", ""])


def _axes(low: float, high: float) -> Iterator[str]:
    start, end, floor = _MARGIN, _SIZE + _MARGIN, _SIZE + _MARGIN
    yield f'<path d="M{start} {_MARGIN}V{floor}H{end}" fill="none" stroke="#888"/>'
    yield f'<path d="M{start} {floor}L{end} {_MARGIN}" stroke="#ccc" stroke-dasharray="4 3"/>'
    for value in np.linspace(low, high, _TICKS):
        place = _place(float(value), low, high)
        text = f"{value:.3g}"
        yield f'<text x="{place:.1f}" y="{floor + 18}" text-anchor="middle">{text}</text>'
        y = _SIZE + _MARGIN * 2 - place
        yield f'<text x="{start - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    yield f'<text x="{end}" y="{floor + 36}" text-anchor="end">measured</text>'
    yield f'<text x="{start}" y="{_MARGIN - 6}">predicted</text>'


def _place(value: float, low: float, high: float) -> float:
    return _MARGIN + _SIZE * (value - low) / max(high - low, 1e-12)
