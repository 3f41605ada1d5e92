"""The road of `ofadsl evaluate`: a trained supernet, images and archs in, their accuracy out."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from ofadsl.choices import Arch
from ofadsl.commands.answer import Answer
from ofadsl.commands.packages import load_package
from ofadsl.commands.steps import Watching
from ofadsl.compiler.pipeline import checked_space
from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.files import read_whole
from ofadsl.specialize.archs import decode, read_json
from ofadsl.specialize.weights import load_weights
from ofadsl.train.data.augment import RECIPES
from ofadsl.train.data.fit import check_classes
from ofadsl.train.data.open import open_data
from ofadsl.train.data.workers import workers_for
from ofadsl.train.distributed import check_device
from ofadsl.train.evaluate import Conditions, evaluate
from ofadsl.train.evaluate_record import Record, key
from ofadsl.train.layout import placed
from ofadsl.train.processes import Processes, processes
from ofadsl.train.statistics import IMAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for."""

    space: Path
    weights: Path
    data: str
    archs: str
    output: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    batch: int = 200
    statistics: int = IMAGES
    limit: int | None = None
    recipe: str | None = None
    val_part: float = 0.1
    broken: Literal["skip", "refuse"] = "refuse"
    workers: int | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How many archs are evaluated, and how long the others will take."""

    done: int
    total: int
    seconds: float

    @property
    def share(self) -> float:
        """The part that is done."""
        return self.done / self.total

    @property
    def seconds_left(self) -> float:
        """What is left at the rate so far."""
        return self.seconds / self.done * (self.total - self.done)


def run(request: Request, watching: Watching) -> Answer:
    """Evaluate what the file of results does not hold yet; raise Diagnostics for mistakes.

    Of several processes the first one watches and answers; the others' answers are empty.
    """
    check_device(request.device)
    with processes(request.device) as here:
        return _run(request, watching, here)


def _run(request: Request, watching: Watching, here: Processes) -> Answer:
    package = load_package(request.space, request.settings)
    archs = _archs(request, package.module.Arch)
    data = open_data(
        request.data,
        channels=package.module.CHANNELS,
        augment=None if request.recipe is None else RECIPES[request.recipe],
        val_part=request.val_part,
        broken=request.broken,
        limit=request.limit,
    )
    supernet = package.supernet()
    origin = load_weights(supernet, request.weights)
    placed(supernet, here.device)
    check_classes(supernet, archs[0], data)
    conditions = Conditions(
        batch=request.batch,
        statistics=request.statistics,
        seed=request.seed,
        workers=workers_for(data) if request.workers is None else request.workers,
    )
    header = {
        "space": archs[0].space,
        "space_hash": package.module.cost.SPACE_HASH,
        "weights": origin.sha256,
        "data": data.name,
        "classes": len(data.classes),
        "images": len(data.val),
        "training_images": len(data.train),
        "statistics": min(request.statistics, len(data.train)),
        "recipe": request.recipe,
        "seed": request.seed,
    }
    record, done = _opened(request.output, header, here)
    if done is None:
        return Answer(lines=(), data={})
    forms = [arch.to_dict() for arch in archs]
    left = [i for i, form in enumerate(forms) if key(form) not in done]
    results = evaluate(supernet, [archs[i] for i in left], data, conditions, here)
    if record is None:
        for _ in results:
            pass
        return Answer(lines=(), data={})
    began, number = time.monotonic(), 0
    with watching("evaluating") as watch:
        for some in results:
            record.add((forms[left[i]], accuracy) for i, accuracy in some)
            number += len(some)
            watch(Step(done=number, total=len(left), seconds=time.monotonic() - began))
    record.order(forms)
    return _answer(record, forms, len(left))


def _opened(
    path: Path, header: Mapping[str, object], here: Processes
) -> tuple[Record | None, set[str] | None]:
    """Return the record, which one process holds, and the archs in it; None where it is refused."""
    record: Record | None = None
    refused: Diagnostics | None = None
    told: list[set[str] | None] = [None]
    if here.first:
        try:
            record = Record.open(path, header)
            told = [set(record.rows)]
        except Diagnostics as report:
            refused = report
    if here.world > 1:
        torch.distributed.broadcast_object_list(told)
    if refused is not None:
        raise refused
    return record, told[0]


def _answer(record: Record, forms: list[dict[str, Any]], new: int) -> Answer:
    rows: list[Any] = [record.rows[key(form)] for form in forms]
    best, worst = (pick(rows, key=lambda row: row["top1"]) for pick in (max, min))
    mean = sum(row["top1"] for row in rows) / len(rows)
    lines = (
        f"{len(rows)} archs, {new} of them evaluated now",
        f"top-1: {mean:.2%} on average, {worst['top1']:.2%} to {best['top1']:.2%}",
        f"wrote {record.path}",
    )
    summary = {"archs": len(rows), "evaluated": new, "mean": mean}
    ends = {"best": best, "worst": worst, "file": str(record.path)}
    return Answer(lines=lines, data=summary | ends)


_SAMPLE = re.compile(r"sample:([1-9]\d{0,6})")


def _archs(request: Request, arch_class: type[Arch]) -> list[Arch]:
    """Return the archs that are asked for, each once."""
    drawn = _SAMPLE.fullmatch(request.archs)
    if drawn is None:
        if request.archs.startswith("sample:"):
            message = f"{request.archs[:40]} is no number of archs"
            help = "write a whole number from 1 to 9,999,999, as in sample:100"
            raise fault("OFA192", message, help=help)
        found = [decode(form, arch_class).arch for form in _forms(Path(request.archs))]
        return list(dict.fromkeys(found))
    space = checked_space(request.space, request.settings).space
    number = min(int(drawn[1]), space.size())
    archs: dict[Arch, None] = {}
    for choices in space.samples(random.Random(request.seed)):
        archs[arch_class.from_dict(space.to_json(choices))] = None
        if len(archs) == number:
            break
    return list(archs)


def _forms(path: Path) -> Iterator[object]:
    """Yield what a file holds: one arch, or one a line, alone or under "arch"."""
    try:
        text = read_whole(path).decode("utf-8")
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError):
        yield read_json(path)  # an arch on several lines; and it says what is wrong
        return
    forms = [row.get("arch", row) if isinstance(row, dict) else row for row in rows]
    headers = [row for row in rows[:1] if isinstance(row, dict) and "space_hash" in row]
    if len(forms) == len(headers):
        raise fault("OFA192", f"{path} holds no arch", help="write one arch a line, as JSON")
    yield from forms[len(headers) :]
