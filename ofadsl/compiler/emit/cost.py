"""The cost model of a space as a module that needs numpy only: `cost.py`.

In: a checked space and its graph. Out: the text. All numbers are exact: they are tabulated here,
from the ops' own declarations, and only added up and multiplied where they are used.
"""

from __future__ import annotations

import itertools
import json
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import jinja2
import numpy as np

from ofadsl.compiler.emit.cost_text import Names, call, collection, numbers
from ofadsl.compiler.emit.text import literal
from ofadsl.compiler.emit.wrap import WIDTH
from ofadsl.compiler.tree import Checked, StageNode
from ofadsl.cost import blocks
from ofadsl.cost.blocks import Block
from ofadsl.cost.micro import FIXED_FILE, FIXED_KEPT, covers, fused
from ofadsl.cost.space_hash import space_hash
from ofadsl.cost.terms import bound
from ofadsl.diagnostics import fault
from ofadsl.elimination import Draw
from ofadsl.expr import TRUE, TooLargeError, Value
from ofadsl.graph import Graph
from ofadsl.space import Dim, Requirement, Space

_LADDER = 6  # longer sets of evenly spaced numbers are written as a range


_ENTRY = WIDTH - 5  # in a collection, with its comma


_LARGEST_COST = 1 << 62


def emit_cost(checked: Checked, graph: Graph, *, source: str) -> str:
    """Return the text of `cost.py` for a space that was read from ``source``.

    Raises Diagnostics where a cost is too large for a whole number of 64 bits.
    """
    try:
        return _render(_context(checked, graph, source))
    except (TooLargeError, OverflowError) as error:
        raise fault(
            "OFA045",
            "a number is too large",
            span=checked.declaration.name.span,
            label="what a subnet costs does not fit into 64 bits",
            help="use smaller images, or fewer channels",
        ) from error


def _context(checked: Checked, graph: Graph, source: str) -> dict[str, object]:
    """Return what the template shows."""
    space = checked.space
    order = {dim.var.name: i for i, dim in enumerate(space.dims)}
    names = Names(space=space, order=order)
    context: dict[str, object] = {
        "name": space.name,
        "source": source,
        "hash": space_hash(checked, graph),
        "size": _digits(space.size()),
        "count": len(space.dims),
        "stages": _stages(space),
        "dims": [_dim(dim) for dim in space.dims],
        "value_type": _value_type(space),
        **_costs(checked, graph, names, source),
        "live": [
            f'"{dim.var.name}": {names.condition(dim.live)}'
            for dim in space.dims
            if dim.live != TRUE
        ],
        "requirements": [_requirement(found, names) for found in space.requirements],
        "draws": [_draw(draw, space) for draw in space.draws().draws],
        "factors": names.lines,
        "formulas": names.functions,
        "divisible": any("_divisible(" in line for f in names.functions for line in f.lines),
        "condition": "_Table | _Formula" if names.functions else "_Table",
    }
    return context


