"""A schedule as a table for people and as data for programs: `ofadsl show --schedule`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from ofadsl.compiler.diff import show as show_values
from ofadsl.compiler.schedule.plan import Distil, Fixed, Phase, Sandwich, Schedule, Uniform
from ofadsl.expr import Value, evaluate
from ofadsl.space import Space

SHOWN = 3
"""So many sets of values are shown for one name; stages may have others each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A phase: what it trains, how long, how."""

    name: str
    epochs: float
    opens: tuple[str, ...]
    subnets: int
    samples: str
    teacher: str
    rate: str
    sort: bool


def rows(schedule: Schedule) -> tuple[Row, ...]:
    """Return a row for each phase; what is open in the phase before is not said again."""
    found = []
    before: set[str] = set()
    for phase in schedule.phases:
        now = list(_open(phase.space))
        found.append(_row(phase, tuple(text for text in now if text not in before)))
        before = set(now)
    return tuple(found)


def render(schedule: Schedule) -> str:
    """Return the table as text."""
    head = ("phase", "epochs", "opens", "subnets", "a step trains", "taught by", "learning rate")
    found = rows(schedule)
    lines = [head, *(_cells(row) for row in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [_line(line, widths) for line in lines]
    rule = "-" * max(map(len, text))
    notes = [f"note: {note}" for note in schedule.notes]
    title = f"schedule {schedule.name}, {_number(schedule.epochs)} epochs"
    return "\n".join([title, "", text[0], rule, *text[1:], rule, *notes]).rstrip()


def as_data(schedule: Schedule) -> dict[str, object]:
    """Return the table for programs."""
    phases = [
        {
            "name": phase.name,
            "epochs": phase.epochs,
            "opens": row.opens,
            "subnets": row.subnets,
            "samples": row.samples,
            "teacher": row.teacher,
            "learning_rate": phase.learning_rate,
            "rate_scale": phase.rate_scale,
            "warmup": phase.warmup,
            "decay": phase.decay,
            "sort": phase.sort,
        }
        for phase, row in zip(schedule.phases, rows(schedule), strict=True)
    ]
    return {"schedule": schedule.name, "phases": phases, "notes": schedule.notes}


def _row(phase: Phase, opens: tuple[str, ...]) -> Row:
    return Row(
        name=phase.name,
        epochs=phase.epochs,
        opens=opens,
        subnets=phase.space.size(),
        samples=_samples(phase),
        teacher=_teacher(phase.distil),
        rate=_rate(phase),
        sort=phase.sort,
    )


def _open(space: Space) -> Iterator[str]:
    """Yield each name with the sets of values that are open for it, where there is a choice."""
    sets: dict[str, dict[tuple[Value, ...], None]] = {}
    for dim in space.dims:
        values = tuple(v for v in dim.var.values if _allows(space, dim.var.name, v))
        if len(values) > 1:
            sets.setdefault(dim.key, {})[values] = None
    for key, found in sets.items():
        shown = [show_values(values) for values in list(found)[:SHOWN]]
        yield " ".join([key, *shown]) + (" ..." if len(found) > SHOWN else "")


def _allows(space: Space, name: str, value: Value) -> bool:
    """Return whether no requirement on a dimension alone, where it matters, forbids a value."""
    own = [r.said for r in space.requirements if [v.name for v in r.said.support] == [name]]
    return all(evaluate(condition, {name: value}) for condition in own)


def _samples(phase: Phase) -> str:
    match phase.sampler:
        case Uniform(number=number):
            lone = phase.space.size(with_resolution=False) == 1
            return "one subnet" if lone else f"{number} random"
        case Sandwich(number=number):
            return f"largest, smallest, {number} random"
        case Fixed():
            return "one subnet"
        case _:
            assert_never(phase.sampler)


def _teacher(distil: Distil | None) -> str:
    if distil is None:
        return "labels"
    weight = "" if distil.ratio == 1.0 else f" x {_number(distil.ratio)}"
    who = "largest" if distil.teacher == "largest" else "largest of the step"
    return f"{who}, {distil.loss}{weight}"


def _rate(phase: Phase) -> str:
    rate = "as given" if phase.learning_rate is None else _number(phase.learning_rate)
    scale = "" if phase.rate_scale == 1.0 else f" x {_number(phase.rate_scale)}"
    warm = f", warm-up {_number(phase.warmup)}" if phase.warmup else ""
    return f"{rate}{scale}{warm}{'' if phase.decay == 'cosine' else ', constant'}"


def _number(value: float) -> str:
    return f"{value:.6g}"


def _cells(row: Row) -> tuple[str, ...]:
    opens = "; ".join([*(["sort channels"] if row.sort else []), *row.opens])
    count = f"{row.subnets:,}"
    return (row.name, _number(row.epochs), opens, count, row.samples, row.teacher, row.rate)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [
        cell.rjust(width) if i in (1, 3) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
