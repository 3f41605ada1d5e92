"""Estimators that no measured subnet stands behind: of a table of blocks, of a datasheet.

In: the space and the file. Out: the same `latency_<device>.py` as from measurements, which says
what it is based on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofadsl.calibrate import blockwise, roofline
from ofadsl.calibrate.archs import Target
from ofadsl.calibrate.datasheet import find_datasheet, read_datasheet
from ofadsl.calibrate.emit import Origin, emit_latency
from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.model import Estimator
from ofadsl.calibrate.read_blocks import read_blocks
from ofadsl.commands.answer import Answer, write_whole
from ofadsl.commands.estimators import estimator_path
from ofadsl.diagnostics import fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What is written: the quantity, the name of the device, the folder of packages."""

    quantity: str
    name: str
    folder: Path


def from_blocks(target: Target, path: Path, output: Output) -> Answer:
    """Write the estimator that adds up the entries of a table."""
    table = read_blocks(path, output.quantity)
    found = blockwise.summed(target, table)
    said = Origin(
        device=output.name,
        quantity=output.quantity,
        table=path.name,
        digest=table.digest,
        settings={"blocks": str(len(table.entries)), "guessed": str(found.guessed)},
        basis=blockwise.BASIS,
        interval=blockwise.INTERVAL,
    )
    notes = [f"intervals assume {blockwise.BETWEEN:.0%}: {blockwise.BASIS}"]
    if found.guessed:
        what = "; ".join(found.missing) or "single choices"
        notes.append(
            f"the table lacks {found.guessed} of {found.needed} entries ({what}): they are guessed "
            f"from the others, with a deviation of {blockwise.GUESSED:.0%} or more"
        )
    first = f"{len(table.entries)} blocks, {found.needed} choices of layers of {target.space.name}"
    return _written(target, found.estimator, said, output, first, notes)


def from_datasheet(target: Target, given: Path, batch: int, output: Output) -> Answer:
    """Write the estimator of a device that nobody measured."""
    if output.quantity != "latency_ms":
        message = f"a datasheet tells the latency_ms, not the {output.quantity}"
        raise fault("OFA130", message, help="leave --quantity out, or measure")
    sheet = read_datasheet(find_datasheet(given))
    said = Origin(
        device=output.name,
        quantity=output.quantity,
        table=Path(sheet.path).name,
        digest=sheet.digest,
        settings={
            "batch": str(batch),
            "peak_flops": f"{sheet.peak_flops:g}",
            "bandwidth": f"{sheet.bandwidth:g}",
            "launch_us": f"{sheet.launch_us:g}",
            "bytes_per_element": str(sheet.bytes_per_element),
            "source": sheet.source[:200],
        },
        basis=roofline.BASIS,
        interval=roofline.INTERVAL,
    )
    notes = [
        f"{roofline.BASIS}: at {roofline.SHARE:.0%} of its peaks; intervals go from 0 to "
        f"{roofline.FACTOR:g} times",
        "measure ten archs and calibrate with --table: that is an estimator to decide by",
    ]
    first = f"{target.space.name} on {sheet.device or output.name}, batch {batch}"
    estimator = roofline.roofline(target.features, sheet, batch)
    return _written(target, estimator, said, output, first, notes)


def _written(
    target: Target, estimator: Estimator, said: Origin, output: Output, first: str, notes: list[str]
) -> Answer:
    path = estimator_path(output.folder, target, output.quantity, output.name)
    write_whole(path, emit_latency(estimator, target, _every_choice(target), said))
    lines = [first, *(f"note: {note}" for note in notes), f"wrote {path}"]
    data = {"file": str(path), "samples": 0, "basis": said.basis, "notes": notes}
    return Answer(lines=tuple(lines), data=data)


def _every_choice(target: Target) -> Archs:
    """Return rows in which each choice stands: no choice is less known than another."""
    lengths = np.array([len(dim.var.values) for dim in target.space.dims])
    rows = np.arange(lengths.max())[:, None]
    return np.asarray(np.minimum(rows, lengths - 1), np.uint8)
