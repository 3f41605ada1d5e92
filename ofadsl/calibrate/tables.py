"""A device table: what was measured, of which archs, under which settings.

In: a file, recognised by its form. Out: a ``Table``; Diagnostics that name the file, the line and
the value of each mistake. Nothing is dropped silently.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.nnls import Floats
from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span, fault
from ofadsl.files import read_whole

HEADER = ("device", "batch", "dtype", "runtime", "date")
UNSTEADY = 0.03  # of a value, by its own repeats: more than a good fit leaves unexplained
LARGEST_REPORT = 20  # mistakes of one file that are shown
RANGE = (1e-7, 1e12)  # what a value can be, whatever its unit
APART = 1000  # times the median: no space is so wide, but a slip of a unit is
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Measurements: one row of ``x`` for each value of ``y``, in the unit of the quantity."""

    path: str
    quantity: str
    x: Archs
    y: Floats
    order: Floats
    """When each was measured, in counts of measurements."""
    settings: Mapping[str, str]
    digest: str
    """SHA-256 of the file, in hex."""
    noise: Floats | None = None
    """What repeats say of each value: its relative deviation, NaN where there are none."""

    def warnings(self) -> Iterator[str]:
        """Yield what a user must know of how steady the device was."""
        known = np.array([]) if self.noise is None else self.noise[np.isfinite(self.noise)]
        if known.size and (median := float(np.median(known))) > UNSTEADY:
            yield (
                f"the device is unsteady: repeats leave a value uncertain by {median:.0%}, so "
                "repeat more often, or quiet the device"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One measurement: an arch, a value, when it was taken, how uncertain it is."""

    x: Archs
    y: float
    order: float
    span: Span
    noise: float = math.nan


@dataclass(slots=True)
class Reading:
    """One file while it is read: its lines and the mistakes found so far."""

    source: Source
    digest: str
    mistakes: list[Diagnostic] = field(default_factory=list)

    def lines(self) -> Iterator[tuple[Span, str]]:
        """Yield each line that is not empty."""
        start = 0
        for line in self.source.text.split("\n"):
            text = line.rstrip("\r")
            if text.strip():
                yield Span(source=self.source, start=start, end=start + len(text)), text
            start += len(line) + 1

    def reject(self, code: str, message: str, span: Span, label: str, help: str = "") -> None:
        """Note a mistake."""
        item = Diagnostic(code=code, message=message, span=span, label=label, help=help)
        self.mistakes.append(item)

    def number(self, span: Span, name: str, text: object) -> float:
        """Return a positive number of ``RANGE``; else note a mistake and return NaN."""
        value = number_of(text)
        if RANGE[0] <= value <= RANGE[1]:
            return value
        shown = f"{name} is {str(text)[:40] or 'missing'}"
        rule = "a measurement is a positive number"
        if value > 0:
            rule += f" from {RANGE[0]:g} to {RANGE[1]:g}"
        self.reject("OFA123", rule, span, shown)
        return math.nan

    def finish(self) -> None:
        """Raise what was found."""
        if self.mistakes:
            raise Diagnostics(self.mistakes[:LARGEST_REPORT])


def number_of(text: object) -> float:
    """Return the number that a cell or a JSON value is, NaN where it is none.

    Python alone would read 1_0 as ten, and the digits of any script.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return math.nan
    if isinstance(text, str) and not (len(text) < 40 and _NUMBER.fullmatch(text.strip())):
        return math.nan
    try:
        return float(text)
    except OverflowError:
        return math.nan


def open_table(path: Path) -> Reading:
    """Return the text of a table file."""
    try:
        data = read_whole(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA120", f"the table {path} cannot be read: {reason}") from error
    return reading_of(path, data, hashlib.sha256(data).hexdigest())


def reading_of(path: Path, data: bytes, digest: str) -> Reading:
    """Return the text of what a file holds."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise fault(
            "OFA120", f"{path} is no UTF-8 text", help="tables are JSON lines, CSV or YAML"
        ) from error
    return Reading(source=Source(path=str(path), text=text), digest=digest)


def table_from(
    reading: Reading,
    quantity: str,
    rows: list[Row],
    settings: Mapping[str, str],
) -> Table:
    """Return the rows as a table, or raise what was found."""
    _refuse_far(reading, quantity, rows)
    reading.finish()
    if not rows:
        raise fault("OFA124", f"{reading.source.path} holds no measurement")
    return Table(
        path=reading.source.path,
        quantity=quantity,
        x=np.stack([row.x for row in rows]),
        y=np.array([row.y for row in rows]),
        order=np.array([row.order for row in rows]),
        settings=settings,
        digest=reading.digest,
        noise=np.array([row.noise for row in rows]),
    )


def _refuse_far(reading: Reading, quantity: str, rows: list[Row]) -> None:
    """Note values that are so far from the others that they have another unit."""
    known = [row for row in rows if row.y > 0]
    middle = float(np.median([row.y for row in known])) if known else math.nan
    for row in known:
        if max(row.y / middle, middle / row.y) >= APART:
            label = f"{quantity} is {row.y:g}, and the median of the table is {middle:g}"
            rule = f"the values of a table are within {APART} times their median"
            help = "is it in another unit? else leave the row out"
            reading.reject("OFA123", rule, row.span, label, help)
