"""The folder of a run: what it was asked for, what was measured, checkpoints, the weights.

`config.json` says what the run is, and never changes. `metrics.jsonl` has a line for each epoch,
on the disk before the checkpoint that follows it; what is beyond the checkpoint that a run goes on
from is dropped, so that no epoch stands twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ofadsl.diagnostics import fault
from ofadsl.files import append_durable, write_durable, write_text
from ofadsl.tensors import tensor_bytes
from ofadsl.train.checkpoint import checkpoints, unwritable

CONFIG, METRICS, WEIGHTS = "config.json", "metrics.jsonl", "weights.safetensors"


def claim(folder: Path, asked: Mapping[str, Any], *, resume: bool) -> None:
    """Make the folder that of the run ``asked`` for, or find it to be.

    Raises Diagnostics: where it holds a run and none is to be resumed (OFA200), or one that was
    asked for otherwise (OFA201), or where it cannot be written (OFA203).
    """
    path = folder / CONFIG
    if path.exists():
        if not resume:
            message = f"{folder} holds a run already"
            raise fault("OFA200", message, help="go on with --resume, or give another -o")
        _compare(path, asked)
        return
    if checkpoints(folder):
        message = f"{folder} has checkpoints, but no {CONFIG} that says of what"
        raise fault("OFA200", message, help="give another -o")
    try:
        write_text(path, json.dumps(asked, indent=2) + "\n")
    except OSError as error:
        raise unwritable(path, error, []) from error


def sweep(folder: Path, step: int) -> None:
    """Remove drafts of a process that was killed, and what was measured after ``step``."""
    try:
        for name in (CONFIG, METRICS, WEIGHTS, "checkpoint-*"):
            for draft in folder.glob(f".{name}.*"):
                draft.unlink()
        path = folder / METRICS
        if path.exists():
            kept = [line for line in _lines(path) if line["step"] <= step]
            write_durable(path, (f"{json.dumps(line)}\n".encode() for line in kept))
    except OSError as error:
        raise unwritable(folder, error, checkpoints(folder)) from error


def add_metrics(folder: Path, line: Mapping[str, Any]) -> None:
    """Add the line of an epoch."""
    path = folder / METRICS
    try:
        append_durable(path, json.dumps(line))
    except OSError as error:
        raise unwritable(path, error, checkpoints(folder)) from error


def last_metrics(folder: Path) -> dict[str, Any]:
    """Return the line of the last epoch."""
    *_, last = ({}, *_lines(folder / METRICS))
    return last


def write_weights(path: Path, tensors: Mapping[str, Tensor], space_hash: str) -> None:
    """Write the weights of a finished run, under the names of the supernet."""
    data = tensor_bytes(tensors, ofadsl_trained="1", space_hash=space_hash)
    try:
        write_durable(path, (data,))
    except OSError as error:
        raise unwritable(path, error, checkpoints(path.parent)) from error


def finite(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether all values are numbers."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what was measured; a line that a crash cut short is none."""
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            yield line


def _compare(path: Path, asked: Mapping[str, Any]) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"{path} cannot be read, so this may be another run"
        raise fault("OFA201", message, help="restore it, or give another -o") from error
    before, now = _flat(found), _flat(json.loads(json.dumps(asked)))
    names = [n for n in {**before, **now} if before.get(n) != now.get(n) and n != "ofadsl"]
    if names:
        shown = (f"{n} was {before.get(n)!r}, now {now.get(n)!r}" for n in names[:_SHOWN])
        message = f"{path.parent} holds a run of other settings: {'; '.join(shown)}"
        raise fault("OFA201", message, help="give the settings of that run, or another -o")


_SHOWN = 5


def _flat(found: object, name: str = "") -> dict[str, object]:
    """Return the leaves of a JSON value by their paths."""
    inner: list[tuple[str, object]]
    if isinstance(found, dict):
        inner = [(f"{name}.{key}" if name else str(key), value) for key, value in found.items()]
    elif isinstance(found, list):
        inner = [(f"{name}[{i}]", value) for i, value in enumerate(found)]
    else:
        return {name: found}
    return {key: leaf for path, value in inner for key, leaf in _flat(value, path).items()}
