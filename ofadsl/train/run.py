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
from ofadsl.graph import Graph
from ofadsl.space import Space
from ofadsl.train.checkpoint import newest_checkpoint
from ofadsl.train.data.batches import check_batch, count
from ofadsl.train.data.fit import check_classes
from ofadsl.train.data.source import Data
from ofadsl.train.distributed import leading, wait
from ofadsl.train.folder import WEIGHTS, claim, sweep, write_weights
from ofadsl.train.layout import placed
from ofadsl.train.learner import Learner, new_learner
from ofadsl.train.loop import Job, train
from ofadsl.train.pace import NEVER, Every
from ofadsl.train.processes import Processes
from ofadsl.train.progress import Watch
from ofadsl.train.sampling import Subnets
from ofadsl.train.settings import Settings
from ofadsl.train.statistics import recomputed, statistics_batches
from ofadsl.train.timetable import timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is trained, on what, how and where.

    ``largest`` is the largest subnet of the space, as frozen teachers are. ``weights`` says where
    initial values come from, ``space_hash`` of which space they are, ``recipe`` how the images are
    augmented. ``workers`` and ``every`` change nothing of the result.
    """

    folder: Path
    supernet: torch.nn.Module
    arch_class: type[Arch]
    largest: Arch
    space: Space
    graph: Graph
    space_hash: str
    schedule: Schedule
    data: Data
    settings: Settings
    group: Processes
    weights: str | None = None
    recipe: str | None = None
    workers: int = 0
    every: Every = NEVER


def run(asked: Run, watch: Watch, *, resume: bool = False) -> Path:
    """Train to the end of the schedule and return the file of the weights."""
    check(asked)
    group = asked.group
    with leading(group) as leads:
        if leads:
            claim(asked.folder, record(asked), resume=resume)
    learner = _learner(asked, watch)
    per_epoch = count(asked.data.train, batch=asked.settings.batch, drop_last=True)
    job = Job(
        settings=asked.settings,
        legs=timetable(asked.schedule, per_epoch),
        arch_class=asked.arch_class,
        largest=asked.largest,
        graph=asked.graph,
        data=asked.data,
        group=group,
        folder=asked.folder,
        workers=asked.workers,
        every=asked.every,
    )
    train(learner, job, watch)
    return _finish(asked, learner)


def check(asked: Run) -> None:
    """Raise Diagnostics where data, space and batch do not fit each other (OFA187 to OFA189)."""
    check_classes(asked.supernet.eval(), asked.largest, asked.data)
    check_batch(asked.data.train, batch=asked.settings.batch, world=asked.group.world)


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
            "recipe": asked.recipe,
        },
        "settings": asdict(asked.settings),
        "schedule": asked.schedule.name,
        "phases": [_described(phase) for phase in asked.schedule.phases],
    }


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
        "rate_scale": phase.rate_scale,
        "sort": phase.sort,
    }


def _learner(asked: Run, watch: Watch) -> Learner:
    """Return the learner where the last checkpoint has it, or at the beginning."""
    group = asked.group
    learner = new_learner(placed(asked.supernet, group.device), asked.settings)
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


def _finish(asked: Run, learner: Learner) -> Path:
    """Write the weights; the statistics are those of the largest subnet that was trained last."""
    supernet = learner.evaluated()
    arch = Subnets(asked.schedule.phases[-1], asked.arch_class).largest
    path = asked.folder / WEIGHTS
    if asked.group.first:
        images = statistics_batches(asked.data, size=arch.resolution, workers=asked.workers)
        view = recomputed(supernet, arch, images)
        write_weights(path, view.state_dict(), asked.space_hash)
    wait(asked.group)
    return path
