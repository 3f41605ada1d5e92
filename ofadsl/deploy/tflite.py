"""TensorFlow Lite: a module in, a `.tflite` out, run by LiteRT and by tflite-micro.

Images lie in memory as rows, columns, channels. In int8 the input and the output are int8 as well,
as a microcontroller wants them, and the runners here convert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from tflite_micro import runtime as micro
from torch import Tensor

from ofadsl.deploy.exporter import Exporter, Port, Run, Work, in_torch_order, no_such_op
from ofadsl.deploy.hush import hushed
from ofadsl.deploy.same_padding import same_padding
from ofadsl.deploy.tflite_pack import packed
from ofadsl.files import temporary_folder

_LARGEST_ARENA = 1 << 28
_ARENA = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
_SIGNATURE = "serving_default"
_NO_LOWERING = re.compile(r"(?:Lowering not found|No lowering)[^\n]*?((?:aten|prims)[.\w]+)")


class Tflite:
    """Writes `.tflite` and runs it."""

    int8 = True
    any_batch = False

    def write(self, work: Work, path: Path) -> None:
        """Write the file, quantised where there are images to calibrate with."""
        with hushed():
            data = _converted(work)
            if work.calibration is not None:
                data = _quantised(data, work.calibration, len(work.example))
        path.write_bytes(packed(data))

    def runners(self, path: Path) -> Mapping[str, Run]:
        """Return the file in LiteRT and, where it has all ops, in tflite-micro."""
        runners = {"litert": _litert(path)}
        if (found := _micro(path)) is not None:
            runners["tflite-micro"] = found
        return runners

    def versions(self, path: Path) -> Mapping[str, str | int]:
        """Return the versions of converter, quantiser and runtimes."""
        packages = ("litert-torch", "ai-edge-litert", "ai-edge-quantizer", "tflite-micro")
        return {name: version(name) for name in packages}

    def ports(self, path: Path) -> tuple[Port, Port]:
        """Return the input and the output, int8 with their scales where the file is."""
        with hushed():
            interpreter = Interpreter(model_path=str(path))
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        return _port(source, "NHWC"), _port(target, None)

    def memory(self, path: Path) -> Mapping[str, int]:
        """Return the arena of tflite-micro, where that runs the file."""
        return arena(path)


def arena(path: Path) -> dict[str, int]:
    """Return what tflite-micro reports of its memory in bytes: what it plans, keeps, and both."""
    with hushed() as said:
        interpreter = _interpreter(path)
        if interpreter is None:
            return {}
        details = interpreter.get_input_details(0)
        interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
        interpreter.invoke()
        interpreter.print_allocations()
        sizes = {kind: int(size) for kind, size in _ARENA.findall(said())}
    return {
        "arena_bytes": sizes["total"],
        "arena_activations": sizes["head"],
        "arena_persistent": sizes["tail"],
    }


def _converted(work: Work) -> bytes:
    module = same_padding(in_torch_order(work.module), work.example).eval()
    last = litert_torch.to_channel_last_io(module, args=[0]).eval()
    images = work.example.permute(0, 2, 3, 1).contiguous()
    try:
        model = litert_torch.convert(last, (images,))
    except Exception as error:
        found = _NO_LOWERING.search(str(error))
        if found is None:
            raise
        raise no_such_op("tflite", found[1]) from error
    with temporary_folder() as folder:
        path = folder / "plain.tflite"
        model.export(str(path))
        return path.read_bytes()


def _quantised(data: bytes, images: Tensor, batch: int) -> bytes:
    engine = quantizer.Quantizer(data, recipe.static_wi8_ai8())
    (name,) = Interpreter(model_content=data).get_signature_runner(_SIGNATURE).get_input_details()
    filled = torch.cat([images, images[:1].expand(-len(images) % batch, -1, -1, -1)])
    rows = filled.permute(0, 2, 3, 1).contiguous().split(batch)  # type: ignore[no-untyped-call]
    found = engine.calibrate({_SIGNATURE: [{name: part.numpy()} for part in rows]})
    return bytes(engine.quantize(found, enable_progress_report=False).quantized_model)


def _litert(path: Path) -> Run:
    with hushed():
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images: Tensor) -> Tensor:
        interpreter.set_tensor(source["index"], _quantise(images, source))
        interpreter.invoke()
        return _dequantise(interpreter.get_tensor(target["index"]), target)

    return run


def _micro(path: Path) -> Run | None:
    with hushed():
        interpreter = _interpreter(path)
    if interpreter is None:
        return None
    source, target = interpreter.get_input_details(0), interpreter.get_output_details(0)

    def run(images: Tensor) -> Tensor:
        interpreter.set_input(_quantise(images, source), 0)
        interpreter.invoke()
        return _dequantise(interpreter.get_output(0), target)

    return run


def _interpreter(path: Path) -> Any:
    """Return the file in tflite-micro, or None where that lacks an op."""
    try:
        return micro.Interpreter.from_bytes(path.read_bytes(), arena_size=_LARGEST_ARENA)
    except RuntimeError:
        return None


def _port(details: Mapping[str, Any], layout: str | None) -> Port:
    name, dtype = str(details["name"]), np.dtype(details["dtype"]).name
    if details["dtype"] != np.int8:
        return Port(name=name, dtype=dtype, layout=layout)
    scale, zero = _scale(details)
    return Port(name=name, dtype=dtype, layout=layout, scale=float(scale), zero_point=int(zero))


def _scale(details: Mapping[str, Any]) -> tuple[Any, Any]:
    parameters = details["quantization_parameters"]
    return parameters["scales"][0], parameters["zero_points"][0]


def _quantise(images: Tensor, details: Mapping[str, Any]) -> Any:
    values = images.permute(0, 2, 3, 1).contiguous().numpy()
    if details["dtype"] != np.int8:
        return values
    scale, zero = _scale(details)
    return np.clip(np.rint(values / scale) + zero, -128, 127).astype(np.int8)


def _dequantise(values: Any, details: Mapping[str, Any]) -> Tensor:
    if values.dtype != np.int8:
        return torch.from_numpy(np.array(values))
    scale, zero = _scale(details)
    return torch.from_numpy((values.astype(np.float32) - zero) * scale)


EXPORTER: Exporter = Tflite()
