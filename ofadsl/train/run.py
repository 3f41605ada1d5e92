"""A run, from its folder to its weights: begun or resumed, trained, finished.

In: a supernet, a schedule and data. Out: `weights.safetensors` with the weights, averaged where
that was asked for, and the batch norm statistics of the largest subnet of the last phase.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ofadsl import __version__
from ofadsl.choices import Arch
from ofadsl.compiler.schedule.plan import Phase, Schedule
from ofadsl.diagnostics import fault
from ofadsl.space import Space, extreme
from ofadsl.train.checkpoint import newest_checkpoint
from ofadsl.train.data.batches import count
from ofadsl.train.data.source import Data
from ofadsl.train.distributed import wait
from ofadsl.train.folder import claim, sweep, write_weights
from ofadsl.train.judge import Judge
from ofadsl.train.learner import Learner, new_learner
from ofadsl.train.loop import Job, train
from ofadsl.train.pace import NEVER, Every
from ofadsl.train.processes import Processes
from ofadsl.train.progress import Watch
from ofadsl.train.sampling import Subnets
from ofadsl.train.settings import Settings
from ofadsl.train.statistics import with_statistics
from ofadsl.train.timetable import timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is trained, on what, how and where.

    ``weights`` says where the initial values come from, and ``space_hash`` of which space they
    are. ``workers`` and ``every`` change nothing of the result.
    """

    folder: Path
    supernet: torch.nn.Module
    arch_class: type[Arch]
    space: Space
    space_hash: str
    schedule: Schedule
    data: Data
    settings: Settings
    group: Processes
    weights: str | None = None
    workers: int = 0
    every: Every = NEVER


def run(asked: Run, watch: Watch, *, resume: bool = False) -> Path:
    """Train to the end of the schedule and return the file of the weights."""
    check(asked)
    group = asked.group
    if group.first:
        claim(asked.folder, record(asked), resume=resume)
    wait(group)
    learner = _learner(asked, watch)
    judge = Judge(data=asked.data, group=group, workers=asked.workers, seed=asked.settings.seed)
    per_epoch = count(asked.data.train, batch=asked.settings.batch, drop_last=True)
    job = Job(
        settings=asked.settings,
        legs=timetable(asked.schedule, per_epoch),
        arch_class=asked.arch_class,
        largest=_largest(asked),
        data=asked.data,
        group=group,
        folder=asked.folder,
        judge=judge,
        workers=asked.workers,
        every=asked.every,
    )
    train(learner, job, watch)
    return _finish(asked, learner, judge)


def check(asked: Run) -> None:
    """Raise Diagnostics where the data are not what the space is for (OFA205)."""
    space = dict(asked.space.params)
    classes, images = len(asked.data.classes), len(asked.data.train)
    outputs = _outputs(asked)
    if outputs != classes:
        message = f"{asked.data.name} has {classes} classes, the space {outputs} outputs"
        named = "--set " if "classes" in space else "a parameter of the space, "
        raise fault("OFA205", message, help=f"give {named}classes={classes}")
    if images < asked.settings.batch:
        message = f"{asked.data.name} has {images} images to train on, less than a step takes"
        raise fault("OFA188", message, help=f"give --batch {images} or less")


def record(asked: Run) -> dict[str, Any]:
    """Return what `config.json` says of a run; runs that differ in it are different runs."""
    return {
        "ofadsl": __version__,
        "space": asked.space.name,
        "space_hash": asked.space_hash,
        "parameters": dict(asked.space.params),
        "weights": asked.weights,
        "data": {
            "name": asked.data.name,
            "classes": len(asked.data.classes),
            "train": len(asked.data.train),
            "val": len(asked.data.val),
        },
        "settings": asdict(asked.settings),
        "schedule": asked.schedule.name,
        "phases": [_described(phase) for phase in asked.schedule.phases],
    }


def _outputs(asked: Run) -> int:
    """Return how many classes the supernet tells apart."""
    arch = Subnets(asked.schedule.phases[0], asked.arch_class).smallest
    image = torch.zeros(1, asked.data.channels, arch.resolution, arch.resolution)
    with torch.no_grad():
        logits = asked.supernet.eval()(image, arch)
    return int(logits.shape[1])


def _described(phase: Phase) -> dict[str, Any]:
    sampler = {type(phase.sampler).__name__.lower(): asdict(phase.sampler)}
    return {
        "name": phase.name,
        "epochs": phase.epochs,
        "space": [requirement.text for requirement in phase.space.requirements],
        "sampler": sampler,
        "distil": None if phase.distil is None else asdict(phase.distil),
        "learning_rate": phase.learning_rate,
        "warmup": phase.warmup,
        "decay": phase.decay,
        "sort": phase.sort,
    }


def _learner(asked: Run, watch: Watch) -> Learner:
    """Return the learner where the last checkpoint has it, or at the beginning."""
    group = asked.group
    supernet = asked.supernet.to(group.device)
    if group.device.type == "cuda":
        supernet = supernet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = new_learner(supernet, asked.settings)
    found, notes = newest_checkpoint(asked.folder)
    for note in notes:
        watch.say(f"note: {note}")
    if found is not None:
        learner.restore(found)
        watch.say(f"going on from step {found.step}")
    if not group.first:
        learner.loss, learner.counted = 0.0, 0
    wait(group)  # none is dropped while another process may still read it
    if group.first:
        sweep(asked.folder, learner.steps)
    return learner


def _finish(asked: Run, learner: Learner, judge: Judge) -> Path:
    """Write the weights; the statistics are those of the largest subnet that was trained last."""
    supernet = learner.evaluated()
    arch = Subnets(asked.schedule.phases[-1], asked.arch_class).largest
    view = with_statistics(supernet, judge.statistics(supernet, arch))
    path = asked.folder / "weights.safetensors"
    if asked.group.first:
        path = write_weights(asked.folder, view.state_dict(), asked.space_hash)
    return path


def _largest(asked: Run) -> Any:
    space = asked.space
    return asked.arch_class.from_dict(space.to_json(extreme(space, space.draws(), largest=True)))
