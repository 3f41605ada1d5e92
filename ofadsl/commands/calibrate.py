"""The road of `ofadsl calibrate`: a device table in, an estimator with intervals out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.blockwise import summed
from ofadsl.calibrate.check import Quality, cross_validated
from ofadsl.calibrate.emit import Provenance, emit_latency
from ofadsl.calibrate.model import fit
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.read_blocks import is_blocks, read_blocks
from ofadsl.calibrate.report import report
from ofadsl.calibrate.source import cell_table
from ofadsl.calibrate.tables import Table
from ofadsl.commands.answer import Answer, write_whole
from ofadsl.commands.estimators import check_name, estimator_path
from ofadsl.commands.foreign import with_foreign
from ofadsl.commands.unmeasured import Output, from_blocks, from_datasheet
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault

LEAST = 5
MOST = 400  # a fit looks at so many samples: more teach it nothing that shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to calibrate, and with what: a table of measurements or of blocks, or a datasheet."""

    space: Path
    name: str
    table: Path | None = None
    datasheet: Path | None = None
    batch: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Path] = ()
    archs: Path | None = None
    quantity: str = "latency_ms"
    output: Path = Path("generated")
    report: Path | None = None


def calibrate(request: Request) -> Answer:
    """Write the estimator that the request asks for."""
    check_name(request.name, request.quantity)
    if request.report is not None and request.report.suffix.lower() != ".svg":
        message = f"the report {request.report} would be no SVG by its name"
        raise fault("OFA130", message, help="name it as OUT.svg")
    target = target_of(request.space, request.settings, shown_path(request.space))
    said: dict[str, None] = {}
    target = with_foreign(target, request.space, request.settings, said.setdefault)
    output = Output(quantity=request.quantity, name=request.name, folder=request.output)
    whole = request.table is not None and not is_blocks(request.table)
    if not whole and (request.report is not None or request.sources):
        message = "a report, and sources, need measurements of whole subnets"
        raise fault("OFA131", message, help="leave --report and --sources out, or measure")
    if request.datasheet is not None:
        return from_datasheet(target, request.datasheet, request.batch, output)
    if request.table is None:
        raise fault("OFA131", "there is nothing to calibrate with", help="give --table")
    if is_blocks(request.table):
        return from_blocks(target, request.table, output)
    return _measured(request, request.table, target, said)


def _measured(request: Request, path: Path, target: Target, read_as: Iterable[str]) -> Answer:
    """Fit, check by cross-validation and write the estimator."""
    table = read_table(path, target, archs=request.archs, quantity=request.quantity)
    archs = len(np.unique(table.x, axis=0))
    if archs < LEAST:
        found = f"{len(table.y)} measurements" + (f" of {archs}" if archs < len(table.y) else "")
        message = f"{path} has {found}, and a fit needs {LEAST} different archs"
        raise fault("OFA131", message, help="measure ten archs or more, thirty are good")
    notes = []
    used = table
    if len(table.y) > MOST:
        used = _some(table)
        notes.append(f"{MOST} of {len(table.y)} measurements are used, evenly spaced")
    sources = [_source(path, request, target, table.digest) for path in request.sources]
    quality = cross_validated(target.features, used, sources)
    estimator = fit(target.features, used.x, used.y, sources=sources, order=used.order)
    said = Provenance(
        device=request.name,
        quantity=request.quantity,
        table=path.name,
        digest=table.digest,
        settings=table.settings,
        samples=len(used.y),
        rho=quality.rho,
        mape=quality.mape,
        coverage=quality.coverage,
    )
    written = estimator_path(request.output, target, request.quantity, request.name)
    write_whole(written, emit_latency(estimator, target, used.x, said))
    notes += [*read_as, *table.warnings(), *quality.warnings()]
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
        f"wrote {written}",
    ]
    if request.report is not None:
        title = f"{target.space.name} on {request.name}: {len(used.y)} measurements"
        write_whole(request.report, report(quality, title, request.quantity))
        lines.append(f"wrote {request.report}")
    data = {
        "file": str(written),
        "samples": len(used.y),
        "rho": quality.rho,
        "mape": quality.mape,
        "coverage": quality.coverage,
        "power": estimator.power,
        "notes": notes,
    }
    return Answer(lines=tuple(lines), data=data)


def _source(path: Path, request: Request, target: Target, own: str) -> Floats:
    if is_blocks(path):
        return summed(target, read_blocks(path, request.quantity)).estimator.compute[:, 0]
    table = read_table(path, target, archs=request.archs, quantity=request.quantity)
    if table.digest == own:
        message = f"{path} is the table that is calibrated, and would predict itself"
        raise fault("OFA131", message, help="sources are tables of other devices")
    return cell_table(target.features, table.x, table.y)


def _some(table: Table) -> Table:
    rows = np.linspace(0, len(table.y) - 1, MOST).astype(np.intp)
    return replace(table, x=table.x[rows], y=table.y[rows], order=table.order[rows])


def _figures(quality: Quality) -> str:
    return (
        f"rank correlation {quality.rho:.3f}, error {quality.mape:.1%}, "
        f"{quality.coverage:.0%} in the interval of 90 %"
    )
