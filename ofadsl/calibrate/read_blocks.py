"""Tables of blocks: what each kind of layer takes on a device, by its shape.

In: the YAML of OFA and ProxylessNAS, or the same as CSV. Out: ``Blocks``, an entry for each line;
Diagnostics for every line that is none.

    r,op,h_in,c_in,h_out,c_out,expand_ratio,k,stride,idskip,se,hs,count,mean_ms,std_ms
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from ofadsl.calibrate.block import Block, Blocks, Line, checked, spread_of
from ofadsl.calibrate.read_blocks_yaml import blocks_of_yaml
from ofadsl.calibrate.tables import Reading, open_table
from ofadsl.diagnostics import Span, fault

_COLUMNS = ("op", "h_in", "c_in", "h_out", "c_out", "expand_ratio", "k", "stride", "idskip")
_OPTIONAL = ("r", "w_in", "w_out", "se", "hs", "count")


def is_blocks(path: Path) -> bool:
    """Return whether a file is a table of blocks, by its name and its first line."""
    match path.suffix.lower():
        case ".yaml" | ".yml":
            return True
        case ".csv":
            try:
                with path.open(encoding="utf-8", errors="replace") as file:
                    cells = [cell.strip() for cell in file.readline(1000).split(",")]
            except OSError:
                return False  # whoever reads it says why
            return "op" in cells and "idx" not in cells
        case _:
            return False


def read_blocks(path: Path, quantity: str) -> Blocks:
    """Return the entries of a file; raise Diagnostics that name each malformed line."""
    reading = open_table(path)
    lines = _csv(reading, quantity) if path.suffix.lower() == ".csv" else blocks_of_yaml(reading)
    entries: dict[Block, tuple[float, float]] = {}
    for span, block, mean, deviation in lines:
        if block in entries:
            reading.reject("OFA137", "a block stands once in a table", span, f"{block} again")
        entries[block] = mean, deviation
    reading.finish()
    if not entries:
        raise fault("OFA124", f"{path} holds no measurement")
    return Blocks(path=str(path), digest=reading.digest, entries=entries)


def _csv(reading: Reading, quantity: str) -> Iterator[Line]:
    unit = quantity.rpartition("_")[2]
    mean, deviation = f"mean_{unit}", f"std_{unit}"
    lines = reading.lines()
    span, header = next(lines, (None, ""))
    if span is None:
        raise fault("OFA124", f"{reading.source.path} holds no measurement")
    columns = [cell.strip() for cell in header.split(",")]
    missing = [name for name in (*_COLUMNS, mean) if name not in columns]
    strange = [n for n in columns if n not in (*_COLUMNS, *_OPTIONAL, mean, deviation)]
    if missing or strange or len(set(columns)) != len(columns):
        label = f"{missing[0]} missing" if missing else f"`{(strange or columns)[0][:40]}`"
        rule = f"the first line of a table of blocks names {', '.join((*_COLUMNS, mean))}"
        help = f"it may name {', '.join((*_OPTIONAL, deviation))} too, each once"
        raise fault("OFA137", rule, span=span, label=label, help=help)
    for span, text in lines:
        try:
            cells = [cell.strip() for cell in next(csv.reader([text]))]
        except csv.Error as error:
            reading.reject("OFA137", "a line is one of a CSV table", span, str(error)[:80])
            continue
        if len(cells) != len(columns):
            rule = f"a line has {len(columns)} values"
            reading.reject("OFA137", rule, span, f"{len(cells)} values")
            continue
        row = dict(zip(columns, cells, strict=True))
        block = _block(reading, span, row)
        value = reading.number(span, mean, row[mean])
        spread = spread_of(reading, span, deviation, row.get(deviation, ""))
        count = row.get("count", "")
        if count and not (count.isascii() and count.isdigit()):
            reading.reject("OFA137", "a count is a whole number", span, f"it is {count[:40]}")
        if block is not None:
            yield span, block, value, spread


def _block(reading: Reading, span: Span, row: Mapping[str, str]) -> Block | None:
    names = {
        "r": row.get("r", ""),
        "h_in": row["h_in"],
        "w_in": row.get("w_in", row["h_in"]),
        "c_in": row["c_in"],
        "h_out": row["h_out"],
        "w_out": row.get("w_out", row["h_out"]),
        "c_out": row["c_out"],
        "expand": row["expand_ratio"],
        "kernel": row["k"],
        "stride": row["stride"],
        "shortcut": row["idskip"],
        "excite": row.get("se", ""),
        "hswish": row.get("hs", ""),
    }
    return checked(reading, span, row["op"], {k: v for k, v in names.items() if v != ""})
