"""Read a device table, whatever its form."""

from __future__ import annotations

from pathlib import Path

from ofadsl.calibrate.archs import Target
from ofadsl.calibrate.read_csv import read_csv
from ofadsl.calibrate.read_jsonl import Asked, read_jsonl
from ofadsl.calibrate.tables import Table
from ofadsl.diagnostics import fault


def read_table(
    path: Path, target: Target, *, archs: Path | None = None, quantity: str = "latency_ms"
) -> Table:
    """Return the table in a file; raise Diagnostics that name each malformed line."""
    match path.suffix.lower():
        case ".jsonl":
            asked = Asked(
                encode=target.encode,
                space=target.space.name,
                hash=target.hash,
                quantity=quantity,
            )
            return read_jsonl(path, asked)
        case ".csv":
            return read_csv(path, archs, target.encode, quantity)
        case other:
            help = "tables are .jsonl or .csv; those of blocks .csv or .yaml"
            raise fault("OFA129", f"no reader for a table named `{other}`: {path}", help=help)
