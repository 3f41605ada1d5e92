"""Native tables: a line that names the settings, then one JSON object for each arch.

{"device": "pixel4", "batch": 1, "dtype": "float32", "runtime": "eager", "date": "2026-01-31"}
{"arch": {...}, "latency_ms": 12.5, "repeats": [12.4, 12.5, 12.7]}

The header may name the space, which is then the one that is asked for. ``repeats`` are what a value
is the median of; they say how steady the device was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.tables import (
    HEADER,
    Reading,
    Row,
    Table,
    open_table,
    table_from,
)
from ofadsl.diagnostics import Diagnostics, Span, fault
from ofadsl.strict_json import strict_json

Encode = Callable[[object], Archs]
"""From an arch as JSON writes it to its choices; raises ValueError or Diagnostics."""

ALSO = (
    *("space", "space_hash", "settings", "machine", "threads"),
    *("reference", "repeats", "warmup", "versions", "note"),
)
"""What a header may say beside ``HEADER``."""
ROW = ("arch", "repeats", "reference_ms", "when", "note")
"""What a row may say beside quantities."""
_QUANTITY = re.compile(r"[a-z]{1,20}_(ns|us|ms|s|uj|mj|j|mw|w|kb|mb|gb)")
_APART = 0.25  # a value that is further from the median of its repeats is of another row
_SIGMA = 1.4826  # from the median deviation to the standard one


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a table is read for: the space by name and hash, and the quantity."""

    encode: Encode
    space: str
    hash: str
    quantity: str


def read_jsonl(path: Path, asked: Asked) -> Table:
    """Return the table in a file of JSON lines."""
    reading = open_table(path)
    settings: dict[str, str] | None = None
    rows: list[Row] = []
    for number, (span, text) in enumerate(reading.lines()):
        data = _object(reading, span, text)
        if data is None:
            continue
        if settings is None:
            settings = _header(reading, span, data, asked)
        elif (row := _row(reading, span, data, asked, number)) is not None:
            rows.append(row)
    return table_from(reading, asked.quantity, rows, settings or {})


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


def _header(
    reading: Reading, span: Span, data: Mapping[str, object], asked: Asked
) -> dict[str, str]:
    missing = [key for key in HEADER if key not in data]
    if missing:
        rule = "the first line names the device, batch, dtype, runtime and date"
        reading.reject("OFA122", rule, span, f"{', '.join(missing)} missing")
    _known(reading, span, data, (*HEADER, *ALSO), "the first line")
    space = data.get("space", asked.space)
    if space != asked.space:  # no row of it can be read, so one report is enough
        rule = f"the table must be of the space {asked.space}"
        help = f"calibrate the space that was measured, {str(space)[:80]}"
        raise fault("OFA134", rule, span=span, label=f"of {str(space)[:80]}", help=help)
    if data.get("space_hash", asked.hash) != asked.hash:
        rule = f"the table must be of {asked.space} as it is compiled here"
        help = "give the --set that was measured; if the space has changed since, measure again"
        raise fault("OFA134", rule, span=span, label="another space_hash", help=help)
    settings = [(key, value) for key, value in data.items() if key != "reference"]  # an arch
    return {str(key)[:80]: str(value)[:200] for key, value in settings}


def _row(
    reading: Reading, span: Span, data: Mapping[str, object], asked: Asked, number: int
) -> Row | None:
    quantity = asked.quantity
    if "arch" not in data or quantity not in data:
        missing = "arch" if "arch" not in data else quantity
        help = f'write {{"arch": {{...}}, "{quantity}": 12.5}}'
        reading.reject("OFA121", "a row has an arch and a value", span, f"{missing} missing", help)
        return None
    quantities = [key for key in data if _QUANTITY.fullmatch(key)]
    _known(reading, span, data, (*ROW, quantity, *quantities), "a row")
    value = reading.number(span, quantity, data[quantity])
    arch = encoded(reading, span, data["arch"], asked.encode)
    noise = _noise(reading, span, data, quantity)
    if arch is None:
        return None
    return Row(x=arch, y=value, order=float(number), span=span, noise=noise)


def _noise(reading: Reading, span: Span, data: Mapping[str, object], quantity: str) -> float:
    """Return the relative deviation that the repeats of a row leave to its value; else NaN.

    They are repeats of the latency where a row has one, else of what was asked for.
    """
    if "repeats" not in data:
        return float("nan")
    repeats, rule = data["repeats"], "the repeats of a row are positive numbers"
    if not isinstance(repeats, list) or not repeats:
        reading.reject("OFA135", rule, span, "repeats is no list of numbers")
        return float("nan")
    strange = [item for item in repeats if not _positive(item)]
    if strange:
        reading.reject("OFA135", rule, span, f"{str(strange[0])[:40]} among the repeats")
        return float("nan")
    name = "latency_ms" if "latency_ms" in data else quantity
    value, middle = data[name], float(np.median(repeats))
    if not isinstance(value, int | float) or isinstance(value, bool):
        return float("nan")
    if abs(value - middle) > _APART * middle:
        label = f"{name} is {value:.6g}, its repeats have the median {middle:.6g}"
        help = "a value that is not the median of its repeats has another unit or another row"
        rule = "a value is the median of its repeats"
        reading.reject("OFA135", rule, span, label, help)
    spread = _SIGMA * float(np.median(np.abs(np.array(repeats) - middle)))
    return spread / middle / float(np.sqrt(len(repeats)))


def _positive(item: object) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool) and 0 < item < 1e300


def _known(
    reading: Reading, span: Span, data: Mapping[str, object], known: tuple[str, ...], what: str
) -> None:
    for key in data:
        if key not in known:
            near = get_close_matches(key, known, 1)
            help = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
            rule = f"{what} says only what is known"
            reading.reject("OFA136", rule, span, f"`{key[:40]}` is not", help)


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
