"""A linear axis: where a value is drawn, which values are named, and how."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_TICKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Values from ``low`` to ``high``, drawn from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where ``value`` is drawn; one outside is drawn at the end that is nearer."""
        part = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Return whether ``value`` is on the axis."""
        return self.low <= value <= self.high

    def ticks(self) -> list[float]:
        """Return round values on the axis, about six."""
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def axis_of(values: Iterable[float], *, start: float, end: float) -> Axis:
    """Return an axis that holds the values, with a little room on both sides."""
    found = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(found), max(found)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low=low - room, high=high + room, start=start, end=end)


def shown(value: float, unit: str = "") -> str:
    """Return a value for people, as constraints are written: ``300M``, ``1.234 kB``, ``20 ms``.

    It has four digits; a count and a number of bytes have a prefix where they are large.
    """
    if unit not in ("", "B"):
        return f"{_digits(value)} {unit}"
    space = " " if unit else ""
    for size, prefix in _PREFIXES:
        if float(f"{abs(value) / size:.4g}") >= 1:  # as it is shown: 999,990 is 1 M
            return f"{_digits(value / size)}{space}{prefix}{unit}"
    return f"{_digits(value)}{space}{unit}"


def _digits(value: float) -> str:
    if abs(value) >= 1e4:
        return f"{value:,.0f}"
    text = f"{value:.4g}"
    return text if "e" in text or "." not in text else text.rstrip("0").rstrip(".")


def _round_step(rough: float) -> float:
    """Return 1, 2 or 5 times a power of ten, whichever is nearest to ``rough``."""
    power = 10.0 ** math.floor(math.log10(rough))
    return min((m * power for m in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