def _render(context: Mapping[str, object]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("cost.py.jinja").render(context)


def _costs(checked: Checked, graph: Graph, names: Names, source: str) -> dict[str, object]:
    """Return the tables of each quantity and the functions for what has no table."""
    order = names.order
    stages = (node for node in checked.body.nodes if isinstance(node, StageNode))
    origin = {node.name: f"# {source}:{node.statement.span.line}" for node in stages}
    quantities = [
        ("macs", blocks.macs(graph, order), "_all", "np.add"),
        ("params", blocks.params(graph, order), "_all", "np.add"),
        ("peak", blocks.peaks(graph, order), "_sums", "np.maximum"),
    ]
    micro = covers(graph)
    if micro:
        quantities += [
            ("kept", blocks.kept_bytes(graph, order), "_all", "np.add"),
            ("file", blocks.file_bytes(graph, order), "_all", "np.add"),
            ("arena", blocks.peaks(graph, order, fused), "_sums", "np.maximum"),
        ]
    found: dict[str, object] = {"micro": micro, "kept_fixed": FIXED_KEPT, "file_fixed": FIXED_FILE}
    for key, costs, tables, how in quantities:
        if sum(bound(block.cost, order) for block in costs) > _LARGEST_COST:
            raise OverflowError
        rest = [names.rest(f"{key} of {b.name}", b.cost.rest) for b in costs if b.cost.rest]
        args = [f"{tables}(_{key.upper()})", how]
        args += [collection("[", rest, "]", WIDTH - 8)] if rest else []
        found[f"{key}_lookup"] = call(f"_{key} = _Lookup(", args, WIDTH)
        found[key] = list(_entries(costs, names, origin if how == "np.add" else {}))
    # Mostly fusions make no difference: what else a runtime does in place is never the peak.
    found["own_arena"] = micro and found["arena"] != found["peak"]
    return found


def _entries(costs: Iterable[Block], names: Names, origin: Mapping[str, str]) -> Iterator[str]:
    """Yield an entry for each block, after a line that says where its stage is declared."""
    stage = None
    for block in costs:
        if block.stage and block.stage != stage and block.stage in origin:
            yield origin[block.stage]
        stage = block.stage
        if block.cost.terms:
            terms = [names.term(term) for term in block.cost.terms]
            yield collection(f'"{block.name}": [', terms, "]", _ENTRY) + ","


def _dim(dim: Dim) -> str:
    stage = "None" if dim.stage is None else f'"{dim.stage}"'
    args = [stage, str(dim.block), f'"{dim.key}"', _values(dim.var.values)]
    return call("_Dim(", args, _ENTRY) + ","


def _values(values: tuple[Value, ...]) -> str:
    """Return the values of a dimension as a tuple; a ladder as a range."""
    whole = [value for value in values if isinstance(value, int)]
    if len(values) > _LADDER and len(whole) == len(values):
        steps = {b - a for a, b in itertools.pairwise(whole)}
        if len(steps) == 1:
            (step,) = steps
            return f"tuple(range({whole[0]}, {whole[-1] + step}, {step}))"
    return _tuple(map(literal, values))


def _tuple(items: Iterable[str]) -> str:
    """Return a tuple that stands in a call in a collection."""
    items = list(items)
    single = f"({items[0]},)" if len(items) == 1 else ""
    return single or collection("(", items, ")", WIDTH - 12)


def _stages(space: Space) -> str:
    items = [f'"{stage.name}": {stage.blocks}' for stage in space.stages]
    return collection("{", items, "}", WIDTH - len("_STAGES: dict[str, int] = "))


def _value_type(space: Space) -> str:
    found = {type(value) for dim in space.dims for value in dim.var.values}
    return " | ".join(kind.__name__ for kind in (int, float, str) if kind in found)


def _digits(number: int) -> str:
    """Return a whole number, as a sum where it is longer than a line."""
    shift = 10**80
    if number < shift:
        return str(number)
    parts: list[str] = []
    while number:
        number, part = divmod(number, shift)
        parts.append(f"{part} * 10**{80 * len(parts)}" if parts else str(part))
    return "(\n    " + "\n    + ".join(reversed(parts)) + "\n)"


def _requirement(requirement: Requirement, names: Names) -> str:
    text = textwrap.shorten(" ".join(requirement.text.split()), 72, placeholder=" ...")
    items = [json.dumps(text), names.condition(requirement.condition)]
    return collection("(", items, ")", _ENTRY) + ","


def _draw(draw: Draw, space: Space) -> str:
    """Return the weights of one dimension: a row for each combination of its parents' choices."""
    parents = [space.dims[p].var for p in draw.parents]
    impossible = (1,) * len(space.dims[draw.dim].var.values)
    rows = [
        _weights(draw.weights.get(index, impossible))
        for index in itertools.product(*(range(len(var.values)) for var in parents))
    ]
    items = [
        f'"{space.dims[draw.dim].var.name}"',
        _tuple(f'"{var.name}"' for var in parents),
        numbers(np.array(rows, dtype=object)),
    ]
    return collection("(", items, ")", _ENTRY) + ","


def _weights(weights: Sequence[int]) -> list[int | float]:
    """Return weights in the same proportions that a float holds."""
    divisor = math.gcd(*weights)
    small = [weight // divisor for weight in weights]
    if sum(small) < 1 << 53:
        return list(small)
    return [weight / sum(small) for weight in small]
