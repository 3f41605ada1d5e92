"""ExecuTorch: a module in, a `.pte` out, whose convolutions XNNPACK runs; int8 by torchao."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from executorch.exir import to_edge_transform_and_lower
from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
from executorch.runtime import Runtime
from torch import Tensor
from torch._export.verifier import SpecViolationError
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from ofadsl.deploy.exporter import Exporter, Port, Run, Work, in_torch_order, no_such_op
from ofadsl.deploy.hush import hushed

_UNKNOWN_OP = re.compile(r"Operator torch\._ops\.([\w.]+) is not in Core ATen")


class Executorch:
    """Writes `.pte` and runs it in ExecuTorch."""

    int8 = True
    any_batch = False

    def write(self, work: Work, path: Path) -> None:
        """Write the file, quantised where there are images to calibrate with."""
        module = in_torch_order(work.module)
        with hushed():
            program = torch.export.export(module, (work.example,))
            if work.calibration is not None:
                program = _quantised(program, work.example, work.calibration)
            lowered = _lowered(program)
            with path.open("wb") as file:
                lowered.to_executorch().write_to_file(file)

    def runners(self, path: Path) -> Mapping[str, Run]:
        """Return the file in ExecuTorch."""
        return {"executorch": _Loaded(path).run}

    def versions(self, path: Path) -> Mapping[str, str | int]:
        """Return the versions of the writer and the quantiser."""
        return {name: version(name) for name in ("executorch", "torchao")}

    def ports(self, path: Path) -> tuple[Port, Port]:
        """Return the input and the output, which are known by their places."""
        return Port(layout="NCHW"), Port()

    def memory(self, path: Path) -> Mapping[str, int]:
        """Return nothing: this runtime does not tell."""
        return {}


class _Loaded:
    """A file in ExecuTorch; a method reads from its program, and that from the bytes."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        with hushed():
            _unsafe_reset_threadpool(1)
            self.program = Runtime.get().load_program(self.data)
            self.method = self.program.load_method("forward")

    def run(self, images: Tensor) -> Tensor:
        """Return the output for images, as memory of its own."""
        (output,) = self.method.execute([images.contiguous()])
        return torch.as_tensor(output).clone()


def _lowered(program: torch.export.ExportedProgram) -> Any:
    try:
        return to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    except SpecViolationError as error:
        found = _UNKNOWN_OP.search(str(error))
        if found is None:
            raise
        raise no_such_op("executorch", found[1]) from error


def _quantised(
    program: torch.export.ExportedProgram, example: Tensor, images: Tensor
) -> torch.export.ExportedProgram:
    quantizer = XNNPACKQuantizer()
    quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(program.module(), quantizer)
    with torch.no_grad():
        for place in range(0, len(images), len(example)):
            batch = images[place : place + len(example)]
            if len(batch) == len(example):
                prepared(batch)
    return torch.export.export(convert_pt2e(prepared), (example,))


EXPORTER: Exporter = Executorch()
