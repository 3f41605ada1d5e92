"""How a training goes, beside its schedule: what the command line decides.

The same settings, schedule, data and seed give the same weights, on a CPU to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ofadsl.compiler.schedule.plan import Phase

REFERENCE_BATCH = 256
"""Learning rates are for a step of so many images, and scaled to the one that is taken."""

LEARNING_RATE = {"sgd": 0.1, "adamw": 1e-3}
WEIGHT_DECAY = {"sgd": 3e-5, "adamw": 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for all phases.

    ``batch`` counts the images of a step over all processes. ``learning_rate`` and
    ``weight_decay`` default to what is usual for the optimiser. ``ema`` is the decay of the
    average of the weights, ``clip`` the largest norm of all gradients; None leaves them out.
    ``momentum`` is that of SGD. ``evaluate_every`` is in epochs.
    """

    batch: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float | None = None
    weight_decay: float | None = None
    momentum: float = 0.9
    label_smoothing: float = 0.1
    clip: float | None = None
    ema: float | None = None
    seed: int = 0
    amp: bool = False
    compile: bool = False
    evaluate_every: int = 1

    def peak(self, phase: Phase) -> float:
        """Return the highest learning rate of a phase, which may say it itself."""
        rate = phase.learning_rate
        if rate is None:
            rate = self.learning_rate
        if rate is None:
            rate = LEARNING_RATE[self.optimizer]
        return rate * phase.rate_scale * self.batch / REFERENCE_BATCH

    @property
    def decay(self) -> float:
        """The weight decay that is used."""
        found = self.weight_decay
        return WEIGHT_DECAY[self.optimizer] if found is None else found


DEFAULT = Settings()
