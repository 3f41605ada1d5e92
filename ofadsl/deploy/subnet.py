"""A subnet's folder: the network that runs, and what its record says of the input.

``subnet.py`` is run, as any program of the user's is: export subnets that you made or trust.
"""

from __future__ import annotations

import json
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


def read_subnet(folder: Path) -> Subnet:
    """Load the network of a folder that `specialize` wrote; OFA251 where it is none."""
    try:
        record = json.loads((folder / "subnet.json").read_text(encoding="utf-8"))
        _, *image = (int(size) for size in record["input"])
        space = str(record["space"])
        source = (folder / "subnet.py").read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError) as error:
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
    return Subnet(folder=folder, module=module, space=space, image=tuple(image), classes=classes)


def _run(source: str, folder: Path) -> torch.nn.Module:
    """Return the network of a program; it is executed, not imported, so that it leaves nothing."""
    scope: dict[str, Any] = {"__name__": "subnet", "__file__": str(folder / "subnet.py")}
    exec(compile(source, str(folder / "subnet.py"), "exec"), scope)
    module: torch.nn.Module = scope["load"](folder).eval()
    return module
