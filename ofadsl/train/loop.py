"""A training from wherever it stands to its end: phases, epochs, steps, checkpoints.

In: a learner at a place in the timetable. Out: the same learner at the end of it. Nothing depends
on more than the learner, the job and the images, so one that was killed goes on from its last
checkpoint as if nothing had been.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ofadsl.choices import Arch
from ofadsl.diagnostics import fault
from ofadsl.graph import Graph
from ofadsl.space import Space, extreme
from ofadsl.train.checkpoint import write_checkpoint
from ofadsl.train.data.batches import Batch, batches
from ofadsl.train.data.source import Data
from ofadsl.train.distributed import total, wrapped
from ofadsl.train.evaluate import Conditions, evaluate
from ofadsl.train.folder import add_metrics, finite
from ofadsl.train.layout import brought
from ofadsl.train.learner import Learner
from ofadsl.train.losses import DIVERGED, Losses
from ofadsl.train.optimiser import learning_rate, optimiser_tensors, set_learning_rate
from ofadsl.train.pace import NEVER, Every, Pace
from ofadsl.train.processes import Processes
from ofadsl.train.progress import Epoch, Watch
from ofadsl.train.sampling import Subnets
from ofadsl.train.settings import Settings
from ofadsl.train.step import Net, backward
from ofadsl.train.teaching import Teaching, teaching
from ofadsl.train.timetable import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a training is given, beside the supernet; ``largest`` is the arch of teachers."""

    settings: Settings
    legs: tuple[Leg, ...]
    arch_class: type[Arch]
    largest: Any
    graph: Graph
    data: Data
    group: Processes
    folder: Path
    workers: int = 0
    every: Every = NEVER


def train(learner: Learner, job: Job, watch: Watch) -> None:
    """Take all steps that are left; raise Diagnostics where the loss is no number (OFA204)."""
    ddp = wrapped(learner.supernet, job.group)
    watch.begin(steps=sum(leg.steps for leg in job.legs), done=learner.steps)
    pace = Pace(job.every)
    while learner.leg < len(job.legs):
        _phase(learner, job, ddp, pace, watch)
        learner.leg, learner.done, learner.teacher = learner.leg + 1, 0, None


def _phase(learner: Learner, job: Job, ddp: Net, pace: Pace, watch: Watch) -> None:
    leg = job.legs[learner.leg]
    if leg.steps == 0:
        return
    if learner.done == 0:
        learner.begin(leg.phase, graph=job.graph, trained=_before(job, learner.leg))
    now = teaching(learner, leg, ddp, job.settings, job.arch_class, job.largest)
    while learner.done < leg.steps:
        _epoch(learner, job, now, pace, watch)


def _before(job: Job, leg: int) -> Space:
    """Return the space of the phase before; that of the largest subnet before the first."""
    if leg:
        return job.legs[leg - 1].phase.space
    phase = job.legs[0].phase
    subnet = extreme(phase.space, phase.space.draws(), largest=True)
    values = phase.space.values(phase.largest or subnet)
    return phase.space.restrict({name: (value,) for name, value in values.items()})


def _epoch(learner: Learner, job: Job, now: Teaching, pace: Pace, watch: Watch) -> None:
    """Take the steps up to the end of an epoch, measure, write."""
    leg, name = now.leg, now.leg.phase.name
    epoch = learner.done // leg.per_epoch + 1
    losses = Losses(learner)
    began, first = time.monotonic(), learner.done
    rate = speed = 0.0
    for batch in _images(learner, job, leg, now.subnets.largest.resolution):
        rate = _step(learner, job, now, batch, losses)
        speed = (learner.done - first) * job.settings.batch / (time.monotonic() - began)
        watch.step(phase=name, epoch=epoch, epochs=leg.epochs, loss=losses.last, speed=speed)
        if leg.epoch_end(learner.done):
            break
        if job.group.first and pace.due(learner.steps):
            _write(learner, job, losses, pace)
    else:
        message = f"{job.data.name} has too few images that can be read"
        raise fault("OFA206", message, help="mend or remove the broken ones")
    losses.settle()
    loss, counted = total(job.group, learner.loss, float(learner.counted))
    largest = smallest = None
    if learner.done == leg.steps or epoch % job.settings.evaluate_every == 0:
        largest, smallest = _accuracies(learner, job, now.subnets)
    found = Epoch(
        phase=name,
        epoch=epoch,
        epochs=leg.epochs,
        step=learner.steps,
        loss=loss / counted,
        learning_rate=rate,
        images_per_second=speed,
        largest=largest,
        smallest=smallest,
    )
    learner.loss, learner.counted = 0.0, 0
    watch.epoch(found)
    if job.group.first:
        add_metrics(job.folder, asdict(found))
        _write(learner, job, losses, pace)


def _step(learner: Learner, job: Job, now: Teaching, batch: Batch, losses: Losses) -> float:
    """Train the subnets of one step; return the learning rate."""
    settings, optimiser, phase = job.settings, learner.optimiser, now.leg.phase
    rate = learning_rate(
        phase,
        peak=settings.peak(phase),
        step=learner.done,
        steps=now.leg.steps,
        per_epoch=now.leg.per_epoch,
    )
    set_learning_rate(optimiser, rate)
    archs = now.subnets.of_step(settings.seed, learner.steps)
    optimiser.zero_grad(set_to_none=True)
    found = backward(now.net, archs, batch.images, batch.labels, now.lesson)
    losses.add(learner.steps + 1, archs, found)
    if settings.clip is not None:
        torch.nn.utils.clip_grad_norm_(learner.supernet.parameters(), settings.clip)
    optimiser.step()
    learner.done, learner.steps = learner.done + 1, learner.steps + 1
    if learner.average is not None:
        learner.average.update(learner.supernet, learner.steps)
    return rate


def _images(learner: Learner, job: Job, leg: Leg, size: int) -> Iterator[Batch]:
    """Yield the batches of this epoch that are left, where they are trained on."""
    device = job.group.device
    found = batches(
        job.data.train,
        size=size,
        batch=job.settings.batch,
        seed=job.settings.seed,
        epoch=leg.first_epoch + learner.done // leg.per_epoch,
        workers=job.workers,
        rank=job.group.rank,
        world=job.group.world,
        start=learner.done % leg.per_epoch,
        drop_last=True,
    )
    for batch in found:
        images = brought(batch.images, device)
        yield Batch(images=images, labels=batch.labels.to(device, non_blocking=True))


def _accuracies(learner: Learner, job: Job, subnets: Subnets) -> tuple[float, float]:
    """Return the accuracy of the largest and of the smallest subnet of a phase."""
    archs = list(dict.fromkeys((subnets.largest, subnets.smallest)))
    conditions = Conditions(workers=job.workers)
    groups = evaluate(learner.evaluated(), archs, job.data, conditions, job.group)
    found = {archs[index]: accuracy.top1 for results in groups for index, accuracy in results}
    return found[subnets.largest], found[subnets.smallest]


def _write(learner: Learner, job: Job, losses: Losses, pace: Pace) -> None:
    """Write a checkpoint, never one that a training cannot go on from: of what is no number."""
    losses.settle()
    state = optimiser_tensors(learner.optimiser, learner.supernet)
    if not finite({**dict(learner.supernet.named_parameters()), **state}):
        message = f"the weights or the optimiser's state after step {learner.steps} are not finite"
        raise fault("OFA204", message, help=DIVERGED)
    write_checkpoint(job.folder, learner.checkpoint())
    pace.reset()
