"""The losses of the steps of an epoch, and the alarm where one is no number.

A GPU is not waited for: its losses are looked at one step later, and all of them before anything
is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ofadsl.diagnostics import fault
from ofadsl.train.learner import Learner


class Losses:
    """Adds losses up in the learner; ``last`` is the mean over the subnets of a step."""

    def __init__(self, learner: Learner) -> None:
        self.last = math.nan
        self._learner = learner
        self._pending: tuple[int, Sequence[Any], Tensor] | None = None

    def add(self, step: int, archs: Sequence[Any], losses: Tensor) -> None:
        """Take the losses of the subnets of a step."""
        self.settle()
        self._pending = step, archs, losses
        if losses.device.type == "cpu":
            self.settle()

    def settle(self) -> None:
        """Look at what was taken; raise Diagnostics (OFA204) where it is no number."""
        if self._pending is None:
            return
        step, archs, losses = self._pending
        self._pending = None
        values = losses.tolist()
        for arch, value in zip(archs, values, strict=True):
            if not math.isfinite(value):
                text = json.dumps(arch.to_dict())
                message = f"the loss of step {step} is {value} for the subnet {text}"
                raise fault("OFA204", message, help=DIVERGED)
        self.last = sum(values) / len(values)
        self._learner.loss += self.last
        self._learner.counted += 1


DIVERGED = "try a lower --lr, a warm-up or --clip 1; the last checkpoint is from before"
