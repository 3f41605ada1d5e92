"""ONNX: a module in, a file of opset 20 out, and what onnxruntime makes of it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ofadsl.deploy.quiet import quiet

OPSET = 20
INPUT, OUTPUT = "image", "output"


def to_onnx(
    module: torch.nn.Module, example: Tensor, path: Path, *, dynamic_batch: bool = False
) -> None:
    """Write ``module`` as ONNX; ``example`` sets the input, its batch unless ``dynamic_batch``.

    A dynamic batch is traced with an example of two images: one would be taken for a constant.
    """
    if dynamic_batch and len(example) == 1:
        example = torch.cat([example, example])
    shapes = ({0: torch.export.Dim("batch")},) if dynamic_batch else None
    with quiet():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
        assert program is not None
        program.save(path)
