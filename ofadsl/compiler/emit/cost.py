"""The cost model of a space as a module that needs numpy only: `cost.py`.

In: a checked space and its graph. Out: the text. All numbers are exact: they are tabulated here,
from the ops' own declarations, and only added up and multiplied where they are used. What computes
with them is the text of ``ofadsl.cost.runtime``.
"""

from __future__ import annotations

import ast
import itertools
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import jinja2
import numpy as np

from ofadsl.compiler.emit.cost_text import (
    CostText,
    Entry,
    Formulas,
    Names,
    Place,
    Text,
    call,
    collection,
    constant,
    dim_entries,
    looped,
    mapping,
    numbers,
)
from ofadsl.compiler.emit.text import literal
from ofadsl.compiler.emit.wrap import WIDTH
from ofadsl.compiler.tree import Checked
from ofadsl.cost import runtime
from ofadsl.cost.blocks import Block
from ofadsl.cost.liveness import Part
from ofadsl.cost.micro import FIXED_FILE, FIXED_KEPT
from ofadsl.cost.model import Drawing, Quantity, drawing, own_conditions, quantities_of
from ofadsl.cost.space_hash import space_hash
from ofadsl.cost.terms import LARGEST_FACTOR
from ofadsl.elimination import conjuncts
from ofadsl.expr import Expr, Value, combinations, const, select
from ofadsl.graph import Graph
from ofadsl.space import Dim, Space

_LADDER = 6  # longer sets of evenly spaced numbers are written as a range
_MANY = 3  # more terms than this may be alike in several blocks
_LONG = 60  # longer tuples of values have a name
_ENTRY = WIDTH - 5  # in a collection, with its comma
_TITLES = {
    "macs": "The multiply-adds of each block for one image.",
    "params": "The parameters of each block.",
    "peak": "Elements in memory while an op runs, for those ops that can need the most.",
    "kept": "Bytes that tflite-micro keeps for each block beside activations, in int8.",
    "file": "Bytes of each block in a .tflite of int8.",
    "arena": "Elements in memory while tflite-micro runs an op, for ops that can need the most.",
}


def emit_cost(checked: Checked, graph: Graph, *, source: str) -> str:
    """Return the text of `cost.py` for a space that was read from ``source``.

    Raises Diagnostics where a cost is too large for a whole number of 64 bits.
    """
    context = _Writer(checked.space).context(checked, graph, source)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("cost.py.jinja").render(context)


def engine() -> str:
    """Return the text of the runtime behind its imports, which the template has."""
    text = Path(runtime.__file__).read_text(encoding="utf-8")
    imports = [n for n in ast.parse(text).body if isinstance(n, ast.Import | ast.ImportFrom)]
    return "".join(text.splitlines(keepends=True)[imports[-1].end_lineno :]).strip("\n")


