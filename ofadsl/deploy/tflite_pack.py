"""A `.tflite` as small as it can be, and such that tflite-micro reads it.

Converters put large weights behind the flatbuffer, where tflite-micro does not find them and takes
them for activations; they name every tensor with the path of its op, and store a zero for every
channel of every weight. Here weights lie in the flatbuffer, only inputs and outputs have names, and
equal zero points are stored once. The model carries a plan of its activations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ofadsl.deploy.tflite_plan import ALIGNMENT, METADATA, Buffer, plan

_IDENTIFIER = b"TFL3"
_NOT_PLANNED = -1
_WIDTHS = {schema.TensorType.FLOAT32: 4, schema.TensorType.INT32: 4, schema.TensorType.INT8: 1}


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
    if len(model.subgraphs) == 1:
        _carry_plan(model)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _carry_plan(model: Any) -> None:
    """Add the offsets of all activations: version, subgraph, their number, one for each tensor."""
    (graph,) = model.subgraphs
    placed = plan(tuple(_buffers(model, graph)))
    offsets = [placed.get(index, _NOT_PLANNED) for index in range(len(graph.tensors))]
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(np.array([1, 0, len(offsets), *offsets], "<i4").tobytes(), np.uint8)
    entry.name, entry.buffer = METADATA, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)


def _buffers(model: Any, graph: Any) -> Iterator[Buffer]:
    """Yield the tensors that are computed, or come in."""
    born = {int(tensor): 0 for tensor in graph.inputs}
    last = {int(tensor): len(graph.operators) for tensor in graph.outputs}
    for position, op in enumerate(graph.operators):
        born.update((int(tensor), position) for tensor in op.outputs)
        for tensor in op.inputs:
            last[int(tensor)] = max(position, last.get(int(tensor), 0))
    for tensor, first in born.items():
        found = graph.tensors[tensor]
        size = _WIDTHS[found.type] * math.prod(int(extent) for extent in found.shape)
        size = -(-size // ALIGNMENT) * ALIGNMENT
        yield Buffer(tensor=tensor, size=size, first=first, last=last.get(tensor, first))


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
