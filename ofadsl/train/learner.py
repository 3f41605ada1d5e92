"""What a training changes, in one place: what a checkpoint holds, and what it puts back.

Chance needs no state of its own: archs, the order of images and their augmentation follow from the
seed and the place in the timetable.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ofadsl.compiler.schedule.plan import Phase
from ofadsl.graph import Graph
from ofadsl.space import Space
from ofadsl.train.average import Average
from ofadsl.train.checkpoint import Checkpoint, Plain, under
from ofadsl.train.optimiser import load_optimiser, make_optimiser, optimiser_tensors
from ofadsl.train.settings import Settings
from ofadsl.train.sorting import Orders, apply_orders, sort_channels


@dataclass(slots=True, kw_only=True)
class Learner:
    """A supernet being trained.

    ``leg`` and ``done`` are the place in the timetable: so many steps of that phase are behind.
    ``loss`` is the sum of the losses of the ``counted`` steps of this epoch so far, this rank's.
    """

    supernet: torch.nn.Module
    optimiser: torch.optim.Optimizer
    average: Average | None
    teacher: torch.nn.Module | None = None
    leg: int = 0
    done: int = 0
    steps: int = 0
    loss: float = 0.0
    counted: int = 0

    def begin(self, phase: Phase, *, graph: Graph, trained: Space) -> None:
        """Make ready for the first step of a phase, after one on the space ``trained``."""
        if phase.sort:
            self._sort(sort_channels(self.supernet, graph, trained))
        if phase.distil is not None and phase.distil.teacher == "largest":
            self.take_teacher()

    def evaluated(self) -> torch.nn.Module:
        """Return the supernet as it is evaluated: with the average of its weights, if there is."""
        if self.average is None:
            return self.supernet
        averaged = copy.deepcopy(self.supernet)
        self.average.give(averaged)
        return averaged

    def take_teacher(self) -> None:
        """Keep the supernet as it is now as the teacher of a phase.

        It normalises by the statistics of each batch, as its pupils do (Cai et al. 2020).
        """
        self.teacher = copy.deepcopy(self.supernet).requires_grad_(False)

    def _sort(self, orders: Orders) -> None:
        """Move what belongs to a channel where the channel has gone."""
        if self.average is not None:
            apply_orders(self.average.tensors, orders)
        for key, tensor in optimiser_tensors(self.optimiser, self.supernet).items():
            _, _, name = key.partition("/")
            apply_orders({name: tensor}, orders)

    def checkpoint(self) -> Checkpoint:
        """Return all of the state."""
        tensors = _named("weights", self.supernet.state_dict())
        tensors |= _named("optimiser", optimiser_tensors(self.optimiser, self.supernet))
        if self.average is not None:
            tensors |= _named("average", self.average.tensors)
        if self.teacher is not None:
            tensors |= _named("teacher", self.teacher.state_dict())
        record: dict[str, Plain] = {
            "leg": self.leg,
            "done": self.done,
            "loss": self.loss,
            "counted": self.counted,
        }
        return Checkpoint(step=self.steps, tensors=tensors, record=record)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what the learner was when the checkpoint was made."""
        tensors = checkpoint.tensors
        _load(self.supernet, under("weights", tensors))
        load_optimiser(self.optimiser, self.supernet, under("optimiser", tensors))
        if self.average is not None:
            self.average.load(under("average", tensors))
        taught = under("teacher", tensors)
        if taught:
            self.take_teacher()
            assert self.teacher is not None
            _load(self.teacher, taught)
        record = checkpoint.record
        self.steps = checkpoint.step
        self.leg, self.done, self.counted = (_whole(record[k]) for k in ("leg", "done", "counted"))
        loss = record["loss"]
        assert isinstance(loss, int | float)
        self.loss = float(loss)


def new_learner(supernet: torch.nn.Module, settings: Settings) -> Learner:
    """Return a learner at the beginning of a training."""
    supernet.train()
    average = None if settings.ema is None else Average(supernet, settings.ema)
    optimiser = make_optimiser(supernet, settings)
    return Learner(supernet=supernet, optimiser=optimiser, average=average)


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _load(module: torch.nn.Module, tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            tensor.copy_(tensors[name])


def _whole(value: Plain) -> int:
    assert isinstance(value, int)
    return value
