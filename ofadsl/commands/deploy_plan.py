"""The road of `ofadsl deploy-plan`: one supernet and many devices in, a subnet for each out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ofadsl.chart import shown
from ofadsl.commands.answer import Answer, write_whole
from ofadsl.commands.search import searched
from ofadsl.commands.search_columns import BYTES
from ofadsl.commands.search_setting import Request as Search
from ofadsl.commands.search_setting import Setting, prepare, target_for
from ofadsl.diagnostics import Diagnostic, Diagnostics
from ofadsl.search.front import Front, read_front
from ofadsl.search.listing import specialize_command
from ofadsl.search.plan import Wish, read_plan

NOTHING = {"OFA228", "OFA229"}
"""What a search says that finds no subnet."""

_DTYPES = {size: name for name, size in BYTES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for."""

    space: Path
    devices: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    output: Path = Path("plan")
    generated: Path = Path("generated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was found for a device: a front and its best subnet, or why there is none."""

    name: str
    front: Front | None
    why: str = ""


def deploy_plan(request: Request) -> Answer:
    """Search for every device, and write a front for each and a table of choices.

    Nothing is searched before all devices are checked: their mistakes come together. A device that
    nothing fits stands in the table with the reason; the others are written.
    """
    asked = {wish.name: _asked(request, wish) for wish in read_plan(request.devices)}
    choices = [_choice(name, *ready) for name, ready in _prepared(asked).items()]
    table = [*_table(choices)]
    write_whole(request.output / "plan.md", "\n".join(_markdown(request, table, choices)) + "\n")
    data = {"devices": [_data(request, choice) for choice in choices]}
    write_whole(request.output / "plan.json", json.dumps(data, indent=2) + "\n")
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    failed = [choice for choice in choices if choice.front is None]
    lines += [f"note: nothing fits {choice.name}: {choice.why}" for choice in failed]
    lines.append(f"wrote {request.output}/plan.md, plan.json and a front for each device")
    return Answer(lines=tuple(lines), data=data)


def _asked(request: Request, wish: Wish) -> Search:
    """Return what `ofadsl search` would be asked for a device."""
    asked = Search(
        space=request.space,
        output=request.output / wish.name,
        settings=request.settings,
        maximize=wish.lists.get("maximize", ()),
        minimize=wish.lists.get("minimize", ()),
        where=wish.lists.get("where", ()),
        fixed=wish.lists.get("fix", ()),
        accuracy=wish.texts.get("accuracy"),
        metric=wish.texts.get("metric", "top1"),
        dtype=wish.texts.get("dtype", "fp32"),
        confident=wish.confident,
        generated=request.generated,
    )
    return replace(asked, **wish.numbers)  # type: ignore[arg-type]


def _prepared(asked: Mapping[str, Search]) -> dict[str, tuple[Search, Setting | Diagnostics]]:
    """Return each device's search, or why nothing fits; raise Diagnostics with all mistakes."""
    ready: dict[str, tuple[Search, Setting | Diagnostics]] = {}
    mistakes: list[Diagnostic] = []
    target = target_for(next(iter(asked.values())))  # one space for all
    for name, search in asked.items():
        try:
            ready[name] = search, prepare(search, target)
        except Diagnostics as report:
            ready[name] = search, report
            if not _fits_nothing(report):
                mistakes += (replace(i, message=f"device {name}: {i.message}") for i in report)
    if mistakes:
        raise Diagnostics(mistakes)
    return ready


def _choice(name: str, asked: Search, setting: Setting | Diagnostics) -> Choice:
    if isinstance(setting, Diagnostics):
        return Choice(name=name, front=None, why=_why(setting))
    try:
        searched(asked, setting)
    except Diagnostics as report:
        if not _fits_nothing(report):  # a function of the user's may fail late
            named = (replace(i, message=f"device {name}: {i.message}") for i in report)
            raise Diagnostics(named) from None
        return Choice(name=name, front=None, why=_why(report))
    return Choice(name=name, front=read_front(asked.output))


def _fits_nothing(report: Diagnostics) -> bool:
    return all(item.code in NOTHING for item in report)


def _why(report: Diagnostics) -> str:
    """Return why nothing fits: what is proven, or was tried, and the constraint that binds."""
    item = report.items[0]
    if item.span is None:
        return item.message
    return f"{item.message}; `{item.span.text}`: {item.label}"


def _table(choices: Sequence[Choice]) -> Iterator[list[str]]:
    """Yield a head, and for each device the values of its best subnet."""
    columns: dict[str, None] = {}
    for choice in choices:
        if choice.front is not None:
            columns |= dict.fromkeys(one.text for one in choice.front.objectives)
            columns |= dict.fromkeys(choice.front.costs)
    yield ["device", "subnets", "dtype", *columns]
    for choice in choices:
        if choice.front is None:
            yield [choice.name, "none", "", *("" for _ in columns)]
            continue
        front, best = choice.front, _best(choice.front)
        dtype = _DTYPES[front.bytes_per_element]
        yield [choice.name, f"{front.found:,}", dtype, *(best.get(name, "") for name in columns)]


def _best(front: Front) -> dict[str, str]:
    """Return what the first subnet of a front has, as people read it."""
    costs = {
        name: shown(float(values[0]), front.units[name]) for name, values in front.costs.items()
    }
    goals = {
        one.text: shown(float(front.values[0, i]), one.unit)
        for i, one in enumerate(front.objectives)
    }
    return costs | goals


def _markdown(
    request: Request, table: Sequence[Sequence[str]], choices: Sequence[Choice]
) -> Iterator[str]:
    yield f"# {request.space.stem}: a subnet for each device"
    yield ""
    head, *rows = table
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    for choice in choices:
        yield ""
        yield f"## {choice.name}"
        yield ""
        if choice.front is None:
            yield f"Nothing fits: {choice.why}."
            continue
        limits = "; ".join(limit.text for limit in choice.front.limits) or "no constraint"
        yield f"{limits}. The best of its front, without retraining:"
        yield ""
        yield "```"
        yield specialize_command(choice.front, str(request.output / choice.name))
        yield "```"


def _data(request: Request, choice: Choice) -> dict[str, Any]:
    if choice.front is None:
        return {"device": choice.name, "arch": None, "why": choice.why}
    front = choice.front
    return {
        "device": choice.name,
        "front": str(request.output / choice.name),
        "arch": front.archs[0],
        "costs": {name: float(values[0]) for name, values in front.costs.items()},
        "objectives": {
            one.text: float(v) for one, v in zip(front.objectives, front.values[0], strict=True)
        },
        "constraints": [limit.text for limit in front.limits],
    }
