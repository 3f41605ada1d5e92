"""When a schedule does what, in steps: phases as spans of a count that goes through all of them.

The order of images and their augmentation follow from the number of the epoch, archs from that of
the step, so the place in the timetable is all that a training has to remember of chance.
"""

from __future__ import annotations

from dataclasses import dataclass

from ofadsl.compiler.schedule.plan import Phase, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A phase with its ``steps``; ``first_step`` and ``first_epoch`` count what came before."""

    phase: Phase
    steps: int
    per_epoch: int
    first_step: int
    first_epoch: int

    @property
    def epochs(self) -> int:
        """The epochs of the phase, one that is begun counting whole."""
        return -(-self.steps // self.per_epoch)

    def epoch_end(self, step: int) -> bool:
        """Return whether the first ``step`` steps of the phase are whole epochs, or all of it."""
        return step == self.steps or step % self.per_epoch == 0


def timetable(schedule: Schedule, per_epoch: int) -> tuple[Leg, ...]:
    """Return the legs of a schedule for ``per_epoch`` steps an epoch."""
    legs = []
    step = epoch = 0
    for phase in schedule.phases:
        steps = max(1, round(phase.epochs * per_epoch)) if phase.epochs > 0 else 0
        leg = Leg(phase=phase, steps=steps, per_epoch=per_epoch, first_step=step, first_epoch=epoch)
        legs.append(leg)
        step, epoch = step + steps, epoch + leg.epochs
    return tuple(legs)
