"""A space as a table for people and as data for programs: what `ofadsl show` prints.

In: a checked space. Out: for each stage its blocks, dimensions, output shapes, multiply-adds and
parameters, each from the least to the greatest that any subnet has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ofadsl.compiler.diff import show as show_values
from ofadsl.compiler.ends import Costs, Range, costs_of, part_of, size_of
from ofadsl.compiler.lower import lower
from ofadsl.compiler.tree import Checked
from ofadsl.expr import Value
from ofadsl.graph import Graph, Input, Node
from ofadsl.space import Space, shown_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stage or op of the network; pairs are the least and the greatest over all subnets."""

    name: str
    blocks: str
    dimensions: tuple[str, ...]
    shapes: tuple[str, str]
    macs: Range
    params: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What there is to say of a space."""

    name: str
    params: Mapping[str, Value]
    size: int
    sizes: tuple[int, ...]
    """The number of subnets at each resolution."""
    choices: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row
    exact: bool
    """Whether every least and greatest is that of a subnet, or no more than a bound."""


def summarize(checked: Checked) -> Summary:
    """Return the table of a space."""
    space = checked.space
    graph = lower(checked)
    costs = costs_of(space, graph)
    rows = tuple(_row(name, nodes, space, costs) for name, nodes in _groups(graph))
    total = replace(_row("all", list(graph.nodes), space, costs), dimensions=(), blocks="")
    choices = [f"{d.key} {show_values(d.var.values)}" for d in space.dims if d.stage is None]
    return Summary(
        name=space.name,
        params=dict(space.params),
        size=space.size(),
        sizes=space.sizes(),
        choices=tuple(choices),
        rows=rows,
        total=total,
        exact=all(found.exact for row in (*rows, total) for found in (row.macs, row.params)),
    )


def _groups(graph: Graph) -> Iterator[tuple[str, list[Node]]]:
    """Yield the nodes of each stage, and of each part between stages, in their order."""
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Input):
            found.setdefault(part_of(node), []).append(node)
    yield from found.items()


def _row(name: str, nodes: list[Node], space: Space, costs: Costs) -> Row:
    stage = next((s for s in space.stages if s.name == nodes[-1].stage and s.name == name), None)
    dims: dict[str, str] = {}
    for dim in space.dims:
        if stage is not None and dim.stage == stage.name and dim.key != "depth":
            dims.setdefault(dim.key, f"{dim.key} {show_values(dim.var.values)}")
    shape = nodes[-1].shape
    sizes = [size_of(costs.ends, size) for size in (shape.channels, *shape.spatial)]
    return Row(
        name=name,
        blocks="" if stage is None else show_values(stage.depth.values).strip("{}"),
        dimensions=tuple(dims.values()),
        shapes=("x".join(str(s.least) for s in sizes), "x".join(str(s.greatest) for s in sizes)),
        macs=costs.macs_of(nodes),
        params=costs.params_of(nodes),
    )


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
                _pair(_short(row.macs.least), _short(row.macs.greatest)),
                _pair(_short(row.params.least), _short(row.params.greatest)),
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [_line(line, widths) for line in lines]
    rule = "-" * max(map(len, text))
    params = "".join(f" {name}={value}" for name, value in summary.params.items())
    least, most = min(summary.sizes), max(summary.sizes)
    counts = _exact(most) if least == most else f"{_exact(least)} to {_exact(most)}"
    source = "" if summary.exact else " (bounds: no subnet is beyond them)"
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
            f"{counts} distinct subnets at one resolution,"
            f" {_exact(summary.size)} at {len(summary.sizes)}",
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


def _short(number: float) -> str:
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
            "macs": (row.macs.least, row.macs.greatest),
            "params": (row.params.least, row.params.greatest),
        }

    return {
        "space": summary.name,
        "params": summary.params,
        "choices": summary.choices,
        "stages": [row(one) for one in summary.rows],
        "total": row(summary.total),
        "exact": summary.exact,
        "subnets": summary.size,
        "subnets_at_one_resolution": max(summary.sizes),
    }
