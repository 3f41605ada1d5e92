"""Estimators that were written: where they are, and how one is loaded for its space."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from ofadsl.calibrate.archs import Target
from ofadsl.diagnostics import fault

_NAME = re.compile(r"[a-z0-9_]{1,40}")
_QUANTITY = re.compile(r"[a-z]{1,20}_[a-z]{1,10}")


def load_estimator(path: Path, target: Target) -> Any:
    """Return the module of an estimator; OFA132 where there is none, OFA133 for another space."""
    device = path.stem.partition("_")[2]
    if not path.is_file():
        help = f"write it: ofadsl calibrate {target.source} --table T --name {device}"
        raise fault("OFA132", f"there is no {path}", help=help)
    module: Any = ModuleType(path.stem)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    if target.hash != module.SPACE_HASH:
        help = "calibrate again, or give the --set that it was calibrated with"
        raise fault("OFA133", f"{path} was made for another {target.space.name}", help=help)
    return module


def estimator_path(folder: Path, target: Target, quantity: str, device: str) -> Path:
    """Return where an estimator is: `latency_pixel.py`, `energy_pixel.py`."""
    return folder / target.space.name / f"{quantity.partition('_')[0]}_{device}.py"


def check_name(name: str, quantity: str) -> None:
    """Raise OFA130 for a device or a quantity that cannot be part of a file's name."""
    if not _QUANTITY.fullmatch(quantity) or quantity.startswith("interval_"):
        message = f"{quantity[:40]!r} is no quantity with a unit"
        raise fault("OFA130", message, help="write it as latency_ms or energy_mj")
    if not _NAME.fullmatch(name):
        message = f"{name[:40]!r} cannot be part of a file's name"
        raise fault("OFA130", message, help="use the letters a to z, digits and _")
    if keyword.iskeyword(name):
        message = f"{name} is a word of Python, and no name for a device in it"
        raise fault("OFA130", message, help=f"name it {name}_device, or otherwise")
