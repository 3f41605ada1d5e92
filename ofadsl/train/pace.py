"""When to write checkpoints beside those of each epoch's end: every so many steps or minutes."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """How often; None is never."""

    steps: int | None = None
    minutes: float | None = None


NEVER = Every()


class Pace:
    """Says when the time has come."""

    def __init__(self, every: Every) -> None:
        self._every = every
        self.reset()

    def due(self, step: int) -> bool:
        """Return whether a checkpoint is to be written after step ``step``."""
        if self._every.steps is not None and step % self._every.steps == 0:
            return True
        minutes = (time.monotonic() - self._last) / 60
        return self._every.minutes is not None and minutes >= self._every.minutes

    def reset(self) -> None:
        """Count from now on: a checkpoint was written."""
        self._last = time.monotonic()
