"""What the subnets of a space ask of a device, layer by layer, for all choices at once.

In: a graph. Out: for each layer one table over the choices that it depends on, with the work of
each class of ops: multiply-adds, elements moved, weights, kernels started. An estimator of latency
is linear in such tables, so a million archs cost a gather and a sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.cost.interpret import interpret
from ofadsl.cost.runtime import Table
from ofadsl.cost.table import Order, table_of
from ofadsl.expr import Value, const, select, static
from ofadsl.graph import Graph, Input, Node, Operation, Select
from ofadsl.space import Space

CLASSES = (
    "conv",
    "pointwise",
    "grouped",
    "depthwise",
    "excite",
    "linear",
    "attention",
    "norm",
    "activation",
    "move",
)
"""What kind of kernel runs an op; devices treat each kind in a way of its own."""
QUANTITIES = ("macs", "elements", "weights", "kernels")
COLUMNS = tuple(f"{kind} {what}" for kind in CLASSES for what in QUANTITIES)
_LARGEST = 1 << 17  # a layer with more combinations is cut into its ops
_CLASS_OF = {
    "dwconv": "depthwise",
    "squeeze_excite": "excite",
    "linear": "linear",
    "patch_embed": "conv",
    "attention": "attention",
    "bn": "norm",
    "ln": "norm",
    "act": "activation",
}
_FREE = frozenset({"identity", "first_token"})  # no kernel of their own


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One layer: ``work`` has an axis for each of ``dims``, then one for each of ``COLUMNS``."""

    name: str
    stage: str | None
    dims: tuple[int, ...]
    work: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many choices each dimension has."""
        return self.work.shape[:-1]

    def index(self, x: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Return the cell of each arch, counted in the order of ``work``."""
        found = np.zeros(len(x), np.intp)
        for d, length in zip(self.dims, self.shape, strict=True):
            found = found * length + x[:, d]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workload:
    """The layers of a space; ``resolution`` is its column among the dimensions, if there is one."""

    space: str
    layers: tuple[Layer, ...]
    resolution: int | None

    def columns(self, x: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the work of each arch: an array (archs, ``COLUMNS``)."""
        total = np.zeros((len(x), len(COLUMNS)))
        for layer in self.layers:
            total += layer.work.reshape(-1, len(COLUMNS))[layer.index(x)]
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class OpWork:
    """One op of one subnet; bytes are those of one sample."""

    name: str
    kind: str
    macs: int
    bytes_read: int
    bytes_written: int
    weight_bytes: int
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]


def workload_of(space: Space, graph: Graph) -> Workload:
    """Return the work of every layer of a space."""
    order = {dim.var.name: i for i, dim in enumerate(space.dims)}
    groups = groups_of(graph).items()
    layers = tuple(layer for name, nodes in groups for layer in _layers(graph, order, name, nodes))
    return Workload(space=space.name, layers=layers, resolution=order.get("resolution"))


def groups_of(graph: Graph) -> dict[str, list[Node]]:
    """Return the nodes that run kernels by the name of their layer: a block, or what has a name."""
    groups: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Input | Select) or op_name(node.op) in _FREE:
            continue
        name = f"{node.stage}.{node.block}" if node.stage else node.name.partition(".")[0]
        groups.setdefault(name, []).append(node)
    return groups


def ops_of(
    graph: Graph, values: Mapping[str, Value], *, bytes_per_element: int = 4
) -> tuple[OpWork, ...]:
    """Return the work of each op of the subnet ``values`` (dimension name -> value)."""
    return tuple(
        OpWork(
            name=record.name,
            kind=kind_of(record.op),
            macs=record.macs,
            bytes_read=record.input_elements * bytes_per_element,
            bytes_written=record.output_elements * bytes_per_element,
            weight_bytes=record.weight_elements * bytes_per_element,
            inputs=record.inputs,
            output=record.output,
        )
        for record in interpret(graph, values).records
    )


def kind_of(op: Operation) -> str:
    """Return the class of an op, one of ``CLASSES``."""
    name = op_name(op)
    if name != "conv":
        return _CLASS_OF.get(name, "move")
    if static(getattr(op, "kernel", 1)) != 1:
        return "conv"
    return "pointwise" if static(getattr(op, "groups", 1)) == 1 else "grouped"


def op_name(op: Operation) -> str:
    """Return what the IR calls an op."""
    return op.text().partition("[")[0]


def _layers(graph: Graph, order: Order, name: str, nodes: Sequence[Node]) -> list[Layer]:
    """Return one layer, or one for each op where the choices of all together are too many."""
    works = [_work(graph, order, node) for node in nodes]
    dims = tuple(sorted({d for parts in works for _, table in parts for d in table.dims}))
    lengths = {d: n for parts in works for _, t in parts for d, n in _lengths(t)}
    if math.prod(lengths.values()) > _LARGEST and len(nodes) > 1:
        pairs = ((node.name, [node]) for node in nodes)
        return [layer for own, one in pairs for layer in _layers(graph, order, own, one)]
    work = np.zeros((*(lengths[d] for d in dims), len(COLUMNS)))
    for column, table in (part for parts in works for part in parts):
        work[..., column] += table.spread(dims)
    return [Layer(name=name, stage=nodes[0].stage, dims=dims, work=work)]


def _lengths(table: Table) -> list[tuple[int, int]]:
    return list(zip(table.dims, table.values.shape, strict=True))


def _work(graph: Graph, order: Order, node: Node) -> list[tuple[int, Table]]:
    """Return the columns of one op, 0 where it does not exist."""
    op = node.op
    assert not isinstance(op, Input | Select), node.name
    shapes = [graph.nodes[i].shape for i in node.inputs]
    amounts = (
        [const(op.macs(shapes[0], node.shape))],
        [shape.numel for shape in (*shapes, node.shape)],
        [const(size) for size in op.weights().values()],
        [const(1)],
    )
    first = CLASSES.index(kind_of(op)) * len(QUANTITIES)
    exists = table_of(select(node.when, const(1), const(0)), order)
    return [
        (first + i, table_of(amount, order).join(exists, np.multiply))
        for i, addends in enumerate(amounts)
        for amount in addends
    ]
