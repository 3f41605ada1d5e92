"""Export a subnet: written, run in its own runtime, compared, and only then put in its place.

Beside the file lies `export.json`, with an entry for each file that was exported there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ofadsl.deploy.compare import accuracy, check, in_batches
from ofadsl.deploy.exporter import Exporter, Port, Work, find_exporter
from ofadsl.deploy.images import Images, check_images, random_images
from ofadsl.deploy.subnet import Subnet
from ofadsl.deploy.timing import median_ms
from ofadsl.diagnostics import fault
from ofadsl.files import check_place, temporary_folder, write_durable, write_text, writing

REPORT = "export.json"
_RANDOM_IMAGES = 4
_REAL_IMAGES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be exported, and where to."""

    subnet: Subnet
    format: str
    output: Path
    batch: int | None = 1
    """None: any number of images."""
    int8: bool = False
    images: Images | None = None
    measure: bool = False


def export(order: Order) -> dict[str, Any]:
    """Write the file and its entry in export.json, and return the entry."""
    exporter = find_exporter(order.format)
    _refuse(order, exporter)
    _read_report(order.output.parent / REPORT)  # refused now, not after the work
    with temporary_folder() as folder:
        draft = folder / order.output.name
        exporter.write(_work(order, order.int8), draft)
        entry = _entry(order, exporter, draft)
        if order.measure:
            entry["timing"] = _timing(order, exporter, folder, draft)
        _publish(draft, order.output, entry)
    return entry


def _refuse(order: Order, exporter: Exporter) -> None:
    if order.output.name == REPORT:
        message = f"{order.output} is where the report of exports goes"
        raise fault("OFA257", message, help="give the file another name with -o")
    check_place(order.output)
    if order.int8 and not exporter.int8:
        message = f"there is no int8 in the format {order.format}"
        raise fault("OFA256", message, help="choose onnx, executorch or tflite")
    if order.batch is None and not exporter.any_batch:
        message = f"a file of the format {order.format} has a batch of a fixed size"
        raise fault("OFA256", message, help="give it with --batch N")
    if order.int8 and order.images is None:
        message = "int8 needs images, which tell the range of every activation"
        help = "add --calibration digits or --calibration FOLDER; --calibration random for speed"
        raise fault("OFA254", message, help=help)
    if order.images is not None:
        check_images(order.images, order.subnet.image, order.subnet.classes)


def _work(order: Order, int8: bool) -> Work:
    shape = order.subnet.image
    calibration = None
    if int8:
        calibration = random_images(shape) if order.images is None else order.images.calibration
    return Work(
        module=order.subnet.module,
        example=random_images(shape, order.batch or 2),
        any_batch=order.batch is None,
        calibration=calibration,
        about=_about(order.subnet),
    )


def _about(subnet: Subnet) -> dict[str, str]:
    """Return what a file says of itself: JSON, as its values are text."""
    found = {
        "space": subnet.space,
        "image": list(subnet.image),
        "preprocessing": subnet.preprocessing,
        "classes": subnet.labels,
    }
    return {name: json.dumps(value) for name, value in found.items() if value is not None}


def _shape(order: Order, source: Port) -> list[int | str]:
    """Return the shape of the input in its own order."""
    channels, rows, columns = order.subnet.image
    image = (rows, columns, channels) if source.layout == "NHWC" else order.subnet.image
    return [order.batch or "any", *image]


def _entry(order: Order, exporter: Exporter, draft: Path) -> dict[str, Any]:
    runners = exporter.runners(draft)
    module, images = order.subnet.module, order.images
    tried = random_images(order.subnet.image, _RANDOM_IMAGES)
    real = None if images is None else images.test
    if real is not None:
        tried = real[:_REAL_IMAGES] if order.int8 else torch.cat([tried, real[:_REAL_IMAGES]])
    elif order.int8 and images is not None:
        tried = images.calibration[:_REAL_IMAGES]
    source, target = exporter.ports(draft)
    checks = check(module, runners, tried, batch=order.batch, int8=order.int8)
    return {
        "format": order.format,
        "dtype": "int8" if order.int8 else "float32",
        "space": order.subnet.space,
        "input": asdict(source) | {"shape": _shape(order, source)},
        "output": asdict(target) | {"shape": [order.batch or "any", order.subnet.classes]},
        "preprocessing": order.subnet.preprocessing,
        "classes": order.subnet.labels,
        "bytes": draft.stat().st_size,
        "versions": dict(exporter.versions(draft)),
        "memory": dict(exporter.memory(draft)),
        "calibration": _calibration(order),
        "check": {name: asdict(result) for name, result in checks.items()},
        "accuracy": _accuracy(order, runners),
    }


def _calibration(order: Order) -> dict[str, Any] | None:
    if not order.int8 or order.images is None:
        return None
    return {"source": order.images.name, "images": len(order.images.calibration)}


def _accuracy(order: Order, runners: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the share of test images that the network and the file get right."""
    images = order.images
    if images is None or images.test is None or images.labels is None:
        return None
    with torch.no_grad():
        before = accuracy(order.subnet.module, images.test, images.labels, None)
    runtime, run = next(iter(runners.items()))
    after = accuracy(run, images.test, images.labels, order.batch)
    return {"images": len(images.test), "subnet.py": before, runtime: after}


def _timing(order: Order, exporter: Exporter, folder: Path, draft: Path) -> dict[str, Any]:
    """Return the medians of float32 and int8, where there is one, and which is the faster."""
    files = {"int8" if order.int8 else "float32": draft}
    if exporter.int8:
        other = "float32" if order.int8 else "int8"
        files[other] = folder / f"other-{order.output.name}"
        exporter.write(_work(order, not order.int8), files[other])
    image: Tensor = random_images(order.subnet.image, order.batch or 1)
    runs, runtime = {}, ""
    for dtype in sorted(files):
        runtime, run = next(iter(exporter.runners(files[dtype]).items()))
        runs[dtype] = lambda run=run: in_batches(run, image, order.batch)
    medians = median_ms(runs)
    fastest = min(medians, key=lambda dtype: medians[dtype])
    return {
        "runtime": runtime,
        "threads": 1,
        "batch": len(image),
        "median_ms": medians,
        "faster": fastest if len(medians) > 1 else None,
    }


def _read_report(path: Path) -> dict[str, Any]:
    """Return the entries of earlier exports; OFA257 where the file is of something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and all(
        isinstance(e, dict) and "format" in e for e in found.values()
    ):
        return found
    help = "move it away, or export to another folder"
    raise fault("OFA257", f"{path} is not a report of exports", help=help)


def _publish(draft: Path, output: Path, entry: Mapping[str, Any]) -> None:
    """Write the file and its entry in the report; OFA099 where that cannot be."""
    path = output.parent / REPORT
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_durable(output, (draft.read_bytes(),))
        # read now: other exports to this folder may have ended meanwhile
        report = {**_read_report(path), output.name: entry}
        write_text(path, json.dumps(report, indent=2) + "\n")
