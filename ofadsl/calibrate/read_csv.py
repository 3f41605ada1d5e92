"""Tables in two files: `idx,latency_ms` beside `*_archs.csv`, which says what each idx is.

The archs are those of OFA (d, ks, e as digits, r) or a digit for each `oneof` (ops), as in FBNet.
"""

from __future__ import annotations

import csv
from pathlib import Path

from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.read_jsonl import Encode, encoded
from ofadsl.calibrate.tables import Reading, Row, Table, open_table, table_from
from ofadsl.diagnostics import Span, fault

_OFA = ["idx", "d", "ks", "e", "r"]
_OPS = ["idx", "ops"]


def read_csv(path: Path, archs: Path | None, encode: Encode, quantity: str) -> Table:
    """Return the table in a file, joined with the archs beside it."""
    known = read_archs(archs or _beside(path), encode)
    reading = open_table(path)
    rows: list[Row] = []
    seen: set[str] = set()
    for span, cells in _rows(reading, ["idx", quantity]):
        value = reading.number(span, quantity, cells[1])
        if cells[0] in seen:
            reading.reject("OFA127", "an idx stands once in a table", span, f"{cells[0]} again")
        elif cells[0] not in known:
            label = f"no arch has the idx {cells[0][:40]}"
            reading.reject("OFA127", "an idx of a table is one of the archs", span, label)
        else:
            seen.add(cells[0])
            rows.append(Row(x=known[cells[0]], y=value, order=float(cells[0]), span=span))
    return table_from(reading, quantity, rows, {"device": path.stem})


def read_archs(path: Path, encode: Encode) -> dict[str, Archs]:
    """Return the choices of each arch by its idx."""
    reading = open_table(path)
    first = next((text for _, text in reading.lines()), "")
    columns = _OPS if first.strip() == ",".join(_OPS) else _OFA
    found: dict[str, Archs] = {}
    for span, cells in _rows(reading, columns):
        if not all(cell.isascii() and cell.isdigit() and len(cell) <= 100 for cell in cells):
            reading.reject("OFA126", "archs are written in digits", span, "other characters")
            continue
        if str(int(cells[0])) in found:
            reading.reject("OFA127", "an idx stands once", span, f"{cells[0]} again")
        arch = encoded(reading, span, _arch(columns, cells), encode)
        if arch is not None:
            found[str(int(cells[0]))] = arch
    reading.finish()
    return found


def _arch(columns: list[str], cells: list[str]) -> object:
    if columns is _OPS:
        return {"ops": [int(digit) for digit in cells[1]]}
    _, d, ks, e, r = cells
    lists = {"d": d, "ks": ks, "e": e}
    return {key: [int(digit) for digit in text] for key, text in lists.items()} | {"r": int(r)}


def _rows(reading: Reading, columns: list[str]) -> list[tuple[Span, list[str]]]:
    """Return the cells of each line after the header."""
    found = []
    lines = reading.lines()
    span, header = next(lines, (None, ""))
    if span is None or header.strip() != ",".join(columns):
        rule = f"the first line of a table is `{','.join(columns)}`"
        if span is None:
            raise fault("OFA126", rule, help=f"{reading.source.path} is empty")
        raise fault("OFA126", rule, span=span, label="another header")
    for span, text in lines:
        try:
            cells = [cell.strip() for cell in next(csv.reader([text]))]
        except csv.Error as error:
            reading.reject("OFA126", "a line is one of a CSV table", span, str(error)[:80])
            continue
        if len(cells) != len(columns):
            label = f"{len(cells)} values"
            reading.reject("OFA126", f"a line has {len(columns)} values", span, label)
        else:
            found.append((span, cells))
    return found


def _beside(path: Path) -> Path:
    name = path.stem.split("_latency")[0]
    beside = path.with_name(f"{name}_archs.csv")
    if beside.is_file():
        return beside
    help = f"give it with --archs, or put {beside.name} beside the table"
    raise fault("OFA128", f"there is no list of archs for {path}", help=help)
