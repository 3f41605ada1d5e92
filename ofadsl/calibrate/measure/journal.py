"""The table of a session: JSON lines, appended as they are measured, so that a kill costs none.

In: a path and what the header is to say. Out: rows that were there before, and a way to add more.
A table of other settings is refused. A row is on the disk when ``append`` returns; a last line
that was torn by a kill is dropped, and said.

    {"space": ..., "device": ..., "batch": 1, ..., "reference": {"arch": {...}, "latency_ms": 9.1}}
    {"arch": {...}, "latency_ms": 12.5, "repeats": [12.4, 12.5, 12.7], "raw_ms": 13.0,
     "reference_ms": 9.46, "when": "2026-01-31T12:00:00+00:00"}

The reference is an arch that is measured throughout; ``reference_ms`` is what it took while the
row was measured, ``raw_ms`` what the row took then. The latency is as if the reference had always
taken what the header says, which is set by the first rows, and once more when all are there: to
the lowest tenth of what it took, because what disturbs a device only makes it slower.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ofadsl.calibrate.measure.session import Readings
from ofadsl.diagnostics import Diagnostic, Diagnostics, fault
from ofadsl.files import append_durable, write_durable, writing
from ofadsl.strict_json import strict_json

Header = Mapping[str, Any]
SAME = ("space", "space_hash", "settings", "device", "machine", "batch", "threads", "dtype")
"""What rows of one table have in common, beside the runtime and its versions."""
_LEVEL = 0.1
_HELP = "give another file with -o, or measure under the settings of the table"
_OURS = "give another file with -o: only what `ofadsl measure` wrote is continued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One arch: milliseconds, as measured and as they would be at the level of the header."""

    arch: Mapping[str, Any]
    repeats: tuple[float, ...]
    raw: float
    reference: float
    when: str

    @property
    def latency(self) -> float:
        """The median of the repeats."""
        return statistics.median(self.repeats)

    def at_level(self, factor: float) -> Row:
        """Return the row with another level of the reference, so many times the one it had."""
        return replace(self, repeats=tuple(_short(value * factor) for value in self.repeats))

    def line(self) -> str:
        """Return the JSON text."""
        data = {
            "arch": self.arch,
            "latency_ms": _short(self.latency),
            "repeats": self.repeats,
            "raw_ms": self.raw,
            "reference_ms": self.reference,
            "when": self.when,
        }
        return json.dumps(data)


@dataclass(slots=True, kw_only=True)
class Journal:
    """A table while it grows."""

    path: Path
    header: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def level(self) -> float | None:
        """What the reference takes, in milliseconds; None before the first row."""
        found: float | None = self.header["reference"]["latency_ms"]
        return found

    def append(self, measured: Sequence[tuple[Mapping[str, Any], Readings]], when: str) -> None:
        """Add rows; they are on the disk when this returns."""
        level = self.level
        if level is None:
            every = [float(v) for _, found in measured for v in found.reference]
            level = _lowest(every) * 1e3
        rows = [_row(arch, found, level, when) for arch, found in measured]
        self.rows += rows
        if self.level is None:
            self._write(level)
            return
        with writing(self.path):
            for row in rows:
                append_durable(self.path, row.line())

    def finish(self) -> None:
        """Set the level to that of all rows; a table that has it is left as it is."""
        level = _short(_lowest([row.reference for row in self.rows]))
        if self.level is None or level == self.level:
            return
        self.rows = [row.at_level(level / self.level) for row in self.rows]
        self._write(level)

    def _write(self, level: float | None) -> None:
        reference = {**self.header["reference"], "latency_ms": level and _short(level)}
        self.header["reference"] = reference
        lines = [json.dumps(self.header), *(row.line() for row in self.rows)]
        with writing(self.path):
            write_durable(self.path, (f"{line}\n".encode() for line in lines))


def open_journal(path: Path, header: Header) -> Journal:
    """Return the table at a path, new or continued."""
    try:
        text = path.read_bytes().decode("utf-8") if path.exists() else ""
        if text:
            return _continued(path, text, header)
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = Journal(path=path, header=dict(header))
        journal._write(None)
    except UnicodeDecodeError as error:
        raise fault("OFA143", f"{path} is no UTF-8 text", help=_OURS) from error
    return journal


