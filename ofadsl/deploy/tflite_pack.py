"""A `.tflite` as small as it can be, and such that tflite-micro reads it.

Converters put large weights behind the flatbuffer, where tflite-micro does not find them and takes
them for activations; they name every tensor with the path of its op, and store a zero for every
channel of every weight. Here weights lie in the flatbuffer, only inputs and outputs have names, and
equal zero points are stored once.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_IDENTIFIER = b"TFL3"


def packed(data: bytes) -> bytes:
    """Return the same model, packed."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for buffer in model.buffers:
        if buffer.offset:
            end = buffer.offset + buffer.size
            buffer.data = np.frombuffer(data[buffer.offset : end], np.uint8)
            buffer.offset = buffer.size = 0
    zeros: dict[bytes, int] = {}
    for graph in model.subgraphs:
        named = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in named:
                tensor.name = None
            found = tensor.quantization
            if found is not None:
                scaled = found.scale is not None and len(found.scale)
                tensor.quantization = _Quantization(found, zeros) if scaled else None
    model.metadata = []
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


class _Quantization:
    """The quantisation of a tensor, as the generated classes want it; ``zeros`` are shared."""

    def __init__(self, found: Any, zeros: dict[bytes, int]) -> None:
        self.scale = np.asarray(found.scale, np.float32)
        self.zero_point = np.asarray(found.zeroPoint, np.int64)
        self.axis = int(found.quantizedDimension)
        self.zeros = zeros

    def Pack(self, builder: Any) -> int:
        """Write the table and return where it is."""
        key = self.zero_point.tobytes()
        if key not in self.zeros:
            self.zeros[key] = builder.CreateNumpyVector(self.zero_point)
        scale = builder.CreateNumpyVector(self.scale)
        schema.QuantizationParametersStart(builder)
        schema.QuantizationParametersAddScale(builder, scale)
        schema.QuantizationParametersAddZeroPoint(builder, self.zeros[key])
        schema.QuantizationParametersAddQuantizedDimension(builder, self.axis)
        end: int = schema.QuantizationParametersEnd(builder)
        return end
