"""The road of `ofadsl export`: a subnet's folder in, a file for a runtime out, proven in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ofadsl.commands.answer import Answer
from ofadsl.commands.images import RANDOM, images_of
from ofadsl.deploy.export import REPORT, Order, export
from ofadsl.deploy.images import Images
from ofadsl.deploy.subnet import Subnet, read_subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for."""

    subnet: Path
    format: str
    output: Path
    int8: bool = False
    calibration: str | None = None
    """A data set by name, a folder of images, or `random`."""
    batch: int | None = 1
    measure: bool = False


def run(request: Request) -> Answer:
    """Export, check in the runtime and write; raise Diagnostics where something is at fault."""
    subnet = read_subnet(request.subnet)
    images = None
    if request.calibration is not None:
        images = images_of(request.calibration, subnet)
        subnet = _described(subnet, images)
    order = Order(
        subnet=subnet,
        format=request.format,
        output=request.output,
        batch=request.batch,
        int8=request.int8,
        images=images,
        measure=request.measure,
    )
    entry = export(order)
    versions = ", ".join(f"{name} {version}" for name, version in entry["versions"].items())
    lines = [
        *_notes(request, images),
        f"{request.output}: {entry['dtype']}, {entry['bytes']:,} bytes; {versions}",
        *_remembered(entry["memory"]),
        *_checked(entry),
        *_timed(entry["timing"] if request.measure else None),
        f"wrote {request.output} and {request.output.parent / REPORT}",
    ]
    return Answer(lines=tuple(lines), data=entry)


def _described(subnet: Subnet, images: Images) -> Subnet:
    """Return the subnet with what only the images tell: its folder may know nothing of them."""
    known = subnet.preprocessing or {}
    told = {name: value for name, value in known.items() if value is not None}
    return replace(
        subnet,
        labels=subnet.labels or images.classes,
        preprocessing={**(images.preprocessing or known), **told} or None,
    )


def _notes(request: Request, images: Images | None) -> list[str]:
    if not request.int8 or images is None:
        return []
    if request.calibration == RANDOM:
        return ["note: calibrated on noise; good for size and speed, of no use for accuracy"]
    if images.labels is None:
        return [f"note: {images.name} has other classes than the network, so no accuracy is told"]
    return []


def _remembered(memory: Mapping[str, int]) -> list[str]:
    if not memory:
        return []
    parts = f"{memory['arena_activations']:,} activations, {memory['arena_persistent']:,} kept"
    return [f"arena of tflite-micro: {memory['arena_bytes']:,} bytes ({parts})"]


def _checked(entry: Mapping[str, Any]) -> list[str]:
    int8 = entry["dtype"] == "int8"
    lines = []
    for runtime, check in entry["check"].items():
        by = f"differs from subnet.py by {check['error']:.1e} of its mean output"
        also = f", correlation {check['correlation']:.4f}" if int8 else ""
        lines.append(f"verified in {runtime} on {check['images']} images: {by}{also}")
    if entry["accuracy"] is not None:
        count, *rest = entry["accuracy"].items()
        shares = ", ".join(f"{name} {share:.2%}" for name, share in rest)
        lines.append(f"accuracy on {count[1]} images: {shares}")
    return lines


def _timed(timing: Mapping[str, Any] | None) -> list[str]:
    if timing is None:
        return []
    medians: Mapping[str, float] = timing["median_ms"]
    shown = ", ".join(f"{dtype} {ms:.3g} ms" for dtype, ms in medians.items())
    line = f"{timing['runtime']}, {timing['threads']} thread, batch {timing['batch']}: {shown}"
    if timing["faster"] is None:
        return [line]
    ratio = max(medians.values()) / min(medians.values())
    return [f"{line}; {timing['faster']} is faster, by {ratio:.2f} times"]
