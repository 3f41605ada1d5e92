"""The road of `ofadsl convert-weights`: a foreign checkpoint in, one under our names out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ofadsl.commands.answer import Answer
from ofadsl.commands.packages import load_package
from ofadsl.specialize.convert import convert_weights as convert


def convert_weights(space: Path, file: Path, settings: Mapping[str, str], output: Path) -> Answer:
    """Write the checkpoint ``file`` under the names of ``space``, as safetensors."""
    package = load_package(space, settings)
    origin = convert(package.supernet(), file, output)
    family = () if origin.family is None else (f"{file} is a checkpoint of {origin.family}",)
    notes = tuple(f"note: {note}" for note in origin.notes)
    return Answer(lines=(*family, *notes, f"wrote {output}"), data={"file": str(output)})
