"""The roads of `ofadsl calibrate` and `ofadsl predict`: files in, an estimator or numbers out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.check import Quality, cross_validated
from ofadsl.calibrate.emit import Provenance, emit_latency
from ofadsl.calibrate.model import fit
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.report import report
from ofadsl.calibrate.source import cell_table
from ofadsl.calibrate.tables import Table, strict_json
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault
from ofadsl.files import write_text

LEAST = 5
MOST = 400  # a fit looks at so many samples: more teach it nothing that shows
_NAME = re.compile(r"[a-z0-9_]{1,40}")
_QUANTITY = re.compile(r"[a-z]{1,20}_[a-z]{1,10}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to calibrate, and with what."""

    space: Path
    table: Path
    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Path] = ()
    archs: Path | None = None
    quantity: str = "latency_ms"
    output: Path = Path("generated")
    report: Path | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was done, as lines for a person and as data for a program."""

    lines: tuple[str, ...]
    data: Mapping[str, Any]


def calibrate(request: Request) -> Answer:
    """Fit, check by cross-validation and write the estimator."""
    _check_name(request.name, request.quantity)
    target = target_of(request.space, request.settings, shown_path(request.space))
    table = read_table(request.table, target, archs=request.archs, quantity=request.quantity)
    if len(table.y) < LEAST:
        message = f"{request.table} has {len(table.y)} measurements, and a fit needs {LEAST}"
        raise fault("OFA131", message, help="measure ten archs or more, thirty are good")
    notes = []
    used = table
    if len(table.y) > MOST:
        used = _some(table)
        notes.append(f"{MOST} of {len(table.y)} measurements are used, evenly spaced")
    sources = [_source(path, request, target) for path in request.sources]
    quality = cross_validated(target.features, used, sources)
    estimator = fit(target.features, used.x, used.y, sources=sources, order=used.order)
    said = Provenance(
        device=request.name,
        quantity=request.quantity,
        table=request.table.name,
        digest=table.digest,
        settings=table.settings,
        samples=len(used.y),
        rho=quality.rho,
        mape=quality.mape,
        coverage=quality.coverage,
    )
    path = _path(request.output, target, request.quantity, request.name)
    _write(path, emit_latency(estimator, target, used.x, said))
    notes += quality.warnings()
    if estimator.launch is not None:
        notes.append("kernels are launched while others compute: a soft maximum, not a sum")
    shares = zip([*map(str, request.sources), "none of them"], estimator.sources, strict=True)
    if request.sources:
        shown = ", ".join(
            f"{Path(name).stem} {share:.0%}" for name, share in shares if share > 0.01
        )
        notes.append(f"what the sources explain: {shown}")
    lines = [
        f"{len(used.y)} measurements of {target.space.name} on {request.name}, cross-validated: "
        f"{_figures(quality)}",
        *(f"note: {note}" for note in notes),
        f"wrote {path}",
    ]
    if request.report is not None:
        title = f"{target.space.name} on {request.name}: {len(used.y)} measurements"
        _write(request.report, report(quality, title))
        lines.append(f"wrote {request.report}")
    data = {
        "file": str(path),
        "samples": len(used.y),
        "rho": quality.rho,
        "mape": quality.mape,
        "coverage": quality.coverage,
        "power": estimator.power,
        "notes": notes,
    }
    return Answer(lines=tuple(lines), data=data)


def predict(question: Question) -> Answer:
    """Return what archs take on a device that has been calibrated."""
    _check_name(question.device, question.quantity)
    target = target_of(question.space, question.settings, shown_path(question.space))
    path = _path(question.generated, target, question.quantity, question.device)
    if not path.is_file():
        help = f"write it: ofadsl calibrate {question.space} --table T --name {question.device}"
        raise fault("OFA132", f"there is no {path}", help=help)
    module: Any = ModuleType(path.stem)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    if target.hash != module.SPACE_HASH:
        help = "calibrate again, or give the --set that it was calibrated with"
        raise fault("OFA133", f"{path} was made for another {target.space.name}", help=help)
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
    return Answer(lines=tuple(lines), data={"device": question.device, "archs": rows})


def _arch(path: Path, target: Target) -> Any:
    try:
        return target.encode(strict_json(path.read_text(encoding="utf-8")))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA089", f"the arch {path} cannot be read: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise fault("OFA125", f"{path}: {str(error)[:200]}") from error


def _source(path: Path, request: Request, target: Target) -> Floats:
    table = read_table(path, target, archs=request.archs, quantity=request.quantity)
    return cell_table(target.features, table.x, table.y)


def _some(table: Table) -> Table:
    rows = np.linspace(0, len(table.y) - 1, MOST).astype(np.intp)
    return replace(table, x=table.x[rows], y=table.y[rows], order=table.order[rows])


def _figures(quality: Quality) -> str:
    return (
        f"rank correlation {quality.rho:.3f}, error {quality.mape:.1%}, "
        f"{quality.coverage:.0%} in the interval of 90 %"
    )


def _path(folder: Path, target: Target, quantity: str, device: str) -> Path:
    """Return where an estimator is: `latency_pixel.py`, `energy_pixel.py`."""
    return folder / target.space.name / f"{quantity.partition('_')[0]}_{device}.py"


def _check_name(name: str, quantity: str) -> None:
    if not _QUANTITY.fullmatch(quantity):
        message = f"{quantity[:40]!r} is no quantity with a unit"
        raise fault("OFA130", message, help="write it as latency_ms or energy_mj")
    if not _NAME.fullmatch(name):
        message = f"{name[:40]!r} cannot be part of a file's name"
        raise fault("OFA130", message, help="use the letters a to z, digits and _")


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA099", f"{path} cannot be written: {reason}") from error
