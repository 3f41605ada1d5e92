"""One step: every subnet forward and backward, gradients added up, one update.

The arch is an argument of each forward. Gradients of the subnets are summed, as published; under
DDP they are averaged over the ranks once, in the last backward.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ofadsl.compiler.schedule.plan import Distil
from ofadsl.train.loss import label_loss, soft_loss
from ofadsl.train.resolution import Sizes, at_resolution

Net = Callable[[Tensor, Any], Tensor]
"""What takes images and an arch: a supernet, wrapped or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How subnets are taught in a phase; ``teacher`` is the frozen one, where there is one."""

    distil: Distil | None
    label_smoothing: float
    amp: bool
    teacher: Net | None = None
    teacher_arch: Any = None


def backward(
    net: Net, archs: Sequence[Any], images: Tensor, labels: Tensor, lesson: Lesson
) -> Tensor:
    """Add the gradients of all subnets to the parameters; return their losses, detached."""
    sizes = Sizes(images)
    taught: dict[int, Tensor] = {}
    in_place: Tensor | None = None
    losses = []
    for i, arch in enumerate(archs):
        with _unsynchronised(net, last=i == len(archs) - 1):
            with _precision(images, lesson.amp):
                if lesson.teacher is not None and arch.resolution not in taught:
                    taught[arch.resolution] = _asked(lesson, arch.resolution, sizes)
                logits = net(sizes.at(arch.resolution), arch)
                loss = _loss(logits, labels, taught.get(arch.resolution, in_place), lesson)
            loss.backward()  # type: ignore[no-untyped-call]
        if i == 0 and lesson.distil is not None and lesson.distil.teacher == "in_place":
            in_place = logits.detach()
        losses.append(loss.detach())
    return torch.stack(losses)


def _asked(lesson: Lesson, size: int, sizes: Sizes) -> Tensor:
    """Return the logits of the frozen teacher, which looks at what its pupil sees."""
    assert lesson.teacher is not None
    arch = at_resolution(lesson.teacher_arch, size)
    with torch.no_grad():
        return lesson.teacher(sizes.at(arch.resolution), arch)


def _loss(logits: Tensor, labels: Tensor, soft: Tensor | None, lesson: Lesson) -> Tensor:
    """Return the loss of a subnet; ``soft`` are the teacher's logits, None where it has none."""
    distil = lesson.distil
    if distil is None or soft is None:
        return label_loss(logits, labels, lesson.label_smoothing)
    learnt = distil.ratio * soft_loss(distil.loss)(logits, soft)
    if distil.teacher == "in_place":
        return learnt
    return label_loss(logits, labels, lesson.label_smoothing) + learnt


def _unsynchronised(net: Net, *, last: bool) -> AbstractContextManager[None]:
    if isinstance(net, DistributedDataParallel) and not last:
        return net.no_sync()
    return contextlib.nullcontext()


def _precision(images: Tensor, amp: bool) -> AbstractContextManager[object]:
    return torch.autocast(images.device.type, torch.bfloat16, enabled=amp)
