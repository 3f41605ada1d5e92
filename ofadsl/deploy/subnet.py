"""A subnet's folder: the network that runs, and what its record says of the input.

``subnet.py`` is run, as any program of the user's is: export subnets that you made or trust.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ofadsl.diagnostics import fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A specialised network in eval mode."""

    folder: Path
    module: torch.nn.Module
    space: str
    image: tuple[int, ...]
    """Channels, rows and columns of an image."""
    classes: int
    """How many outputs there are for an image."""
    labels: tuple[str, ...] | None = None
    """What each output stands for, where that is known."""
    preprocessing: Mapping[str, Any] | None = None
    """What is done with an image before the network is given it, where that is known."""


def read_subnet(folder: Path) -> Subnet:
    """Load the network of a folder that `specialize` wrote; OFA251 where it is none."""
    try:
        record = json.loads((folder / "subnet.json").read_text(encoding="utf-8"))
        _, *image = (int(size) for size in record["input"])
        space = str(record["space"])
        labels = _labels(record.get("classes"))
        preprocessing = record.get("preprocessing")
        if not isinstance(preprocessing, dict | None):
            raise ValueError("preprocessing is no mapping")
        source = (folder / "subnet.py").read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"{type(error).__name__}: {str(error)[:200]}"
        if isinstance(error, OSError):
            why = f"{Path(error.filename).name}: {(error.strerror or str(error)).lower()}"
        message = f"{folder} is not a subnet's folder: {why}"
        raise fault("OFA251", message, help="write one with ofadsl specialize -o") from error
    try:
        module = _run(source, folder)
        with torch.no_grad():
            classes = int(module(torch.zeros(1, *image)).shape[1])
    except Exception as error:  # it is the user's program: any error is possible
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        message = f"{folder}/subnet.py does not run with the weights beside it: {why}"
        raise fault("OFA251", message, help="write it again with ofadsl specialize -o") from error
    if labels is not None and len(labels) != classes:
        message = f"{folder}/subnet.json names {len(labels)} classes, the network has {classes}"
        raise fault("OFA251", message, help="write it again with ofadsl specialize -o")
    return Subnet(
        folder=folder,
        module=module,
        space=space,
        image=tuple(image),
        classes=classes,
        labels=labels,
        preprocessing=preprocessing,
    )


def _labels(found: object) -> tuple[str, ...] | None:
    """Return the names of classes; ValueError where they are none."""
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError("classes is no list of names")
    return tuple(found)


def _run(source: str, folder: Path) -> torch.nn.Module:
    """Return the network of a program; it is executed, not imported, so that it leaves nothing."""
    scope: dict[str, Any] = {"__name__": "subnet", "__file__": str(folder / "subnet.py")}
    exec(compile(source, str(folder / "subnet.py"), "exec"), scope)
    module: torch.nn.Module = scope["load"](folder).eval()
    return module
