"""The tables and formulas of a cost model as Python text.

In: terms, conditions, pixels, draws. Out: calls, lists and functions; what equal blocks of a
stage share is said once, in a loop. What is broken over lines ends with a comma, as a formatter
leaves it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ofadsl.compiler.emit.text import literal
from ofadsl.compiler.emit.wrap import WIDTH
from ofadsl.cost.columns import FUNCTIONS, OPERATORS
from ofadsl.cost.logic import simplest
from ofadsl.cost.model import as_table
from ofadsl.cost.runtime import Table
from ofadsl.cost.table import Order, table_of
from ofadsl.cost.terms import Term
from ofadsl.elimination import conjuncts
from ofadsl.expr import TRUE, Apply, Const, Expr, Var, apply, const, ordered, source
from ofadsl.space import Dim, Space

_READABLE = re.compile(r"[()\d\s/*+-]*_RESOLUTION[()\d\s/*+-]*")
_MOST_ROWS = 8
_LONGEST_NAME = 48
_ROW = WIDTH - 16  # a row of numbers stands in a call in a list in a dictionary

Place = tuple[str, int]
"""A stage and the number of a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the generated text, for what cannot be looked up."""

    name: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How dimensions and blocks are written: in full, or in a loop over blocks like ``place``."""

    place: Place | None = None

    def dim(self, full: str) -> str:
        """Return the name of a dimension, of this block and the one before it with a variable."""
        if self.place is not None:
            stage, block = self.place
            for number, index in ((block, "i"), (block - 1, "i - 1")):
                if full.startswith(f"{stage}.{number}."):
                    rest = full.removeprefix(f"{stage}.{number}")
                    return f'f"{stage}.{{{index}}}{rest}"'
        return f'"{full}"'

    def block(self, stage: str, block: int) -> str:
        """Return the number of a block."""
        return "i" if self.place == (stage, block) else str(block)


class Text(Protocol):
    """Returns a text, with dimensions as they are written, whose lines are no longer than ``room``.

    ``head`` stands before it, on the same line.
    """

    def __call__(self, named: Names, room: int, head: str = "") -> str:
        """Return the text."""


