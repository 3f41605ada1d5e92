"""One subnet, op by op: what the cost model must agree with, and what a workload is made of.

In: the graph and the value of every dimension. Out: a record of each op that runs, with plain
numbers, and the totals. Buffers are simulated as a runtime would hold them: a value lives from its
op to its last use, an op that can takes over the memory of its first input, a ``Select`` is only
another name for the input that it selects.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ofadsl.cost.liveness import InPlace, in_place
from ofadsl.cost.micro import FIXED_FILE, FIXED_KEPT, covers, footprint, fused
from ofadsl.expr import Expr, Value, const, evaluate
from ofadsl.graph import Graph, Input, Node, Operation, Select, Shape

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One op of a subnet; ``op`` holds plain sizes, shapes are (channels, rows, columns)."""

    name: str
    stage: str | None
    block: int | None
    op: Operation
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    macs: int
    input_elements: int
    output_elements: int
    weight_elements: int
    live_elements: int
    """Elements in memory while the op runs: its own and those that are kept for later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Micro:
    """What a subnet takes in int8 on a microcontroller."""

    arena_bytes: int
    flash_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The ops of a subnet in the order in which they run, and their totals for one image."""

    records: tuple[Record, ...]
    macs: int
    params: int
    peak_elements: int
    micro: Micro | None
    """None where an op has no footprint on a microcontroller."""


def interpret(graph: Graph, values: Mapping[str, Value]) -> Profile:
    """Return what the subnet of ``values`` (dimension name -> value) costs."""
    sources = _sources(graph, values)
    live = _scheduled(graph, sources, values, in_place)
    records = []
    for index, inputs in sources.items():
        node = graph.nodes[index]
        if not isinstance(node.op, Input | Select):
            records.append(_record(graph, node, node.op, inputs, values, live[index]))
    micro = _micro(graph, sources, values) if covers(graph) else None
    return Profile(
        records=tuple(records),
        macs=sum(record.macs for record in records),
        params=sum(record.weight_elements for record in records),
        peak_elements=max(live.values()),
        micro=micro,
    )


def _scheduled(
    graph: Graph,
    sources: Mapping[int, tuple[int, ...]],
    values: Mapping[str, Value],
    replaces: InPlace,
) -> dict[int, int]:
    """Return the elements in memory while each op runs."""
    left = Counter(source for inputs in sources.values() for source in inputs)
    left[_resolve(graph, len(graph.nodes) - 1, values)] += 1  # the output is kept
    live: dict[int, int] = {}
    found = {}
    for index, inputs in sources.items():
        node = graph.nodes[index]
        assert not isinstance(node.op, Select), node.name
        own = _number(node.shape.numel, values)
        left.subtract(inputs)
        found[index] = sum(live.values()) + own
        if not isinstance(node.op, Input):
            found[index] += _number(node.op.scratch, values)
            if replaces(node.op) and not left[inputs[0]]:
                found[index] -= own
        for source in set(inputs):
            if not left[source]:
                del live[source]
        if left[index]:
            live[index] = own
    return found


def _micro(
    graph: Graph, sources: Mapping[int, tuple[int, ...]], values: Mapping[str, Value]
) -> Micro:
    """Return what tflite-micro needs."""
    ops = [node.op for node in (graph.nodes[index] for index in sources)]
    found = [footprint(op) for op in ops if not isinstance(op, Input | Select)]
    activations = max(_scheduled(graph, sources, values, fused).values())
    return Micro(
        arena_bytes=FIXED_KEPT + activations + sum(_number(f.kept, values) for f in found),
        flash_bytes=FIXED_FILE + sum(_number(f.file, values) for f in found),
    )


def _sources(graph: Graph, values: Mapping[str, Value]) -> dict[int, tuple[int, ...]]:
    """Return the ops that run and what each of them reads, with names resolved to ops."""
    return {
        index: tuple(_resolve(graph, i, values) for i in node.inputs)
        for index, node in enumerate(graph.nodes)
        if not isinstance(node.op, Select) and node.exists(values)
    }


def _resolve(graph: Graph, index: int, values: Mapping[str, Value]) -> int:
    node = graph.nodes[index]
    while isinstance(node.op, Select):
        ways = zip(node.op.conditions, node.inputs, strict=True)
        index = next(i for condition, i in ways if evaluate(condition, values))
        node = graph.nodes[index]
    assert node.exists(values), f"{node.name} is read where it does not exist"
    return index


def _record(
    graph: Graph,
    node: Node,
    op: Operation,
    inputs: tuple[int, ...],
    values: Mapping[str, Value],
    live: int,
) -> Record:
    bound = _bind(op, values)
    shapes = [_concrete(graph.nodes[i].shape, values) for i in inputs]
    y = _concrete(node.shape, values)
    sizes = [_number(shape.numel, values) for shape in shapes]
    return Record(
        name=node.name,
        stage=node.stage,
        block=node.block,
        op=bound,
        inputs=tuple(_extents(shape) for shape in shapes),
        output=_extents(y),
        macs=_number(bound.macs(shapes[0], y), values),
        input_elements=sum(sizes),
        output_elements=_number(y.numel, values),
        weight_elements=sum(_number(size, values) for size in bound.weights().values()),
        live_elements=live,
    )


def _bind(op: Operation, values: Mapping[str, Value]) -> Operation:
    """Return the op with numbers in place of symbols."""
    instance = cast("DataclassInstance", op)
    found = {f.name: getattr(op, f.name) for f in dataclasses.fields(instance)}
    bound = {name: evaluate(v, values) for name, v in found.items() if isinstance(v, Expr)}
    return cast(Operation, dataclasses.replace(instance, **bound))


def _concrete(shape: Shape, values: Mapping[str, Value]) -> Shape:
    channels, *spatial = (const(evaluate(e, values)) for e in (shape.channels, *shape.spatial))
    return Shape(channels=channels, spatial=tuple(spatial))


def _extents(shape: Shape) -> tuple[int, ...]:
    return tuple(_number(extent, {}) for extent in (shape.channels, *shape.spatial))


def _number(size: Expr | int, values: Mapping[str, Value]) -> int:
    number = evaluate(size, values)
    assert isinstance(number, int), number
    return number
