"""What a phase trains with: its subnets, the network that its steps call, the lesson they give.

What runs the same arch at every step can be compiled: a fixed subnet, a frozen teacher. Of a
supernet each arch would be another program, so nothing else is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ofadsl.choices import Arch
from ofadsl.compiler.schedule.plan import Fixed
from ofadsl.train.learner import Learner
from ofadsl.train.sampling import Subnets
from ofadsl.train.settings import Settings
from ofadsl.train.step import Lesson, Net
from ofadsl.train.timetable import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """A leg of the timetable, ready to be gone."""

    leg: Leg
    subnets: Subnets
    lesson: Lesson
    net: Net


def teaching(
    learner: Learner, leg: Leg, ddp: Net, settings: Settings, arch_class: type[Arch], largest: Any
) -> Teaching:
    """Return what a phase trains with; ``largest`` is the arch of its frozen teacher."""
    phase = leg.phase
    teacher: Net | None = learner.teacher
    if settings.compile and isinstance(phase.sampler, Fixed):
        ddp = _compiled(ddp)
    if settings.compile and teacher is not None:
        teacher = _compiled(teacher)
    lesson = Lesson(
        distil=phase.distil,
        label_smoothing=settings.label_smoothing,
        amp=settings.amp,
        teacher=teacher,
        teacher_arch=largest,
    )
    return Teaching(leg=leg, subnets=Subnets(phase, arch_class), lesson=lesson, net=ddp)


def _compiled(net: Net) -> Net:
    """Return ``net`` compiled; what cannot be, for want of a C compiler say, runs as it is."""
    torch._dynamo.config.suppress_errors = True
    compiled: Net = torch.compile(net)
    return compiled
