"""torch.export: a module in, a `.pt2` archive out, which torch alone runs."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ofadsl.deploy.exporter import Exporter, Port, Run, Work
from ofadsl.deploy.quiet import quiet

ABOUT = "about.json"
"""The file in the archive that says what the network is given and what it tells."""


def exported(work: Work) -> torch.export.ExportedProgram:
    """Return the program of a module, for a batch of any size where that is asked for."""
    shapes = ({0: torch.export.Dim("batch")},) if work.any_batch else None
    with quiet():
        return torch.export.export(work.module, (work.example,), dynamic_shapes=shapes)


class TorchExport:
    """Writes an exported program and runs it in torch."""

    int8 = False
    any_batch = True

    def write(self, work: Work, path: Path) -> None:
        """Write the archive."""
        about = {ABOUT: json.dumps(dict(work.about))}
        file = io.BytesIO()  # not the file itself: torch ends the process where the disk is full
        with quiet():
            torch.export.save(exported(work), file, extra_files=about)
        path.write_bytes(file.getvalue())

    def runners(self, path: Path) -> Mapping[str, Run]:
        """Return the archive in torch."""
        with quiet(), path.open("rb") as file:
            module = torch.export.load(file).module()

        def run(images: Tensor) -> Tensor:
            with torch.no_grad():
                output: Tensor = module(images)
            return output

        return {"torch": run}

    def versions(self, path: Path) -> Mapping[str, str | int]:
        """Return the version of torch."""
        return {"torch": str(torch.__version__)}

    def ports(self, path: Path) -> tuple[Port, Port]:
        """Return the input and the output, which are known by their places."""
        return Port(layout="NCHW"), Port()

    def memory(self, path: Path) -> Mapping[str, int]:
        """Return nothing: this runtime does not tell."""
        return {}


EXPORTER: Exporter = TorchExport()
