"""A file of results, `evals.jsonl`: written line by line, so that an evaluation can be continued.

The first line says what was evaluated and how; then `{"arch": ..., "top1": ..., "loss": ...}` a
line, the input of accuracy predictors. A line that was being written when the process was killed is
dropped. Results are continued under the same first line only.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.files import append_durable, refused, write_text, writing
from ofadsl.train.accuracy import Accuracy

Json = Mapping[str, object]


class Record:
    """The results so far; ``header`` is what the first line says."""

    def __init__(self, path: Path, header: Json) -> None:
        self.path, self.header = path, header
        self.rows: dict[str, Json] = {}

    @classmethod
    def open(cls, path: Path, header: Json) -> Record:
        """Return what the file holds, which is made where it is not there.

        Raises Diagnostics where its first line differs (OFA190) or it is something else (OFA191).
        """
        record = cls(path, header)
        try:
            whole = path.read_bytes() if path.exists() else b""
            kept = whole[: whole.rfind(b"\n") + 1]
            lines = kept.decode("utf-8").splitlines()
        except OSError as error:
            raise refused(path, error) from error
        except UnicodeDecodeError as error:
            raise _strange(path, 1) from error
        if whole and not kept and not whole.startswith(b"{"):
            raise _strange(path, 1)
        for number, line in enumerate(lines, start=1):
            row = _object(line)
            if row is None or (number > 1 and not isinstance(row.get("arch"), dict)):
                raise _strange(path, number)
            if number == 1:
                record._compare(row)
            else:
                record.rows[key(row["arch"])] = row
        record._cut(len(kept), len(whole))
        if not lines:
            record._append([header])
        return record

    def add(self, results: Iterable[tuple[Json, Accuracy]]) -> None:
        """Write results to the disk."""
        rows = [row(arch, accuracy) for arch, accuracy in results]
        self._append(rows)
        self.rows |= {key(one["arch"]): one for one in rows}

    def order(self, archs: Iterable[Json]) -> None:
        """Put the rows of ``archs`` in this order, after any others."""
        wanted = [key(arch) for arch in archs]
        others = [name for name in self.rows if name not in set(wanted)]
        names = [*others, *dict.fromkeys(wanted)]
        if names == list(self.rows):
            return
        self.rows = {name: self.rows[name] for name in names}
        lines = [json.dumps(one) for one in (self.header, *self.rows.values())]
        with writing(self.path):
            write_text(self.path, "".join(f"{line}\n" for line in lines))

    def _compare(self, found: Json) -> None:
        ours = json.loads(json.dumps(self.header))
        if "space" not in found or "weights" not in found:
            raise _strange(self.path, 1)
        other = [name for name in ours if found.get(name) != ours[name]]
        if other:
            name = other[0]
            said = f"was {_short(found.get(name))}, now {_short(ours[name])}"
            message = f"{self.path} was made otherwise: {name.replace('_', ' ')} {said}"
            raise fault("OFA190", message, help="give another file with -o")

    def _cut(self, size: int, found: int) -> None:
        if size == found:
            return
        with writing(self.path):
            os.truncate(self.path, size)

    def _append(self, rows: Iterable[Json]) -> None:
        lines = "\n".join(json.dumps(one) for one in rows)
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            append_durable(self.path, lines)


def key(arch: object) -> str:
    """Return what tells archs apart."""
    return json.dumps(arch, sort_keys=True)


def row(arch: Json, accuracy: Accuracy) -> dict[str, object]:
    """Return the line of a result."""
    five = {} if accuracy.top5 is None else {"top5": accuracy.top5}
    loss = accuracy.loss if math.isfinite(accuracy.loss) else None  # JSON has no such number
    return {"arch": arch, "top1": accuracy.top1, **five, "loss": loss}


def _object(line: str) -> dict[str, object] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_SHOWN = 24


def _strange(path: Path, number: int) -> Diagnostics:
    message = f"{path} is no file of results: line {number} is none of ours"
    return fault("OFA191", message, help="give another file with -o")
