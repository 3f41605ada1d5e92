"""What this machine says of its battery and its load, as far as it says it."""

from __future__ import annotations

import psutil

from ofadsl.deploy.policy import Reading


class Sensors:
    """Readings of this machine; the load is what others use since the last reading."""

    def __init__(self) -> None:
        """Begin to count; the first reading of a load is that since now."""
        self._own = psutil.Process()
        self._cores = psutil.cpu_count() or 1
        self._load()

    def read(self) -> Reading:
        """Return what is known now; None for what the machine does not tell."""
        charge, charging = _battery()
        return Reading(battery=charge, charging=charging, load=self._load())

    def _load(self) -> float:
        """Return the load without our own: a policy that saw it would run from itself."""
        all_of_them: float = psutil.cpu_percent(interval=None)
        ours: float = self._own.cpu_percent(interval=None)
        return min(1.0, max(0.0, all_of_them - ours / self._cores) / 100)


def _battery() -> tuple[float | None, bool | None]:
    """Return what is left and whether it charges; Nones where there is no battery to ask."""
    sensor = getattr(psutil, "sensors_battery", None)
    try:
        found = None if sensor is None else sensor()
    except (OSError, RuntimeError):  # a driver that answers nonsense
        return None, None
    return (None, None) if found is None else (found.percent / 100, found.power_plugged)
