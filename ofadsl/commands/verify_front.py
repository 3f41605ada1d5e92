"""The road of `ofadsl verify`: the first subnets of a front, evaluated and measured for real.

What a search found was predicted: an accuracy by a predictor, a latency by an estimator. Here both
are done on the subnets themselves, with recomputed statistics and by the clock, and compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.chart import shown
from ofadsl.commands import evaluate, measure, search, search_setting
from ofadsl.commands.answer import Answer, write_whole
from ofadsl.commands.estimators import estimator_path, load_estimator
from ofadsl.commands.runners import DTYPES, Setting, machine
from ofadsl.commands.steps import Watching
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault
from ofadsl.search.front import Front, arch_name, read_front

_TYPES = {str(dtype).removeprefix("torch."): name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which subnets of a front to try, with what."""

    front: Path
    number: int = 5
    weights: Path | None = None
    data: str | None = None
    space: Path | None = None
    generated: Path = Path("generated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One quantity of the tried subnets: what was predicted, and what is."""

    name: str
    unit: str
    predicted: tuple[float, ...]
    found: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...] = field(default=())

    @property
    def error(self) -> float:
        """The mean error, as a part of what is; of an accuracy, in parts of 1."""
        pairs = zip(self.predicted, self.found, strict=True)
        if self.name == "accuracy":
            return sum(abs(a - b) for a, b in pairs) / len(self.found)
        return sum(abs(a - b) / b for a, b in pairs) / len(self.found)

    @property
    def inside(self) -> int:
        """How many lie in their interval."""
        ends = zip(self.intervals, self.found, strict=True)
        return sum(low <= value <= high for (low, high), value in ends)


def verify_front(request: Request, watching: Watching) -> Answer:
    """Evaluate and measure, and write `verified.json` beside the front."""
    front = read_front(request.front)
    if not len(front.archs):
        raise fault("OFA241", f"the front {request.front} is empty", help="search again")
    space = request.space or Path(front.source)
    target = target_of(space, front.settings, shown_path(space))
    if target.hash != front.space_hash:
        message = f"{request.front} was found in another {front.space}"
        raise fault("OFA241", message, help="search again, or give the space with --space")
    rows = range(min(request.number, len(front.archs)))
    archs = request.front / "verified-archs.jsonl"
    write_whole(archs, "".join(f"{json.dumps(front.archs[row])}\n" for row in rows))
    notes: list[str] = []
    checked = [
        *_accuracy(request, front, space, archs, rows, notes, watching),
        *_latencies(request, front, target, space, archs, rows, notes, watching),
    ]
    data = {"archs": [arch_name(row) for row in rows], "checked": [_data(one) for one in checked]}
    write_whole(request.front / "verified.json", json.dumps(data, indent=2) + "\n")
    lines = (
        *(_table(checked, rows) if checked else ["nothing was verified"]),
        *(_said(one) for one in checked),
        *(f"note: {note}" for note in notes),
        f"wrote {request.front}/verified.json",
    )
    return Answer(lines=lines, data=data)


def search_and_verify(
    asked: search_setting.Request,
    number: int,
    *,
    weights: Path | None,
    data: str | None,
    watching: Watching,
) -> Answer:
    """Search, and verify the first subnets of what was found."""
    found = search.search(asked)
    tried = verify_front(
        Request(
            front=asked.output,
            number=number,
            weights=weights,
            data=data,
            space=asked.space,
            generated=asked.generated,
        ),
        watching,
    )
    lines = (*found.lines, "", *tried.lines)
    return Answer(lines=lines, data={**found.data, "verified": tried.data})


def _accuracy(
    request: Request,
    front: Front,
    space: Path,
    archs: Path,
    rows: Sequence[int],
    notes: list[str],
    watching: Watching,
) -> Iterator[Checked]:
    if "accuracy" not in front.costs:
        return
    if request.weights is None or request.data is None:
        notes.append("the accuracy was not evaluated: give --weights and --data")
        return
    output = request.front / "verified-accuracy.jsonl"
    asked = evaluate.Request(
        space=space,
        weights=request.weights,
        data=request.data,
        archs=str(archs),
        output=output,
        settings=front.settings,
    )
    evaluate.run(asked, watching)
    found = _read(output, "top1")
    yield _checked(front, "accuracy", rows, [found(front.archs[row]) for row in rows])


def _latencies(
    request: Request,
    front: Front,
    target: Target,
    space: Path,
    archs: Path,
    rows: Sequence[int],
    notes: list[str],
    watching: Watching,
) -> Iterator[Checked]:
    for name in front.costs:
        cost, bracket, device = name.rstrip("]").partition("[")
        if not bracket or cost != "latency":
            continue
        path = estimator_path(request.generated, target, "latency_ms", device)
        said = load_estimator(path, target).SETTINGS
        setting = _setting(said)
        if setting is None or said.get("machine") != machine(setting):
            notes.append(f"{name} was not measured: this is not the machine of its table")
            continue
        output = request.front / f"verified-latency-{device}.jsonl"
        asked = measure.Request(
            space=space, output=output, settings=front.settings, setting=setting, archs=archs
        )
        with watching("measuring") as watch:
            measure.measure(asked, watch)
        found = _read(output, "latency_ms")
        yield _checked(front, name, rows, [found(front.archs[row]) for row in rows])


def _setting(said: Mapping[str, str]) -> Setting | None:
    """Return how a table was measured; None for one that `ofadsl measure` did not write."""
    try:
        return Setting(
            runtime=said["runtime"],
            dtype=_TYPES[said["dtype"]],
            batch=int(said["batch"]),
            threads=int(said["threads"]),
        )
    except (KeyError, ValueError):
        return None


def _read(path: Path, key: str) -> Callable[[Mapping[str, Any]], float]:
    """Return what looks a result up by its arch."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    known = {_key(row["arch"]): float(row[key]) for row in rows if key in row and "arch" in row}
    return lambda arch: known[_key(arch)]


def _key(arch: Mapping[str, Any]) -> str:
    return json.dumps(arch, sort_keys=True)


def _checked(front: Front, name: str, rows: Sequence[int], found: Sequence[float]) -> Checked:
    intervals = front.intervals.get(name)
    return Checked(
        name=name,
        unit=front.units.get(name, ""),
        predicted=tuple(float(front.costs[name][row]) for row in rows),
        found=tuple(found),
        intervals=()
        if intervals is None
        else tuple((float(intervals[row, 0]), float(intervals[row, 1])) for row in rows),
    )


def _table(checked: Sequence[Checked], rows: Sequence[int]) -> Iterator[str]:
    cells = [["arch", *(text for one in checked for text in (one.name, "predicted"))]]
    for place, row in enumerate(rows):
        values = [
            shown(value, one.unit)
            for one in checked
            for value in (one.found[place], one.predicted[place])
        ]
        cells.append([arch_name(row), *values])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))


def _said(one: Checked) -> str:
    error = f"{100 * one.error:.2f} points" if one.name == "accuracy" else f"{one.error:.1%}"
    inside = f"; {one.inside} of {len(one.found)} in their interval" if one.intervals else ""
    return f"{one.name}: predicted with an error of {error}{inside}"


def _data(one: Checked) -> dict[str, Any]:
    return {
        "name": one.name,
        "unit": one.unit,
        "predicted": one.predicted,
        "found": one.found,
        "intervals": one.intervals,
        "error": one.error,
    }
