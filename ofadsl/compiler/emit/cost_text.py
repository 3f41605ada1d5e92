"""Tables of a cost model as Python text: named factors, calls, rows of numbers.

What is broken over lines ends with a comma, as a formatter leaves it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ofadsl.compiler.emit.cost_formula import Formula
from ofadsl.compiler.emit.text import identifier
from ofadsl.compiler.emit.wrap import WIDTH
from ofadsl.cost.liveness import Part
from ofadsl.cost.table import Order, Table, table_of
from ofadsl.cost.terms import LARGEST_FACTOR, Term
from ofadsl.expr import TRUE, Apply, Expr, apply, combinations, const, select, source
from ofadsl.space import Space

_READABLE = re.compile(r"[()\d\s/*+-]*_RESOLUTION[()\d\s/*+-]*")
_MOST_ROWS = 8
_LONGEST_NAME = 48
_ROW = WIDTH - 16  # a row of numbers stands in a call in a list in a dictionary


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the generated text, for what cannot be looked up."""

    name: str
    title: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class Names:
    """What the generated tables share, by the name that they use for it."""

    space: Space
    order: Order
    factors: dict[Expr, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def term(self, term: Term) -> str:
        """Return the call that makes a term."""
        times = [self.pixels(term.pixels)] if term.pixels != const(1) else []
        times += [self.condition(term.when)] if term.when != TRUE else []
        tail = [f"times=[{', '.join(times)}]"] if times else []
        return self._table(term.table, tail)

    def condition(self, condition: Expr) -> str:
        """Return the name of a table, or of a function, of what is 1 where a condition holds."""
        if condition not in self.factors:
            name = self._free(self._condition_name(condition))
            self.factors[condition] = name
            if combinations(condition.support) <= LARGEST_FACTOR:
                table = table_of(select(condition, const(1), const(0)), self.order)
                self.lines.append(self._table(table, [], f"{name} = "))
            else:
                self._function(name, "1 where a condition holds, else 0.", condition)
        return self.factors[condition]

    def pixels(self, pixels: Expr) -> str:
        """Return the name of the table of a number of pixels, by resolution."""
        if pixels not in self.factors:
            values = table_of(pixels, self.order).values
            side = round(float(values.max()) ** 0.5)
            square = side * side == values.max()
            name = self._free(f"_AREA_{side}" if square else f"_PIXELS_{values.max()}")
            self.factors[pixels] = name
            formula = self._pixels(pixels)
            if formula is None:
                self.lines.append(self._table(table_of(pixels, self.order), [], f"{name} = "))
            else:
                self.lines.append(f'{name} = _table({formula}, "resolution")')
        return self.factors[pixels]

    def rest(self, title: str, parts: Iterable[Part]) -> str:
        """Return the name of a function that adds up parts that are too large for a table."""
        total: Expr = const(0)
        for part in parts:
            total = apply("+", total, select(part.when, part.amount, const(0)))
        name = self._free("_" + identifier(title.lower().replace(" ", "_")))
        self._function(name, f"Return the {title} of each arch.", total)
        return name

    def _pixels(self, pixels: Expr) -> str | None:
        """Return a formula for the pixels of a square, or None where it is hard to read."""
        if not isinstance(pixels, Apply) or pixels.op != "*" or pixels.args[0] != pixels.args[1]:
            return None
        text = source(pixels.args[0], lambda var: "_RESOLUTION")
        if len(text) > 70 or not _READABLE.fullmatch(text):
            return None
        if not self.lines:
            column = self.order["resolution"]
            self.lines.append(f"_RESOLUTION = np.array(CHOICES[{column}])")
        return f"({text}) ** 2" if " " in text else f"{text}**2"

    def _table(self, table: Table, tail: list[str], head: str = "") -> str:
        names = [f'"{self.space.dims[d].var.name}"' for d in table.dims]
        room = WIDTH if head else WIDTH - 9  # in a list in a dictionary, with its comma
        return call(f"{head}_table(", [numbers(table.values), *names, *tail], room)

    def _function(self, name: str, title: str, expr: Expr) -> None:
        formula = Formula()
        result = formula.result(expr)
        lines = (*formula.lines, f"return {result}")
        self.functions.append(Function(name=name, title=title, lines=lines))

    def _condition_name(self, condition: Expr) -> str:
        for stage in self.space.stages:
            for block in range(stage.blocks):
                if condition == apply(">", stage.depth, block):
                    return f"_{stage.name.upper()[:_LONGEST_NAME].rstrip('_')}_{block}"
        names = "_AND_".join(var.name for var in condition.support[:3])
        return f"_IF_{names.replace('.', '_').upper()}"[:_LONGEST_NAME].rstrip("_")

    def _free(self, name: str) -> str:
        unique, number = name, 2
        while unique in self.taken:
            unique = f"{name}_{number}"
            number += 1
        self.taken.add(unique)
        return unique


def call(head: str, args: Sequence[str], room: int) -> str:
    """Return a call; ``room`` is the length of its longest line."""
    inner = f"    {', '.join(args)}"
    if "\n" not in inner and len(head) + len(inner) - 3 > room >= len(inner):
        return f"{head}\n{inner}\n)"
    return collection(head, args, ")", room)


def collection(head: str, items: Sequence[str], tail: str, room: int) -> str:
    """Return a list, a tuple or the like: in one line, or in one line for each item."""
    single = f"{head}{', '.join(items)}{tail}"
    if "\n" not in single and len(single) <= room:
        return single
    lines = [f"    {line}" for item in items for line in f"{item},".split("\n")]
    return "\n".join([head, *lines, tail])


def numbers(values: NDArray[np.generic], width: int = _ROW) -> str:
    """Return an array as a list, with a list for each row; long rows are broken."""
    flat = [str(value) for value in values.ravel().tolist()]
    if values.ndim < 2:
        return _rows([flat], width) if len(", ".join(flat)) > width else f"[{', '.join(flat)}]"
    length = values.shape[-1]
    rows = [flat[i : i + length] for i in range(0, len(flat), length)]
    if len(rows) > _MOST_ROWS:  # several rows in a line
        joined = max(1, (width - 8) // (max(map(len, flat)) + 2) // length) * length
        rows = [flat[i : i + joined] for i in range(0, len(flat), joined)]
    return _rows(rows, width)


def _rows(rows: Iterable[list[str]], width: int) -> str:
    lines = [f"[{', '.join(part)}]" for row in rows for part in _parts(row, width)]
    return collection("[", lines, "]", width)


def _parts(row: list[str], width: int) -> Iterable[list[str]]:
    """Break a row where it is longer than a line."""
    count = max(1, (width - 8) // (max(map(len, row)) + 2))
    return (row[i : i + count] for i in range(0, len(row), count))
