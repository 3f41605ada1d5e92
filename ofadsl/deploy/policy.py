"""When to switch: a subnet for the battery that is left and the load that there is.

In: readings, any of which may be missing. Out: the name of a subnet. A cheaper subnet is taken at
once, a dearer one only when the reading has left the threshold by a margin and for a while, so
that a reading that hovers does not make the subnets flap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the device says of itself; None where it says nothing."""

    battery: float | None = None
    """What is left, from 0 to 1."""
    charging: bool | None = None
    load: float | None = None
    """The part of the processor that others use, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The best subnet is for a battery above ``full`` and a load below ``idle``; the cheapest for
    one below ``empty`` or a load above ``busy``; the others share what is between."""

    full: float = 0.6
    empty: float = 0.2
    idle: float = 0.3
    busy: float = 0.9
    margin: float = 0.05
    """How far a reading must have come back before a dearer subnet is taken."""
    patience: float = 5.0
    """For how many seconds it must stay there."""


class Policy:
    """Chooses among subnets, named from the best to the cheapest."""

    def __init__(self, names: Sequence[str], limits: Limits | None = None) -> None:
        """Start with the best; ValueError for no names, or for thresholds in no order."""
        self.names = tuple(names)
        self.limits = limits or Limits()
        if not self.names:
            raise ValueError("a policy chooses among one subnet or more, not among none")
        if not (self.limits.empty < self.limits.full and self.limits.idle < self.limits.busy):
            raise ValueError("empty is below full, and idle below busy")
        if not (self.limits.margin >= 0 and self.limits.patience >= 0):
            raise ValueError("margin and patience are 0 or more")
        self._level = 0
        self._since: float | None = None

    def decide(self, reading: Reading, *, now: float) -> str:
        """Return the subnet for ``reading``, taken at ``now`` in seconds; missing inputs count
        for nothing, and with none at all the choice stays."""
        wanted = self._wanted(reading, margin=0.0)
        if wanted is None:
            self._since = None
            return self.names[self._level]
        if wanted > self._level:
            self._level, self._since = wanted, None
            return self.names[self._level]
        back = self._wanted(reading, margin=self.limits.margin)
        assert back is not None
        if back >= self._level:
            self._since = None
        elif self._since is None or now < self._since:  # a clock may be set back
            self._since = now
        elif now - self._since >= self.limits.patience:
            self._level, self._since = back, None
        return self.names[self._level]

    def _wanted(self, reading: Reading, *, margin: float) -> int | None:
        """Return the level that the strictest input asks for, each worse by ``margin``."""
        asked = []
        battery, load = _known(reading.battery), _known(reading.load)
        if battery is not None and not reading.charging:
            left = battery - margin
            asked.append((self.limits.full - left) / (self.limits.full - self.limits.empty))
        if reading.charging:
            asked.append(0.0)
        if load is not None:
            used = load + margin
            asked.append((used - self.limits.idle) / (self.limits.busy - self.limits.idle))
        if not asked:
            return None
        last = len(self.names) - 1
        # the ends belong to the best and the cheapest, what is between to the others
        part = min(1.0, max(0.0, max(asked)))
        return last if part >= 1 else min(last, int(part * len(self.names)))


def _known(value: float | None) -> float | None:
    """Return a reading, None for NaN: some drivers say that where they know nothing."""
    return None if value is None or math.isnan(value) else value
