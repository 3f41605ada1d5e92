"""Evaluations: archs with the accuracy that was measured, as `evals.jsonl` holds them.

The first line says of which space: ``{"space": "mbv3", "space_hash": "4da5...", ...}``. Each other
line is ``{"arch": {...}, "top1": 0.97}``. Nothing is dropped silently; all mistakes come together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span, fault
from ofadsl.files import read_whole
from ofadsl.search.front import Archs, Floats
from ofadsl.strict_json import strict_json

Encode = Callable[[object], Archs]
_SHOWN = 20  # mistakes of one file
_HEADER = 'the first line is `{"space": "NAME", "space_hash": "...", ...}`'


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evals:
    """Distinct archs, and the mean of what was measured of each."""

    x: Archs
    y: Floats
    metric: str


def read_evals(path: Path, *, space_hash: str, metric: str, encode: Encode) -> Evals:
    """Return what a file says; OFA230 for what is no evaluation, OFA231 for another space."""
    try:
        source = Source(path=str(path), text=read_whole(path).decode("utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA232", f"{path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise fault(
            "OFA232", f"{path} is no UTF-8 text", help="evaluations are JSON lines"
        ) from error
    reading = _Reading(source=source, metric=metric, encode=encode, mistakes=[])
    lines = [(span, span.text) for span in _lines(source) if span.text.strip()]
    if not lines:
        raise fault("OFA230", f"{path} is empty", help=_HEADER)
    _check_header(path, *lines[0], space_hash)
    rows = [row for span, text in lines[1:] if (row := reading.row(span, text)) is not None]
    if reading.mistakes:
        raise Diagnostics(reading.mistakes[:_SHOWN])
    if not rows:
        raise fault("OFA230", f"{path} holds no evaluation", help="write them: ofadsl evaluate")
    x, inverse = np.unique(np.stack([x for x, _ in rows]), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    total = np.bincount(inverse, weights=[y for _, y in rows], minlength=len(x))
    return Evals(x=x, y=total / np.bincount(inverse, minlength=len(x)), metric=metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    source: Source
    metric: str
    encode: Encode
    mistakes: list[Diagnostic]

    def row(self, span: Span, text: str) -> tuple[Archs, float] | None:
        """Return one evaluation; else note a mistake."""
        try:
            data = strict_json(text)
            if not isinstance(data, Mapping) or "arch" not in data:
                raise ValueError('a row is `{"arch": {...}, "' + self.metric + '": ...}`')
            value = data.get(self.metric)
            if isinstance(value, bool) or not isinstance(value, int | float):
                others = ", ".join(str(key)[:40] for key in data if key != "arch")
                raise ValueError(f"{self.metric} is no number; the row has {others or 'no value'}")
            if not math.isfinite(value):
                raise ValueError(f"{self.metric} is not finite")
            return self.encode(data["arch"]), float(value)
        except (ValueError, OverflowError) as error:
            label = str(error)[:200]
            rule = "a row of evaluations is an arch with a value"
            self.mistakes.append(Diagnostic(code="OFA230", message=rule, span=span, label=label))
            return None


def _lines(source: Source) -> list[Span]:
    found, start = [], 0
    for line in source.text.split("\n"):
        found.append(Span(source=source, start=start, end=start + len(line.rstrip("\r"))))
        start += len(line) + 1
    return found


def _check_header(path: Path, span: Span, text: str, space_hash: str) -> None:
    try:
        data = strict_json(text)
    except ValueError:
        data = None
    found = data.get("space_hash") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(found, str):
        rule = "evaluations begin with what they are of"
        raise fault("OFA230", rule, span=span, label="no space_hash", help=_HEADER)
    if found != space_hash:
        name = str(data.get("space", "a space"))[:60]
        message = f"{path} holds archs of {name}, not of this space"
        help = "give the space, and the --set, that they were evaluated in"
        raise fault("OFA231", message, span=span, label=f"its hash is {found[:12]}", help=help)
