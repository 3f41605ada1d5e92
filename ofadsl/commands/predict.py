"""The road of `ofadsl predict`: archs in, what they take on a calibrated device out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.commands.answer import Answer
from ofadsl.commands.estimators import check_name, estimator_path, load_estimator
from ofadsl.commands.foreign import with_foreign
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.files import read_whole
from ofadsl.strict_json import strict_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which archs to predict, for which device."""

    space: Path
    device: str
    archs: Sequence[Path]
    settings: Mapping[str, str] = field(default_factory=dict)
    generated: Path = Path("generated")
    coverage: float = 0.9
    quantity: str = "latency_ms"


def predict(question: Question) -> Answer:
    """Return what archs take on a device that has been calibrated."""
    check_name(question.device, question.quantity)
    target = target_of(question.space, question.settings, shown_path(question.space))
    said: dict[str, None] = {}
    target = with_foreign(target, question.space, question.settings, said.setdefault)
    path = estimator_path(question.generated, target, question.quantity, question.device)
    module = load_estimator(path, target)
    x = np.stack([_arch(path, target) for path in question.archs])
    unit = question.quantity.rpartition("_")[2]
    means = getattr(module, question.quantity)(x)
    low, high = getattr(module, f"interval_{unit}")(x, question.coverage)
    rows = [
        {"arch": str(path), question.quantity: float(m), "interval": [float(a), float(b)]}
        for path, m, a, b in zip(question.archs, means, low, high, strict=True)
    ]
    lines = [
        f"{path}: {m:.4g} {unit}, {question.coverage:.0%} between {a:.4g} and {b:.4g}"
        for path, m, a, b in zip(question.archs, means, low, high, strict=True)
    ]
    lines += [f"note: {note}" for note in said]
    if not module.SAMPLES:
        lines.append(f"note: {module.BASIS}")
    return Answer(
        lines=tuple(lines), data={"device": question.device, "basis": module.BASIS, "archs": rows}
    )


def _arch(path: Path, target: Target) -> Any:
    try:
        return target.encode(strict_json(read_whole(path).decode("utf-8")))
    except Diagnostics as report:
        items = [replace(item, message=f"{path}: {item.message}") for item in report.items]
        raise Diagnostics(items) from report
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA089", f"the arch {path} cannot be read: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise fault("OFA125", f"{path}: {str(error)[:200]}") from error
