"""Checkpoints of a run: one file each, written whole or not at all, the last good ones kept.

In: tensors by name and a record of plain values. Out: ``checkpoint-00001234.safetensors``, named
by its step, with a digest of all of it. What was cut short, changed or is of another kind is never
read as if it were whole: the one before it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.files import write_durable

Plain = int | float | str | bool | None
Record = Mapping[str, Plain]

KEPT = 2
"""So many checkpoints stay: the newest, and one to turn to should it not be readable."""

_NAME = re.compile(r"checkpoint-(\d{8,})\.safetensors")
_PIECE = 1 << 20
_FORM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of a training after ``step`` steps."""

    step: int
    tensors: Mapping[str, Tensor]
    record: Record


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, then drop those before the one before it.

    Raises Diagnostics (OFA203) where the disk refuses; what was there is still there.
    """
    path = folder / f"checkpoint-{checkpoint.step:08}.safetensors"
    tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
    record = json.dumps({"form": _FORM, "step": checkpoint.step, **checkpoint.record})
    header = {"format": "pt", "ofadsl_checkpoint": record, "sha256": _digest(tensors, record)}
    try:
        write_durable(path, _pieces(safetensors.torch.save(tensors, header)))
        for _, old in checkpoints(folder)[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error, checkpoints(folder)) from error
    return path


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints of a folder with their steps, the newest first."""
    found = ((_NAME.fullmatch(path.name), path) for path in folder.glob("checkpoint-*"))
    return sorted(((int(name[1]), path) for name, path in found if name), reverse=True)


def newest_checkpoint(folder: Path) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """Return the newest checkpoint that is whole, and what is wrong with those after it.

    Returns None where there is none at all; raises Diagnostics (OFA202) where none is whole.
    """
    problems = []
    for step, path in checkpoints(folder):
        try:
            checkpoint = read_checkpoint(path)
        except Diagnostics as report:
            problems.append(report.items[0].message)
            continue
        used = tuple(f"{problem}; going on from step {step}" for problem in problems)
        return checkpoint, used
    if problems:
        help = "restore one of them from a copy, or begin again with another -o"
        raise fault("OFA202", "; ".join(problems), help=help)
    return None, ()


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in a file; raise Diagnostics (OFA202) where it is not whole."""
    try:
        tensors = safetensors.torch.load_file(path)
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        text = header.get("ofadsl_checkpoint", "")
        found = json.loads(text)
        whole = header.get("sha256") == _digest(tensors, text) and found.get("form") == _FORM
    except Exception as error:  # of a file that was changed, safetensors raises more than its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise fault("OFA202", f"{path} cannot be read: {reason[:200]}") from error
    if not whole:
        raise fault("OFA202", f"{path} is not what was written: its digest differs")
    step = int(found["step"])
    record = {name: value for name, value in found.items() if name not in ("form", "step")}
    return Checkpoint(step=step, tensors=tensors, record=record)


def unwritable(path: Path, error: OSError, kept: list[tuple[int, Path]]) -> Diagnostics:
    """Return the report of a disk that refuses (OFA203)."""
    reason = (error.strerror or str(error)).lower()
    help = "give another folder with -o"
    if kept:
        help = f"{kept[0][1].name} is whole: make room and go on with --resume"
    return fault("OFA203", f"{path} cannot be written: {reason}", help=help)


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix/``, without it."""
    start = f"{prefix}/"
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]


def _digest(tensors: Mapping[str, Tensor], record: str) -> str:
    """Return the SHA-256 of the record and of all tensors, in the order of their names."""
    digest = hashlib.sha256(record.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
