"""A program that classifies digits for as long as it may, with the subnet that fits the moment.

It reads the battery and the load, lets a policy choose, and says when it switches. Where there is
no battery, one is simulated that runs down and is plugged in at the end.

    python examples/adaptive.py bundle
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import torch
from torch import Tensor

from ofadsl.deploy.bundle import Bundle
from ofadsl.deploy.policy import Limits, Policy, Reading
from ofadsl.deploy.sensors import Sensors
from ofadsl.train.data.batches import batches
from ofadsl.train.data.open import open_data


def main() -> None:
    """Classify until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", help="a folder that `ofadsl bundle` wrote, of a space for digits")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    bundle = Bundle.load(given.bundle)
    policy = Policy([member.name for member in bundle.members], Limits(patience=given.seconds / 20))
    sensors = Sensors()
    seen, right, began = 0, 0, time.monotonic()
    used: dict[str, int] = {}
    for images, labels in digits():
        now = time.monotonic() - began
        if now > given.seconds:
            break
        reading = or_simulated(sensors.read(), now / given.seconds)
        name = policy.decide(reading, now=now)
        if name != bundle.current:
            print(f"{now:5.1f} s  {said(reading)}: {bundle.current} -> {name}")
            bundle.use(name)
        right += int((bundle(images).argmax(1) == labels).sum())
        seen += len(labels)
        used[name] = used.get(name, 0) + len(labels)
    shares = ", ".join(f"{name} {count / seen:.0%}" for name, count in used.items())
    print(f"{seen:,} digits classified, {right / max(seen, 1):.1%} of them right; by {shares}")


def digits() -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of the digits kept for validation, again and again."""
    data = open_data("digits", channels=1)
    loaded = list(batches(data.val, size=16, batch=32, seed=None, epoch=0, drop_last=False))
    for batch in cycle(loaded):
        yield batch.images, batch.labels


def or_simulated(reading: Reading, part: float) -> Reading:
    """Return a reading that has a battery: empty at 8 tenths of the time, then charging."""
    if reading.battery is not None:
        return reading
    return replace(reading, battery=max(0.05, 1 - part * 1.2), charging=part > 0.8)


def said(reading: Reading) -> str:
    """Return a reading in words."""
    parts = []
    if reading.battery is not None:
        charging = ", charging" if reading.charging else ""
        parts.append(f"battery {reading.battery:.0%}{charging}")
    if reading.load is not None:
        parts.append(f"load {reading.load:.0%}")
    return ", ".join(parts) or "nothing known"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
