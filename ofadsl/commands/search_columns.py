"""The columns that a search computes: analytic costs, estimators of devices, an accuracy.

The packages of search and of calibration do not know each other; here they meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ofadsl.calibrate.archs import Target
from ofadsl.commands.estimators import load_estimator
from ofadsl.diagnostics import fault
from ofadsl.search.accuracy.evals import read_evals
from ofadsl.search.accuracy.features import Features
from ofadsl.search.accuracy.function import imported
from ofadsl.search.accuracy.predictor import read_predictor
from ofadsl.search.accuracy.table import looked_up
from ofadsl.search.compute import dimensions_of
from ofadsl.search.front import Archs, Floats
from ofadsl.search.problem import Cost
from ofadsl.search.vocabulary import MEASURED, MICRO

COVERAGE = 0.9
BYTES = {"int8": 1, "fp16": 2, "fp32": 4}
Interval = Callable[[Archs], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """A cost, the interval where it is predicted, and what of the disk it was made from."""

    value: Cost
    interval: Interval | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accuracy:
    """An accuracy; a table also says which archs there are."""

    column: Column
    listed: Archs | None = None


def has_micro(target: Target) -> bool:
    """Return whether what a microcontroller needs is known for a space."""
    return target.cost.micro


def analytic(target: Target, dtype: str) -> dict[str, Column]:
    """Return the columns that need no device."""
    cost, size = target.cost, BYTES[dtype]
    micro = MICRO if has_micro(target) else ()
    return {
        "macs": Column(value=cost.macs),
        "params": Column(value=cost.params),
        "weight_bytes": Column(value=lambda x: cost.weight_bytes(x, size)),
        "peak_memory": Column(value=lambda x: cost.peak_memory(x, size)),
        **{name: Column(value=getattr(cost, name)) for name in micro},
    }


def devices(target: Target, generated: Path) -> dict[str, tuple[str, ...]]:
    """Return the devices that have an estimator, for each measured cost."""
    folder = generated / target.space.name
    return {
        cost: tuple(sorted(path.stem.partition("_")[2] for path in folder.glob(f"{cost}_*.py")))
        for cost in MEASURED
    }


def measured(names: Iterable[str], target: Target, generated: Path) -> dict[str, Column]:
    """Return the columns of costs such as `latency[pixel]`; others are left out."""
    found = {}
    for name in names:
        cost, bracket, device = name.rstrip("]").partition("[")
        if bracket:
            path = generated / target.space.name / f"{cost}_{device}.py"
            found[name] = _estimated(load_estimator(path, target), cost, path)
    return found


def confident(column: Column) -> Column:
    """Return the upper end of the interval in place of what is expected."""
    interval = column.interval
    assert interval is not None
    return Column(value=lambda x: interval(x)[1], interval=interval, digest=column.digest)


def accuracy_of(name: str, target: Target, metric: str) -> Accuracy:
    """Return a source by what it is named as: a predictor, a table, or `module:function`."""
    path = Path(name)
    if path.suffix == ".npz":
        features = features_of(target)
        predictor = read_predictor(path, space_hash=target.hash, features=features)

        def interval(x: Archs) -> tuple[Floats, Floats]:
            return predictor.interval(features, x, COVERAGE)

        value: Cost = lambda x: predictor.predict(features, x)  # noqa: E731
        return Accuracy(column=Column(value=value, interval=interval, digest=_digest(path)))
    if path.suffix == ".jsonl":
        evals = read_evals(path, space_hash=target.hash, metric=metric, encode=target.encode)
        column = Column(value=looked_up(evals), digest=_digest(path))
        return Accuracy(column=column, listed=evals.x)
    if ":" in name:
        return Accuracy(column=Column(value=imported(name), digest=name))
    help = "give predictor.npz, evals.jsonl or module:function"
    raise fault("OFA232", f"{name[:80]} is no source of accuracy", help=help)


def features_of(target: Target) -> Features:
    """Return what a predictor sees of the archs of a space."""
    sizes: tuple[Any, ...] = (target.cost.macs, target.cost.params)
    return Features(dimensions=dimensions_of(target.space), sizes=sizes)


def costs(columns: Mapping[str, Column]) -> dict[str, Cost]:
    """Return the functions alone."""
    return {name: column.value for name, column in columns.items()}


def _estimated(module: Any, cost: str, path: Path) -> Column:
    unit = MEASURED[cost].unit.lower()

    def interval(x: Archs) -> tuple[Floats, Floats]:
        low, high = getattr(module, f"interval_{unit}")(x, COVERAGE)
        return np.asarray(low), np.asarray(high)

    value = getattr(module, f"{cost}_{unit}", None)
    if value is None:
        message = f"{path} does not say {cost} in {MEASURED[cost].unit}"
        raise fault("OFA225", message, help=f"calibrate with --quantity {cost}_{unit}")
    return Column(value=value, interval=interval, digest=_digest(path))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
