"""A space as a table for people and as data for programs: what `ofadsl show` prints.

In: a checked space. Out: for each stage its blocks, dimensions, output shapes, multiply-adds and
parameters, from the smallest subnet to the largest.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ofadsl.compiler.diff import show as show_values
from ofadsl.compiler.lower import lower
from ofadsl.compiler.tree import Checked
from ofadsl.expr import Value, evaluate
from ofadsl.graph import Graph, Input, Node, Select
from ofadsl.space import Space, shown_count

SAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stage or op of the network; pairs are of the smallest subnet and the largest."""

    name: str
    blocks: str
    dimensions: tuple[str, ...]
    shapes: tuple[str, str]
    macs: tuple[int, int]
    params: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What there is to say of a space."""

    name: str
    params: Mapping[str, Value]
    size: int
    size_at_one_resolution: int
    choices: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row
    exact: bool
    """Whether the ends are those of the space, or of samples that meet its requirements."""


def summarize(checked: Checked) -> Summary:
    """Return the table of a space."""
    space = checked.space
    graph = lower(checked)
    ends, exact = _ends(space, graph)
    rows = tuple(_row(name, nodes, space, graph, ends) for name, nodes in _groups(graph) if nodes)
    every = [node for node in graph.nodes if not isinstance(node.op, Input | Select)]
    total = _row("all", every, space, graph, ends)
    choices = [f"{d.key} {show_values(d.var.values)}" for d in space.dims if d.stage is None]
    return Summary(
        name=space.name,
        params=dict(space.params),
        size=space.size(),
        size_at_one_resolution=space.size(with_resolution=False),
        choices=tuple(choices),
        rows=rows,
        total=total,
        exact=exact,
    )


Values = Mapping[str, Value]


def _ends(space: Space, graph: Graph) -> tuple[tuple[Values, Values], bool]:
    """Return the subnets of the fewest and the most multiply-adds.

    Dimension by dimension to the better value, from both ends; with requirements, the best of
    some samples instead.
    """
    if space.requirements:
        samples = space.samples(random.Random(0))
        found = sorted(
            (space.values(next(samples)) for _ in range(SAMPLES)), key=lambda v: _macs(graph, v)
        )
        return (found[0], found[-1]), False
    low = {d.var.name: d.var.values[0] for d in space.dims}
    high = {d.var.name: d.var.values[-1] for d in space.dims}
    for dim in space.dims:
        if isinstance(dim.var.values[0], str):  # words have no order: try each
            low = _best(graph, low, dim.var.name, dim.var.values, 1)
            high = _best(graph, high, dim.var.name, dim.var.values, -1)
    return (low, high), True


def _best(
    graph: Graph, values: dict[str, Value], name: str, choices: tuple[Value, ...], sign: int
) -> dict[str, Value]:
    return min(
        ({**values, name: choice} for choice in choices), key=lambda v: sign * _macs(graph, v)
    )


def _macs(graph: Graph, values: Values) -> int:
    return sum(_cost(graph, node, values)[0] for node in graph.nodes)


def _cost(graph: Graph, node: Node, values: Values) -> tuple[int, int]:
    """Return the multiply-adds and parameters of a node of one subnet."""
    if isinstance(node.op, Input | Select) or not node.exists(values):
        return 0, 0
    macs = evaluate(node.op.macs(graph.nodes[node.inputs[0]].shape, node.shape), values)
    weights = [evaluate(count, values) for count in node.op.weights().values()]
    return int(macs), sum(map(int, weights))


def _groups(graph: Graph) -> Iterator[tuple[str, list[Node]]]:
    """Yield the nodes of each stage, and of each part between stages, in their order."""
    name = ""
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node.op, Input | Select):
            continue
        own = node.stage or node.name.partition(".")[0]
        if own != name:
            yield name, nodes
            name, nodes = own, []
        nodes.append(node)
    yield name, nodes


def _row(
    name: str, nodes: list[Node], space: Space, graph: Graph, ends: tuple[Values, Values]
) -> Row:
    stage = next((s for s in space.stages if s.name == nodes[0].stage and s.name == name), None)
    dims: dict[str, str] = {}
    for dim in space.dims:
        if stage is not None and dim.stage == stage.name and dim.key != "depth":
            dims.setdefault(dim.key, f"{dim.key} {show_values(dim.var.values)}")
    costs = [[_cost(graph, node, values) for node in nodes] for values in ends]
    blocks = "" if stage is None else show_values(stage.depth.values).strip("{}")
    return Row(
        name=name,
        blocks=blocks,
        dimensions=tuple(dims.values()),
        shapes=(_shape(nodes, ends[0]), _shape(nodes, ends[1])),
        macs=(sum(m for m, _ in costs[0]), sum(m for m, _ in costs[1])),
        params=(sum(p for _, p in costs[0]), sum(p for _, p in costs[1])),
    )


def _shape(nodes: list[Node], values: Values) -> str:
    """Return what the last part that exists gives, as `24x56x56`."""
    last = next((node for node in reversed(nodes) if node.exists(values)), None)
    if last is None:
        return "-"
    extents = (last.shape.channels, *last.shape.spatial)
    return "x".join(str(evaluate(extent, values)) for extent in extents)


def render(summary: Summary) -> str:
    """Return the table as text."""
    head = ("stage", "blocks", "dimensions", "output", "MACs", "parameters")
    lines = [head]
    for row in (*summary.rows, summary.total):
        lines.append(
            (
                row.name,
                row.blocks,
                ", ".join(row.dimensions),
                _pair(*row.shapes) if row is not summary.total else "",
                _pair(*map(_short, row.macs)),
                _pair(*map(_short, row.params)),
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [_line(line, widths) for line in lines]
    rule = "-" * max(map(len, text))
    params = "".join(f" {name}={value}" for name, value in summary.params.items())
    resolutions = summary.size // max(summary.size_at_one_resolution, 1)
    source = "" if summary.exact else f" (ends: of {SAMPLES} samples)"
    return "\n".join(
        [
            f"space {summary.name}{params}",
            f"choices: {'; '.join(summary.choices)}",
            "",
            text[0],
            rule,
            *text[1:-1],
            rule,
            text[-1] + source,
            "",
            f"{_exact(summary.size_at_one_resolution)} distinct subnets at one resolution,"
            f" {_exact(summary.size)} at {resolutions}",
        ]
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(cells[:4], widths, strict=False)]
    right = [cell.rjust(width) for cell, width in zip(cells[4:], widths[4:], strict=True)]
    return "  ".join([*left, *right]).rstrip()


def _exact(count: int) -> str:
    return f"{count:,}" if count < 10**60 else shown_count(count)


def _pair(low: str, high: str) -> str:
    return low if low == high else f"{low} .. {high}"


def _short(number: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            return f"{number / unit:.4g}{name}"
    return str(number)


def as_data(summary: Summary) -> dict[str, object]:
    """Return the table for programs."""

    def row(row: Row) -> dict[str, object]:
        return {
            "name": row.name,
            "blocks": row.blocks,
            "dimensions": row.dimensions,
            "output": row.shapes,
            "macs": row.macs,
            "params": row.params,
        }

    return {
        "space": summary.name,
        "params": summary.params,
        "choices": summary.choices,
        "stages": [row(one) for one in summary.rows],
        "total": row(summary.total),
        "exact": summary.exact,
        "subnets": summary.size,
        "subnets_at_one_resolution": summary.size_at_one_resolution,
    }
