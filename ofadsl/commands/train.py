"""The road of `ofadsl train`: a space, a schedule and images in, a run with its weights out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from ofadsl.commands.answer import Answer
from ofadsl.commands.packages import Loaded, load_package
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space
from ofadsl.compiler.schedule.find import scaled, schedules_of
from ofadsl.compiler.schedule.order import order_of
from ofadsl.compiler.schedule.plan import Fixed, Schedule
from ofadsl.compiler.tree import Checked
from ofadsl.space import extreme
from ofadsl.specialize.archs import decode, read_json
from ofadsl.specialize.weights import load_weights
from ofadsl.train.checkpoint import checkpoints
from ofadsl.train.data.augment import RECIPES
from ofadsl.train.data.open import open_data
from ofadsl.train.data.workers import workers_for
from ofadsl.train.distributed import check_device, one_voice
from ofadsl.train.folder import last_metrics
from ofadsl.train.pace import NEVER, Every
from ofadsl.train.processes import Processes, processes
from ofadsl.train.progress import Printed, Silent, Watch
from ofadsl.train.run import Run, check
from ofadsl.train.run import run as train
from ofadsl.train.settings import DEFAULT, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for; ``amp`` None is for GPUs alone, ``workers`` None as many as fit."""

    space: Path
    data: str
    output: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    schedule: str = "sandwich"
    arguments: Mapping[str, str] = field(default_factory=dict)
    epochs: float | None = None
    arch: Path | None = None
    weights: Path | None = None
    training: Settings = DEFAULT
    amp: bool | None = None
    resume: bool = False
    every: Every = NEVER
    recipe: str | None = None
    val_part: float = 0.1
    broken: Literal["skip", "refuse"] = "refuse"
    limit: int | None = None
    workers: int | None = None
    device: str | None = None


def run(request: Request) -> Answer | None:
    """Train or go on; the first process answers. Raise Diagnostics for mistakes."""
    check_device(request.device)
    with processes(request.device) as here, _watch(here) as watch:
        with one_voice(here):
            asked = _asked(request, here, watch)
            check(asked)
        path = train(asked, watch, resume=request.resume)
        return _answer(path, asked.schedule) if here.first else None


def _asked(request: Request, here: Processes, watch: Watch) -> Run:
    """Return the run with all that it needs, read and compiled."""
    checked = checked_space(request.space, request.settings)
    package = load_package(request.space, request.settings)
    schedule = _schedule(request, checked, package)
    data = open_data(
        request.data,
        channels=package.module.CHANNELS,
        augment=None if request.recipe is None else RECIPES[request.recipe],
        val_part=request.val_part,
        broken=request.broken,
        limit=request.limit,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.training.seed)
        supernet = package.supernet()
    weights = _initial(request, supernet, watch)
    for note in schedule.notes:
        watch.say(f"note: {note}")
    return Run(
        folder=request.output,
        supernet=supernet,
        arch_class=package.module.Arch,
        largest=_largest(checked, package),
        space=checked.space,
        graph=lower(checked),
        space_hash=package.module.cost.SPACE_HASH,
        schedule=schedule,
        data=data,
        settings=_training(request, here, schedule, watch),
        group=here,
        weights=weights,
        recipe=request.recipe,
        workers=workers_for(data) if request.workers is None else request.workers,
        every=request.every,
    )


def _schedule(request: Request, checked: Checked, package: Loaded) -> Schedule:
    """Return the schedule that is asked for, as long as is asked for."""
    arch = None
    if request.arch is not None:
        decoded = decode(read_json(request.arch), package.module.Arch).arch
        (row,) = package.module.cost.encode([decoded.to_dict()])
        arch = tuple(int(choice) for choice in row)
    schedule = schedules_of(request.schedule, checked, request.arguments, arch)
    return schedule if request.epochs is None else scaled(schedule, request.epochs)


def _initial(request: Request, supernet: torch.nn.Module, watch: Watch) -> str | None:
    """Load the weights to begin from; return their digest."""
    if request.weights is None:
        return None
    origin = load_weights(supernet, request.weights, retarget=True)
    if not (request.resume and checkpoints(request.output)):
        for note in origin.notes:
            watch.say(f"note: {note}")
    return origin.sha256


def _training(request: Request, here: Processes, schedule: Schedule, watch: Watch) -> Settings:
    """Return the settings with what the device decides."""
    on_gpu = here.device.type == "cuda"
    amp = on_gpu if request.amp is None else request.amp
    asked = request.training.compile
    idle = _idle_compiling(schedule, on_gpu) if asked else ""
    if idle:
        watch.say(f"note: --compile changes nothing: {idle}")
    return replace(request.training, amp=amp, compile=asked and not idle)


def _idle_compiling(schedule: Schedule, on_gpu: bool) -> str:
    """Return why compiling would not pay, empty where it may."""
    fixed = any(isinstance(phase.sampler, Fixed) for phase in schedule.phases)
    taught = any(p.distil is not None and p.distil.teacher == "largest" for p in schedule.phases)
    if not fixed and not taught:
        return "each step trains other subnets"
    if not on_gpu:
        return "on a CPU a compiled step takes as long as any, and compiling minutes"
    return ""


def _largest(checked: Checked, package: Loaded) -> Any:
    """Return the largest subnet of the space: of several operations, the one that computes most."""
    space = checked.space
    choices = extreme(space, space.draws(), largest=True, order=order_of(checked))
    return package.module.Arch.from_dict(space.to_json(choices))


@contextmanager
def _watch(here: Processes) -> Iterator[Watch]:
    if not here.first:
        yield Silent()
        return
    with Printed() as watch:
        yield watch


def _answer(path: Path, schedule: Schedule) -> Answer:
    last = last_metrics(path.parent)
    shown = {name: last.get(name) for name in ("largest", "smallest")}
    known = ((name, value) for name, value in shown.items() if value is not None)
    accuracies = ", ".join(f"{name} {value:.1%}" for name, value in known)
    lines = [f"schedule {schedule.name}, {last.get('step', 0)} steps; accuracy: {accuracies}"]
    lines.append(f"wrote {path}")
    return Answer(lines=tuple(lines), data={"weights": str(path), **last})