def _continued(path: Path, text: str, header: Header) -> Journal:
    whole, notes = text, []
    lines = text.split("\n")
    if torn := lines[-1]:
        if _is_json(torn):  # all but the end of the line was written
            whole = text + "\n"
        else:
            lines.pop()
            whole = text[: len(text) - len(torn)]
            notes.append(f"the last line of {path} was torn and is measured again")
    found = _object(path, 1, lines[0] if whole else "")
    _refuse_others(path, found, header)
    rows = [_read(path, i, line) for i, line in enumerate(lines[1:], 2) if line.strip()]
    if whole != text:
        write_durable(path, [whole.encode()])
    return Journal(path=path, header=dict(found), rows=rows, notes=notes)


def _refuse_others(path: Path, found: Header, header: Header) -> None:
    reference = found.get("reference")
    if not isinstance(reference, Mapping) or not {"arch", "latency_ms"} <= set(reference):
        message = f"{path} was not written by `ofadsl measure`: its first line has no reference"
        raise fault("OFA143", message, help=_OURS)
    pairs = [(key, found.get(key), header[key]) for key in (*SAME, "runtime")]
    before, now = found.get("versions"), header["versions"]
    pairs += [
        (key, before.get(key) if isinstance(before, Mapping) else None, version)
        for key, version in now.items()
        if key != "ofadsl"  # what it measures has not changed if the hash has not
    ]
    items = [
        Diagnostic(
            code="OFA142",
            message=f"{path} was measured with {_said(key, old)}, and this would be "
            + _shown(key, new),
            help=_HELP,
        )
        for key, old, new in pairs
        if old != new
    ]
    if items:
        raise Diagnostics(items)


def _said(key: str, value: object) -> str:
    return f"no {key}" if value is None else f"{key} {_shown(key, value)}"


def _shown(key: str, value: object) -> str:
    if key == "space_hash":
        return str(value)[:12]
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={part}" for name, part in value.items())[:60] or "none"
    return str(value)[:60]


def _read(path: Path, number: int, line: str) -> Row:
    data = _object(path, number, line)
    repeats = data.get("repeats")
    values = [*(repeats if isinstance(repeats, list) else ["none"])]
    values += [data.get(key) for key in ("raw_ms", "reference_ms")]
    arch, when = data.get("arch"), data.get("when")
    numbers = all(type(v) in (int, float) and v > 0 for v in values)
    if len(values) < 3 or not numbers or not isinstance(arch, Mapping) or not isinstance(when, str):
        message = f"line {number} of {path} is no row of `ofadsl measure`"
        raise fault("OFA143", message, help=_OURS)
    *before, raw, reference = map(float, values)
    return Row(arch=arch, repeats=tuple(before), raw=raw, reference=reference, when=when)


def _object(path: Path, number: int, line: str) -> Header:
    try:
        data = strict_json(line)
    except (ValueError, RecursionError) as error:
        message = f"line {number} of {path} is no JSON: {str(error)[:80]}"
        raise fault("OFA143", message, help=_OURS) from error
    if not isinstance(data, Mapping):
        raise fault("OFA143", f"line {number} of {path} is no JSON object", help=_OURS)
    return data


def _is_json(text: str) -> bool:
    try:
        return isinstance(strict_json(text), Mapping)
    except (ValueError, RecursionError):
        return False


def _row(arch: Mapping[str, Any], found: Readings, level: float, when: str) -> Row:
    return Row(
        arch=arch,
        repeats=tuple(_short(v) for v in found.taken / found.reference * level),
        raw=_short(statistics.median(found.taken.tolist()) * 1e3),
        reference=_short(statistics.median(found.reference.tolist()) * 1e3),
        when=when,
    )


def _lowest(readings: Sequence[float]) -> float:
    return float(np.quantile(readings, _LEVEL))


def _short(value: float) -> float:
    return float(f"{value:.6g}")
