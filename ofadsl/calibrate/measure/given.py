"""Archs that a user gives: one arch.json, archs as JSON lines, or the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.read_jsonl import Encode, encoded
from ofadsl.calibrate.tables import Reading, open_table
from ofadsl.diagnostics import Span, fault
from ofadsl.strict_json import strict_json


def read_archs(path: Path, encode: Encode) -> Archs:
    """Return the different archs of a file, in its order; raise Diagnostics that name each line."""
    reading = open_table(path)
    found = [encoded(reading, span, arch, encode) for span, arch in _archs(reading)]
    reading.finish()
    rows = {x.tobytes(): x for x in found if x is not None}
    if not rows:
        help = "`ofadsl sample -n 30` prints archs as JSON lines"
        raise fault("OFA147", f"{path} holds no arch", help=help)
    return np.stack(list(rows.values()))


def _archs(reading: Reading) -> Iterator[tuple[Span, object]]:
    text = reading.source.text
    try:
        whole = strict_json(text)
    except (ValueError, RecursionError):
        yield from _lines(reading)
        return
    yield Span(source=reading.source, start=0, end=len(text.partition("\n")[0])), whole


def _lines(reading: Reading) -> Iterator[tuple[Span, object]]:
    for number, (span, text) in enumerate(reading.lines()):
        try:
            data = strict_json(text)
        except (ValueError, RecursionError) as error:
            reading.reject("OFA147", "each line is an arch in JSON", span, str(error)[:80])
            continue
        header = isinstance(data, Mapping) and "device" in data and number == 0
        if not header:
            yield span, data["arch"] if isinstance(data, Mapping) and "arch" in data else data
