"""Native tables: a line that names the settings, then one JSON object for each arch.

{"device": "pixel4", "batch": 1, "dtype": "float32", "runtime": "eager", "date": "2026-01-31"}
{"arch": {...}, "latency_ms": 12.5, "repeats": [12.4, 12.5, 12.7]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.tables import HEADER, Reading, Table, open_table, strict_json, table_from
from ofadsl.diagnostics import Diagnostics, Span

Encode = Callable[[object], Archs]
"""From an arch as JSON writes it to its choices; raises ValueError or Diagnostics."""


def read_jsonl(path: Path, encode: Encode, quantity: str) -> Table:
    """Return the table in a file of JSON lines."""
    reading = open_table(path)
    settings: dict[str, str] | None = None
    rows = []
    for number, (span, text) in enumerate(reading.lines()):
        data = _object(reading, span, text)
        if data is None:
            continue
        if settings is None:
            settings = _header(reading, span, data)
        elif (row := _row(reading, span, data, encode, quantity)) is not None:
            rows.append((*row, number))
    return table_from(reading, quantity, rows, settings or {})


def _object(reading: Reading, span: Span, text: str) -> Mapping[str, object] | None:
    try:
        data = strict_json(text)
    except (ValueError, RecursionError) as error:
        reading.reject("OFA121", "each line is a JSON object", span, str(error)[:80])
        return None
    if not isinstance(data, Mapping):
        reading.reject("OFA121", "each line is a JSON object", span, "this is none")
        return None
    return data


def _header(reading: Reading, span: Span, data: Mapping[str, object]) -> dict[str, str]:
    missing = [key for key in HEADER if key not in data]
    if missing:
        rule = "the first line names the device, batch, dtype, runtime and date"
        reading.reject("OFA122", rule, span, f"{', '.join(missing)} missing")
    return {str(key)[:80]: str(value)[:200] for key, value in data.items()}


def _row(
    reading: Reading, span: Span, data: Mapping[str, object], encode: Encode, quantity: str
) -> tuple[Archs, float] | None:
    if "arch" not in data or quantity not in data:
        missing = "arch" if "arch" not in data else quantity
        help = f'write {{"arch": {{...}}, "{quantity}": 12.5}}'
        reading.reject("OFA121", "a row has an arch and a value", span, f"{missing} missing", help)
        return None
    value = reading.number(span, quantity, data[quantity])
    arch = encoded(reading, span, data["arch"], encode)
    return None if arch is None else (arch, value)


def encoded(reading: Reading, span: Span, arch: object, encode: Encode) -> Archs | None:
    """Return the choices of an arch, or note why it has none."""
    try:
        return encode(arch)
    except ValueError as error:
        found = str(error)
    except Diagnostics as report:
        found = "; ".join(item.message for item in report.items[:3])
    reading.reject("OFA125", "an arch of a table is an arch of the space", span, found[:200])
    return None
