"""What a space asks of a table of blocks: for each layer, a block for each of its choices.

Layers are recognised by their ops, as OFA and ProxylessNAS cut their networks: a first convolution,
MBConvs, 1x1 convolutions before and after the pool, the pool, a classifier. Any other is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.archs import Target
from ofadsl.calibrate.block import BLOCK, Block
from ofadsl.calibrate.workload import Layer, groups_of, op_name
from ofadsl.cost.table import Order, table_of
from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.expr import Expr, const, select, static
from ofadsl.graph import Graph, Input, Node, Select, Shape

_FOLDED = frozenset({"bn", "act"})
_PARTS = frozenset({"conv", "dwconv", "squeeze_excite", "add"})
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One layer: the block that each cell of its host asks for, None where it does not exist."""

    name: str
    host: int
    """The number of the layer of the workload whose cells take the entries."""
    blocks: tuple[Block | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """Layers that one entry covers, and their nodes that matter."""

    op: str
    names: tuple[str, ...]
    nodes: tuple[Node, ...]


def demands_of(target: Target, ops: Iterable[str]) -> tuple[Demand, ...]:
    """Return what a table with such ops is asked for; raise OFA138 where it cannot be."""
    units = _units(target.graph, pooled="AvgPool2D" not in set(ops))
    return tuple(_demand(target, unit) for unit in units)


def _units(graph: Graph, *, pooled: bool) -> list[_Unit]:
    """Return the units in their order; ``pooled``: the classifier's entries hold the pool."""
    units: list[_Unit] = []
    for name, nodes in groups_of(graph).items():
        op = _op_of(graph, nodes)
        if op is None:
            ops = ", ".join(sorted({_name(node) for node in nodes}))
            raise _strange(name, f"is made of {ops}")
        last = units[-1] if units else None
        if op == "" and last is not None:
            units[-1] = _Unit(op=last.op, names=(*last.names, name), nodes=last.nodes)
        elif op == "Logits" and pooled and last is not None and last.op == "AvgPool2D":
            both = (*last.nodes, *nodes)
            units[-1] = _Unit(op=op, names=(*last.names, name), nodes=both)
        else:
            units.append(_Unit(op=op, names=(name,), nodes=tuple(nodes)))
    return units


def _op_of(graph: Graph, nodes: Sequence[Node]) -> str | None:
    """Return what tables call a layer, nothing for an activation, None for what they lack."""
    found = [node for node in nodes if _name(node) not in _FOLDED]
    names = {_name(node) for node in found}
    if not found:
        return ""
    if "dwconv" in names:
        return BLOCK if names <= _PARTS else None
    if len(found) > 1:
        return None
    match _name(found[0]):
        case "global_avg_pool":
            return "AvgPool2D"
        case "linear":
            return "Logits"
        case "conv" if static(getattr(found[0].op, "groups", 1)) != 1:
            return None
        case "conv" if static(getattr(found[0].op, "kernel", 1)) != 1:
            return "Conv"
        case "conv":
            inner = graph.nodes[found[0].inputs[0]].shape.spatial
            return "Conv_2" if {static(extent) for extent in inner} == {1} else "Conv_1"
        case _:
            return None


def _demand(target: Target, unit: _Unit) -> Demand:
    layers = target.features.workload.layers
    hosts = [i for i, layer in enumerate(layers) if layer.name in unit.names]
    if len(hosts) < len(unit.names):
        raise _strange(unit.names[0], "has more choices than one table holds")
    host = max(hosts, key=lambda i: len(layers[i].dims))
    cells = _Cells(
        order={dim.var.name: i for i, dim in enumerate(target.space.dims)},
        layer=layers[host],
        name=unit.names[0],
    )
    there = cells.exists(unit.nodes) > 0
    image = target.graph.nodes[0].shape.spatial[0]
    columns = cells.sizes(target.graph.nodes[unit.nodes[0].inputs[0]].shape, "in")
    columns |= cells.sizes(unit.nodes[-1].shape, "out")
    if unit.op == BLOCK:
        columns |= _built(cells, unit.nodes)
    resolution = cells.values(image) if cells.covers(image) else None
    return Demand(
        name=unit.names[0],
        host=host,
        blocks=tuple(
            _block(unit.op, resolution, columns, cell) if own else None
            for cell, own in enumerate(there)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """Expressions as a value for each cell of a layer."""

    order: Order
    layer: Layer
    name: str

    def covers(self, expr: Expr) -> bool:
        """Return whether the choices of the layer say what an expression is."""
        return {self.order[var.name] for var in expr.support} <= set(self.layer.dims)

    def values(self, expr: Expr | int) -> Whole:
        """Return the value in each cell."""
        if not self.covers(const(expr)):
            raise _strange(self.name, "depends on the choices of other layers")
        table = table_of(const(expr), self.order)
        return np.broadcast_to(table.spread(self.layer.dims), self.layer.shape).reshape(-1)

    def exists(self, nodes: Iterable[Node]) -> Whole:
        """Return how many of the nodes there are."""
        total = np.zeros(math.prod(self.layer.shape), np.int64)
        for node in nodes:
            total = total + self.values(select(node.when, const(1), const(0)))
        return total

    def weighed(self, nodes: Iterable[Node], name: str) -> Whole:
        """Return what the op that is there has for an attribute."""
        total = np.zeros(math.prod(self.layer.shape), np.int64)
        for node in nodes:
            total = total + self.values(getattr(node.op, name)) * self.exists([node])
        return total

    def sizes(self, shape: Shape, side: str) -> dict[str, Whole]:
        """Return rows, columns and channels; a vector has one pixel."""
        rows, columns = (*shape.spatial, const(1), const(1))[:2]
        sides = {f"h_{side}": rows, f"w_{side}": columns, f"c_{side}": shape.channels}
        return {name: self.values(expr) for name, expr in sides.items()}


def _built(cells: _Cells, nodes: Sequence[Node]) -> dict[str, Whole]:
    """Return how an MBConv is built; a kernel of 0, which no entry has, where it is no MBConv."""
    by_name: dict[str, list[Node]] = {}
    for node in nodes:
        by_name.setdefault(_name(node), []).append(node)
    depthwise, convs = by_name["dwconv"], by_name.get("conv", [])
    plain = [n for n in convs if static(getattr(n.op, "kernel", 0)) == 1]
    plain = [n for n in plain if static(getattr(n.op, "groups", 0)) == 1]
    usual = (cells.exists(depthwise) == 1) & (cells.exists(plain) <= 2)
    usual &= cells.exists(convs) == cells.exists(plain)
    swish = [n for n in by_name.get("act", []) if getattr(n.op, "kind", "") == "hswish"]
    return {
        "expand": cells.weighed(depthwise, "channels"),
        "kernel": np.where(usual, cells.weighed(depthwise, "kernel"), 0),
        "stride": cells.weighed(depthwise, "stride"),
        "shortcut": np.minimum(cells.exists(by_name.get("add", [])), 1),
        "excite": np.minimum(cells.exists(by_name.get("squeeze_excite", [])), 1),
        "hswish": np.minimum(cells.exists(swish), 1),
    }


def _block(op: str, resolution: Whole | None, columns: Mapping[str, Whole], cell: int) -> Block:
    values = {name: int(column[cell]) for name, column in columns.items()}
    return Block(
        op=op,
        resolution=None if resolution is None else int(resolution[cell]),
        size_in=(values.pop("h_in"), values.pop("w_in")),
        size_out=(values.pop("h_out"), values.pop("w_out")),
        **values,
    )


def _name(node: Node) -> str:
    return "" if isinstance(node.op, Input | Select) else op_name(node.op)


def _strange(name: str, why: str) -> Diagnostics:
    message = f"the layer {name} {why}, and a table of blocks has no entry for it"
    help = "measure whole subnets instead: ofadsl calibrate SPACE --table measured.jsonl"
    return fault("OFA138", message, help=help)
