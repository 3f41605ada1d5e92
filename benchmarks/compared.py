"""What trainings come to, as JSON: subnets of supernets against the same alone, and what they cost.

In: results, as many as there are. Out: plain values. A supernet is compared over those subnets that
were trained alone with the same seed, so that what is unfinished says no more than it can.
"""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from trials import Result, Trial

from ofadsl import __version__

AHEAD = 1.0
"""By so many points a schedule is to be ahead of uniform sampling on the smallest subnet."""

Known = Sequence[tuple[Trial, Result]]


def conditions(
    package: Any, base: Trial, asked: Sequence[Trial], digest: str, threads: int
) -> dict[str, Any]:
    """Return what was measured, where and with what."""
    macs = package.cost.macs(package.cost.encode([arch.to_dict() for arch in base.archs]))
    assert not isinstance(base.data, str)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": threads,
            "device": torch.cuda.get_device_name() if base.device == "cuda" else "cpu",
            "system": platform.system(),
        },
        "versions": {
            "ofadsl": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
        "space": {
            "name": package.cost.SPACE,
            "hash": package.cost.SPACE_HASH,
            "subnets": package.cost.SIZE,
        },
        "data": {
            "name": base.data.name,
            "train": len(base.data.train),
            "val": len(base.data.val),
            "sha256_of_pixels": digest,
        },
        "epochs": base.epochs,
        "settings": {k: v for k, v in asdict(base.settings).items() if k != "seed"},
        "schedules": {t.schedule: dict(t.arguments or {}) for t in asked},
        "seeds": sorted({trial.settings.seed for trial in asked}),
        "archs": [
            {"macs": int(cost), "arch": arch.to_dict()}
            for cost, arch in zip(macs, base.archs, strict=True)
        ],
    }


def compared(results: Known, archs: Sequence[Any], goal: float) -> dict[str, Any]:
    """Return the accuracies, what a supernet loses against training alone, and the costs."""
    alone: dict[int, dict[int, Result]] = {}
    for trial, result in results:
        if trial.arch is not None:
            alone.setdefault(result.seed, {})[archs.index(trial.arch)] = result
    nets: dict[str, list[Result]] = {}
    for trial, result in results:
        if trial.arch is None:
            nets.setdefault(trial.schedule, []).append(result)
    smallest = {name: {r.seed: r.top1[0] for r in some} for name, some in nets.items()}
    return {
        "alone": {
            f"seed {seed}": {str(i): _row(result) for i, result in sorted(some.items())}
            for seed, some in alone.items()
        },
        "supernets": {name: _supernet(some, alone, goal) for name, some in nets.items()},
        "smallest_against_uniform": {
            name: _ahead(found, smallest["uniform"])
            for name, found in smallest.items()
            if name != "uniform" and found.keys() & smallest.get("uniform", {}).keys()
        },
    }


def _row(result: Result) -> dict[str, Any]:
    return {
        "top1": [round(top1, 2) for top1 in result.top1],
        "cpu_seconds": round(result.cpu_seconds),
        "seconds": round(result.seconds),
    }


def _supernet(
    some: Sequence[Result], alone: dict[int, dict[int, Result]], goal: float
) -> dict[str, Any]:
    """Return what supernets of one schedule are worth, over all seeds, and cost."""
    found: dict[str, Any] = {f"seed {result.seed}": _row(result) for result in some}
    by_seed, worst, costs = {}, [], []
    for result in some:
        lone = alone.get(result.seed, {})
        if lone:
            gaps = [result.top1[i] - other.top1[0] for i, other in lone.items()]
            by_seed[f"seed {result.seed}"] = round(statistics.mean(gaps), 3)
            worst.append(min(gaps))
            costs += [other.cpu_seconds for other in lone.values()]
    if by_seed:
        points = statistics.mean(by_seed.values())
        one = statistics.mean(result.cpu_seconds for result in some)
        found |= {
            "against_alone": {
                "points": round(points, 3),
                "by_seed": by_seed,
                "worst_subnet": round(min(worst), 2),
                "subnets": sum(len(alone.get(result.seed, {})) for result in some),
                "goal": -goal,
                "reached": points >= -goal,
            },
            "cost": {
                "cpu_hours": round(one / 3600, 3),
                "cpu_hours_of_one_alone": round(statistics.mean(costs) / 3600, 3),
                "pays_from_so_many_subnets": round(one / statistics.mean(costs), 2),
            },
        }
    return found


def _ahead(found: dict[int, float], uniform: dict[int, float]) -> dict[str, Any]:
    """Return by how much the smallest subnet is better, over the seeds that both have."""
    gaps = [found[seed] - uniform[seed] for seed in sorted(found.keys() & uniform.keys())]
    points = statistics.mean(gaps)
    return {
        "points": round(points, 3),
        "by_seed": [round(gap, 2) for gap in gaps],
        "goal": AHEAD,
        "reached": points >= AHEAD,
    }


def lines(summary: dict[str, Any]) -> list[str]:
    """Return the rows of a table of a summary."""
    found = [
        "| trained | against alone | by seed | CPU hours | pays from |",
        "|---|---|---|---|---|",
    ]
    for name, one in summary["supernets"].items():
        if "against_alone" not in one:
            continue
        gap, cost = one["against_alone"], one["cost"]
        seeds = ", ".join(f"{points:+.1f}" for points in gap["by_seed"].values())
        met = "reached" if gap["reached"] else "MISSED"
        cells = (name, f"{gap['points']:+.2f}, {met}", seeds, f"{cost['cpu_hours']:.2f}")
        found.append(f"| {' | '.join(cells)} | {cost['pays_from_so_many_subnets']:.1f} subnets |")
    for name, one in summary["smallest_against_uniform"].items():
        met = "reached" if one["reached"] else "MISSED"
        found.append(f"smallest subnet, {name} against uniform: {one['points']:+.2f} points, {met}")
    return found


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