def constant(text: str) -> Text:
    """Return a text that is the same everywhere."""
    return lambda named, room, head="": head + text


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A part of a list or a mapping that may be alike in several blocks of a stage."""

    place: Place | None
    text: Text


@dataclass(slots=True)
class CostText:
    """What the generated tables share, by the name that they use for it."""

    space: Space
    order: Order
    factors: dict[Expr, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    deep: dict[Expr, tuple[str, Place]] = field(default_factory=dict)
    """What says that a block exists, or is the last of its stage, and the function for it."""

    def __post_init__(self) -> None:
        for stage in self.space.stages:
            for block in range(stage.blocks):
                for op, value, function in ((">", block, "_exists"), ("==", block + 1, "_ends")):
                    condition = simplest(apply(op, stage.depth, value))
                    if condition.support:
                        self.deep.setdefault(condition, (function, (stage.name, block)))

    def place_of(self, term: Term) -> Place | None:
        """Return the block that the amount of a term is of."""
        own = [place for place in map(self.place, term.table.dims) if place is not None]
        return own[-1] if own else None

    def place(self, dim: int) -> Place | None:
        """Return the block that a dimension is part of."""
        found = self.space.dims[dim]
        return None if found.stage is None or found.block is None else (found.stage, found.block)

    def table(self, table: Table, times: Sequence[Text] = ()) -> Text:
        """Return the text of a table, times the factors that others share with it."""
        rows = numbers(table.values)
        names = [self.space.dims[d].var.name for d in table.dims]

        def text(named: Names, room: int, head: str = "") -> str:
            factors = [factor(named, room - 8) for factor in times]
            tail = [collection("times=[", factors, "]", room - 4)] if factors else []
            return call(f"{head}_table(", [rows, *map(named.dim, names), *tail], room)

        return text

    def term(self, term: Term) -> Text:
        """Return the text of a term."""
        times: list[Text] = []
        if term.pixels != const(1):
            times.append(constant(self.pixels(term.pixels)))
        times += [self.factor(part) for part in conjuncts(term.when) if part != TRUE]
        return self.table(term.table, times)

    def factor(self, condition: Expr) -> Text:
        """Return the text of what is 1 where a part of a condition holds."""
        condition = simplest(condition)
        if condition in self.deep:
            function, (stage, block) = self.deep[condition]
            return lambda named, room, head="": call(
                f"{head}{function}(", [f'"{stage}"', named.block(stage, block)], room
            )
        table = as_table(condition, self.order)
        if any(self.place(dim) is not None for dim in table.dims):
            return self.table(table)
        return constant(self.condition(condition))

    def whole(self, condition: Expr) -> Text:
        """Return the text of a condition that may have several parts."""
        parts = list(conjuncts(condition))
        if len(parts) == 1:
            return self.factor(condition)
        first = next((part for part in parts if part not in self.deep), parts[0])
        others = [self.factor(part) for part in parts if part is not first]
        return self.table(as_table(first, self.order), others)

    def condition(self, condition: Expr) -> str:
        """Return the name of the table of a condition that many tables share."""
        if condition not in self.factors:
            names = "_AND_".join(var.name for var in condition.support[:3])
            wanted = f"_IF_{names.replace('.', '_').upper()}"[:_LONGEST_NAME].rstrip("_")
            self.factors[condition] = name = self._free(wanted)
            table = self.table(as_table(condition, self.order))
            self.lines.append(table(Names(), WIDTH, f"{name} = "))
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
                table = self.table(table_of(pixels, self.order))
                self.lines.append(table(Names(), WIDTH, f"{name} = "))
            else:
                self.lines.append(f'{name} = _table({formula}, "resolution")')
        return self.factors[pixels]

    def _pixels(self, pixels: Expr) -> str | None:
        """Return a formula for the pixels of a square, or None where it is hard to read."""
        if not isinstance(pixels, Apply) or pixels.op != "*" or pixels.args[0] != pixels.args[1]:
            return None
        text = source(pixels.args[0], lambda var: "_RESOLUTION")
        if len(text) > 70 or not _READABLE.fullmatch(text):
            return None
        if "_RESOLUTION" not in self.taken:
            self.taken.add("_RESOLUTION")
            column = self.order["resolution"]
            self.lines.append(f"_RESOLUTION = np.array(CHOICES[{column}])")
        return f"({text}) ** 2" if " " in text else f"{text}**2"

    def _free(self, name: str) -> str:
        unique, number = name, 2
        while unique in self.taken:
            unique = f"{name}_{number}"
            number += 1
        self.taken.add(unique)
        return unique


def mapping(key: Callable[[Names], str], value: Entry) -> Entry:
    """Return an entry ``key: value``."""

    def text(named: Names, room: int, head: str = "") -> str:
        return value.text(named, room, f"{head}{key(named)}: ")

    return Entry(place=value.place, text=text)


def looped(entries: Iterable[Entry], room: int, *, mapping: bool = False) -> list[str]:
    """Return the lines of entries, those that are alike in several blocks of a stage as a loop."""
    groups: dict[object, list[Entry]] = {}
    for number, entry in enumerate(entries):
        key: object = number
        if entry.place is not None:
            key = entry.place[0], entry.text(Names(place=entry.place), _ENDLESS)
        groups.setdefault(key, []).append(entry)
    found = []
    for group in groups.values():
        places = [entry.place for entry in group if entry.place is not None]
        if len(group) == 1:
            found.append(f"{group[0].text(Names(), room)},")
        else:
            found.append(f"{_loop(group[0], [block for _, block in places], room, mapping)},")
    return found


_ENDLESS = 1 << 30


def _loop(first: Entry, blocks: Sequence[int], room: int, mapping: bool) -> str:
    low, high = blocks[0], blocks[-1]
    over = f"range({low}, {high + 1})" if low else f"range({high + 1})"
    if list(blocks) != list(range(low, high + 1)):
        over = f"({', '.join(map(str, blocks))})"
    loop, named = f"for i in {over}", Names(place=first.place)
    opening, closing = ("**{", "}") if mapping else ("*(", ")")
    single = first.text(named, _ENDLESS)
    for text in (
        f"{opening}{single} {loop}{closing}",
        f"{opening}\n    {single} {loop}\n{closing}",
    ):
        if "\n" not in single and max(map(len, text.split("\n"))) <= room:
            return text
    inner = first.text(named, room - 4).replace("\n", "\n    ")
    return f"{opening}\n    {inner}\n    {loop}\n{closing}"


@dataclass(slots=True)
class Formulas:
    """Functions of ``v``, the values of the dimensions: one for each name, and what they share."""

    wanted: dict[str, tuple[str, Sequence[Sequence[Expr]], str]] = field(default_factory=dict)
    """Title, groups of expressions that are added up, and the function that joins the groups."""

    def add(self, name: str, title: str, groups: Sequence[Sequence[Expr]], how: str = "") -> str:
        """Ask for a function and return its name."""
        self.wanted[name] = title, groups, how
        return name

    def functions(self) -> tuple[list[Function], dict[str, str]]:
        """Return all functions, and for each shared width the name of its function."""
        shared = self._shared()
        widths = {expr: f"~{i}" for i, expr in enumerate(shared)}
        names = {widths[expr]: f"_width_{i}" for i, expr in enumerate(shared)}
        made = []
        for i, expr in enumerate(shared):
            body = _Body(widths={e: w for e, w in widths.items() if e != expr})
            lines = (*body.lines_of(expr), f"return {body.names[expr]}")
            made.append(Function(name=f"_width_{i}", title="A part of others.", lines=lines))
        for name, (title, groups, how) in self.wanted.items():
            body = _Body(widths=widths)
            lines_: list[str] = []
            ends: list[str] = []
            for group in groups:
                for expr in group:
                    lines_ += body.lines_of(expr)
                ends.append(_sum([body.names[expr] for expr in group], lines_, len(ends)))
            result = ends[0]
            for end in ends[1:]:
                lines_.append(f"total = {how}({result}, {end})")
                result = "total"
            made.append(Function(name=name, title=title, lines=(*lines_, f"return {result}")))
        return made, names

    def _shared(self) -> list[Expr]:
        """Return the parts that several functions need, those that others need first."""
        users: dict[Expr, set[str]] = {}
        parents: Counter[Expr] = Counter()
        every: dict[Expr, None] = {}
        for name, (_, groups, _) in self.wanted.items():
            for root in (expr for group in groups for expr in group):
                parents[root] += 1
                for part in ordered(root):
                    users.setdefault(part, set()).add(name)
                    if part not in every:
                        every[part] = None
                        parents.update(part.args if isinstance(part, Apply) else ())
        return [
            part
            for part in every
            if isinstance(part, Apply) and parents[part] > 1 and len(users[part]) > 1
        ]


@dataclass(slots=True)
class _Body:
    """The lines of one function: one assignment for each operation."""

    widths: Mapping[Expr, str]
    names: dict[Expr, str] = field(default_factory=dict)

    def lines_of(self, expr: Expr) -> list[str]:
        """Return the lines that compute ``expr`` beyond those there are."""
        lines: list[str] = []
        for part in self._ordered(expr):
            if isinstance(part, Const):
                self.names[part] = literal(part.value)
                continue
            name = f"a{len(self.names)}"
            lines.append(f"{name} = {self._text(part)}")
            self.names[part] = name
        return lines

    def _ordered(self, expr: Expr) -> Iterator[Expr]:
        """Yield the parts that have no name yet, not what a shared width is made of."""
        waiting = [(expr, False)]
        while waiting:
            part, ready = waiting.pop()
            if part in self.names:
                continue
            if ready or part in self.widths or not isinstance(part, Apply):
                yield part
            else:
                waiting.append((part, True))
                waiting += [(arg, False) for arg in reversed(part.args)]

    def _text(self, expr: Expr) -> str:
        if expr in self.widths:
            return f'v["{self.widths[expr]}"]'
        if isinstance(expr, Var):
            return f'v["{expr.name}"]'
        assert isinstance(expr, Apply), expr
        args = [self.names[arg] for arg in expr.args]
        if expr.op in OPERATORS:
            return f"{args[0]} {expr.op} {args[1]}"
        function = FUNCTIONS[expr.op][1]
        if expr.op not in ("min", "max"):
            return f"{function}({', '.join(args)})"
        text = args[0]
        for arg in args[1:]:
            text = f"{function}({text}, {arg})"
        return text


def _sum(names: Sequence[str], lines: list[str], number: int) -> str:
    """Return the name of a sum, which takes lines of its own where it is long."""
    if len(names) == 1:
        return names[0]
    total = f"sum_{number}"
    lines.append(f"{total} = {names[0]} + {names[1]}")
    lines += [f"{total} = {total} + {name}" for name in names[2:]]
    return total


def dim_entries(dims: Sequence[Dim], values: Callable[[Dim], str]) -> Iterator[str]:
    """Yield the lines that declare dimensions, equal blocks of a stage together."""
    waiting = list(dims)
    while waiting:
        dim = waiting[0]
        if dim.stage is None or dim.block is None:
            stage = "None" if dim.stage is None else f'"{dim.stage}"'
            yield call("Dim(", [stage, "None", f'"{dim.key}"', values(dim)], WIDTH - 9) + ","
            waiting = waiting[1:]
            continue
        forms: list[tuple[tuple[str, str], ...]] = []
        count = 0
        for block in range(dim.block, dim.block + len(waiting)):
            own = []
            while count < len(waiting) and (waiting[count].stage, waiting[count].block) == (
                dim.stage,
                block,
            ):
                own.append((waiting[count].key, values(waiting[count])))
                count += 1
            if own and (not forms or tuple(own) == forms[0]):
                forms.append(tuple(own))
            else:
                count -= len(own)
                break
        first, last = dim.block, dim.block + len(forms)
        blocks = f"range({first}, {last})" if first else f"range({last})"
        items = [f'"{key}": {text}' for key, text in forms[0]]
        inner = collection("{", items, "}", WIDTH - 13)
        args = [f'"{dim.stage}"', blocks, inner]
        single = f"*blocks_of({', '.join(args)})"
        if "\n" not in inner and len(single) <= WIDTH - 9:
            yield f"{single},"
        elif "\n" not in inner:
            yield call("*blocks_of(", args, WIDTH - 9) + ","
        else:
            hugged = "\n".join([f"*blocks_of(\n    {args[0]},", f"    {blocks},"])
            yield hugged + "\n    " + inner.replace("\n", "\n    ") + ",\n),"
        waiting = waiting[count:]


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