class _Writer:
    """Writes the tables of one space."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.order = {dim.var.name: i for i, dim in enumerate(space.dims)}
        self.text = CostText(space=space, order=self.order)
        self.formulas = Formulas()
        self.values: dict[tuple[str, str], str] = {}

    def context(self, checked: Checked, graph: Graph, source: str) -> dict[str, object]:
        """Return what the template shows."""
        space = self.space
        found = quantities_of(checked, graph)
        costs = {name: self._quantity(name, quantity) for name, quantity in found.items()}
        micro = "arena" in found
        # Mostly fusions make no difference: what else a runtime does in place is never the peak.
        shared = micro and costs["arena"]["lines"] == costs["peak"]["lines"]
        if shared:
            del costs["arena"]
            self.formulas.wanted.pop("_arena_computed", None)
        live = [
            mapping(
                _key(name),
                Entry(place=self.text.place(self.order[name]), text=self._condition(name, when)),
            )
            for name, when in own_conditions(space).items()
        ]
        required = [
            Entry(place=place, text=text)
            for place, text in map(self._requirement, range(len(space.requirements)))
        ]
        drawn = drawing(space)
        functions, widths = self.formulas.functions()
        return {
            "name": space.name,
            "source": source,
            "hash": space_hash(checked, graph),
            "size": _digits(space.size()),
            "count": len(space.dims),
            "engine": engine(),
            "stages": _mapping(
                {f'"{s.name}"': str(s.blocks) for s in space.stages}, "_STAGES: dict[str, int]"
            ),
            "dims": list(dim_entries(space.dims, self._values)),
            "values": list(self.values.values()),
            "live": looped(live, _ENTRY, mapping=True),
            "requirements": looped(required, _ENTRY),
            "draws": looped(self._draws(drawn), _ENTRY),
            "beside": _mapping(
                {f'"{name}"': str(count) for name, count in drawn.beside.items()},
                "_BESIDE: dict[str, int]",
            ),
            "weights": looped(self._weights(drawn), _ENTRY, mapping=True),
            "costs": list(costs.values()),
            "factors": self.text.lines,
            "functions": functions,
            "widths": _mapping(
                {f'"{name}"': function for name, function in widths.items()},
                "_WIDTHS: dict[str, Formula]",
            ),
            "divisible": any("divisible(" in line for f in functions for line in f.lines),
            "micro": micro,
            "arena": "peak" if shared else "arena",
            "kept_fixed": FIXED_KEPT,
            "file_fixed": FIXED_FILE,
        }

    def _values(self, dim: Dim) -> str:
        """Return the values of a dimension; a long tuple by a name, which is declared once."""
        text = _values(dim.var.values)
        if len(text) <= _LONG:
            return text
        key = dim.key.rpartition(".")[2].upper(), text
        name = f"_{key[0]}"
        while name in self.text.taken and key not in self.values:
            name += "_"
        if key not in self.values:
            self.text.taken.add(name)
            items = [literal(value) for value in dim.var.values]
            self.values[key] = f"{name} = {collection('(', items, ')', WIDTH - len(name) - 3)}"
        return self.values[key].partition(" = ")[0]

    def _quantity(self, name: str, quantity: Quantity) -> dict[str, object]:
        """Return the tables of a cost, and the function for what has none."""
        blocks = quantity.blocks
        args = ["_DIMS", f"{'each' if quantity.how == 'sum' else 'sums'}(_{name.upper()})"]
        args.append("np.add" if quantity.how == "sum" else "np.maximum")
        rest = [_amounts(block.cost.rest) for block in blocks if block.cost.rest]
        if rest:
            how = "np.add" if quantity.how == "sum" else "np.maximum"
            title = f"Return the {name} of what depends on too many choices for a table."
            args += [self.formulas.add(f"_{name}_computed", title, rest, how), "_WIDTHS"]
        entries = [
            mapping(_block_key(block), Entry(place=_place(block), text=self._terms(block)))
            for block in blocks
            if block.cost.terms
        ]
        return {
            "name": f"_{name.upper()}",
            "title": _TITLES[name],
            "lines": looped(entries, _ENTRY, mapping=True),
            "lookup": call(f"_{name} = Lookup(", args, WIDTH),
        }

    def _terms(self, block: Block) -> Text:
        terms = [self.text.term(term) for term in block.cost.terms]
        if len(terms) > _MANY and _place(block) is None:
            entries = [
                Entry(place=self.text.place_of(term), text=text)
                for term, text in zip(block.cost.terms, terms, strict=True)
            ]
            return lambda named, room, head="": "\n".join(
                [f"{head}[", *_indented(looped(entries, room - 4)), "]"]
            )
        return lambda named, room, head="": collection(
            f"{head}[", [term(named, room - 4) for term in terms], "]", room
        )

    def _condition(self, name: str, condition: Expr) -> Text:
        """Return the text of a condition: a table, or the name of a function."""
        if any(combinations(part.support) > LARGEST_FACTOR for part in conjuncts(condition)):
            function = f"_holds_{len(self.formulas.wanted)}"
            self.formulas.add(function, f"Return 1 where {name} holds, else 0.", [[condition]])
            return constant(function)
        return self.text.whole(condition)

    def _requirement(self, number: int) -> tuple[Place | None, Text]:
        requirement = self.space.requirements[number]
        said = textwrap.shorten(" ".join(requirement.text.split()), 72, placeholder=" ...")
        condition = self._condition(f"requirement {number + 1}", requirement.condition)
        places = {self.text.place(self.order[var.name]) for var in requirement.said.support}
        place = places.pop() if len(places) == 1 else None
        return place, lambda named, room, head="": collection(
            f"{head}(", [json.dumps(said), condition(named, room - 4)], ")", room
        )

    def _draws(self, drawn: Drawing) -> Iterator[Entry]:
        """Yield the weights of a dimension: a row for each combination of its parents' choices."""
        for name, parents, rows in drawn.draws:
            place = self.text.place(self.order[name]) if name in self.order else None
            yield Entry(place=place, text=_draw(name, parents, rows))

    def _weights(self, drawn: Drawing) -> Iterator[Entry]:
        for name, weights in drawn.weights.items():
            said = ", ".join(map(str, weights))
            value = Entry(place=self.text.place(self.order[name]), text=constant(f"({said})"))
            yield mapping(_key(name), value)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield "    " + line.replace("\n", "\n    ")


def _draw(name: str, parents: Sequence[str], rows: Sequence[Sequence[float]]) -> Text:
    table = numbers(np.array(rows, dtype=object))

    def text(named: Names, room: int, head: str = "") -> str:
        names = [named.dim(parent) for parent in parents]
        listed = f"({names[0]},)" if len(names) == 1 else collection("(", names, ")", room - 4)
        return collection(f"{head}(", [named.dim(name), listed, table], ")", room)

    return text


def _key(name: str) -> Callable[[Names], str]:
    return lambda named: named.dim(name)


def _place(block: Block) -> Place | None:
    """Return the block of a stage that a part of the network is, or is in."""
    if block.stage is None or not block.name.startswith(f"{block.stage}."):
        return None
    number = block.name.removeprefix(f"{block.stage}.").partition(".")[0]
    return (block.stage, int(number)) if number.isdigit() else None


def _block_key(block: Block) -> Callable[[Names], str]:
    place = _place(block)
    if place is None:
        return lambda named: f'"{block.name}"'
    stage, number = place
    rest = block.name.removeprefix(f"{stage}.{number}")
    return lambda named: f'f"{stage}.{{i}}{rest}"' if named.place == place else f'"{block.name}"'


def _amounts(parts: Iterable[Part]) -> list[Expr]:
    return [select(part.when, part.amount, const(0)) for part in parts]


def _mapping(items: dict[str, str], name: str) -> str:
    listed = [f"{key}: {value}" for key, value in items.items()]
    return collection("{", listed, "}", WIDTH - len(f"{name} = "))


def _values(values: tuple[Value, ...]) -> str:
    """Return the values of a dimension as a tuple; a ladder as a range."""
    whole = [value for value in values if isinstance(value, int)]
    if len(values) > _LADDER and len(whole) == len(values):
        steps = {b - a for a, b in itertools.pairwise(whole)}
        if len(steps) == 1:
            (step,) = steps
            return f"tuple(range({whole[0]}, {whole[-1] + step}, {step}))"
    items = [literal(value) for value in values]
    return f"({items[0]},)" if len(items) == 1 else collection("(", items, ")", WIDTH - 12)


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
