"""ONNX: a module in, a file of opset 20 out, run by onnxruntime; int8 as quantised ONNX (QDQ)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from torch import Tensor

from ofadsl.deploy.exporter import Exporter, Port, Run, Work, no_such_op
from ofadsl.deploy.quiet import quiet
from ofadsl.files import temporary_folder

OPSET = 20
INPUT, OUTPUT = "image", "output"
_CALIBRATION_BATCH = 16
_UNKNOWN_OP = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")


def to_onnx(
    module: torch.nn.Module, example: Tensor, path: Path, *, dynamic_batch: bool = False
) -> None:
    """Write ``module`` as ONNX; ``example`` sets the input, its batch unless ``dynamic_batch``.

    A dynamic batch is traced with an example of two images: one would be taken for a constant.
    """
    if dynamic_batch and len(example) == 1:
        example = torch.cat([example, example])
    shapes = ({0: torch.export.Dim("batch")},) if dynamic_batch else None
    try:
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
    except torch.onnx.OnnxExporterError as error:
        found = _UNKNOWN_OP.search(str(error))
        if found is None:
            raise
        raise no_such_op("onnx", found[1]) from error


class Onnx:
    """Writes ONNX and runs it in onnxruntime."""

    int8 = True
    any_batch = True

    def write(self, work: Work, path: Path) -> None:
        """Write the file, quantised where there are images to calibrate with."""
        if work.calibration is None:
            to_onnx(work.module, work.example, path, dynamic_batch=work.any_batch)
        else:
            self._write_int8(work, work.calibration, path)
        model = onnx.load(path)
        onnx.helper.set_model_props(model, dict(work.about))
        onnx.save(model, path)

    def _write_int8(self, work: Work, images: Tensor, path: Path) -> None:
        with temporary_folder() as folder, quiet():
            plain = folder / "plain.onnx"
            to_onnx(work.module, work.example, plain, dynamic_batch=work.any_batch)
            batch = _CALIBRATION_BATCH if work.any_batch else len(work.example)
            quantize_static(
                plain,
                path,
                _Images(images, batch),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )

    def runners(self, path: Path) -> Mapping[str, Run]:
        """Return the file in onnxruntime, on one thread of the CPU."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)

        def run(images: Tensor) -> Tensor:
            (output,) = session.run(None, {INPUT: images.numpy()})
            return torch.from_numpy(output)

        return {"onnxruntime": run}

    def versions(self, path: Path) -> Mapping[str, str | int]:
        """Return the opset and the versions of the writer and the runtime."""
        opsets = {entry.domain: entry.version for entry in onnx.load(path).opset_import}
        return {
            "opset": opsets[""],
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        }

    def ports(self, path: Path) -> tuple[Port, Port]:
        """Return the input and the output; in int8 they are float32 as well."""
        return Port(name=INPUT, layout="NCHW"), Port(name=OUTPUT)

    def memory(self, path: Path) -> Mapping[str, int]:
        """Return nothing: this runtime does not tell."""
        return {}


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is not typed
    """Feeds images to onnxruntime, batch by batch; the last one is filled up."""

    def __init__(self, images: Tensor, batch: int) -> None:
        filled = torch.cat([images, images[:1].expand(-len(images) % batch, -1, -1, -1)])
        self._batches: Iterator[Tensor] = iter(filled.split(batch))  # type: ignore[no-untyped-call]

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch, or None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch.numpy()}


EXPORTER: Exporter = Onnx()
