"""What a cost model computes: rows of choice indices in, exact whole numbers out.

In: the dimensions of a space, the tables of its costs, how its archs are drawn. Out: a
``CostModel``. The compiler uses this module in process, and pastes its text into every generated
`cost.py`, which needs numpy alone.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Dim(NamedTuple):
    """A choice: where an arch writes it, and the values that it takes."""

    stage: str | None
    block: int | None
    key: str
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The full name, such as ``s1.0.kernel``."""
        return ".".join(str(part) for part in self[:3] if part is not None)


def blocks_of(
    stage: str, blocks: Iterable[int], values: Mapping[str, tuple[Any, ...]]
) -> list[Dim]:
    """Return the dimensions of blocks that have the same choices."""
    return [Dim(stage, block, key, values[key]) for block in blocks for key in values]


class Table(NamedTuple):
    """A whole number for each choice of some dimensions: one axis for each column in ``dims``."""

    dims: tuple[int, ...]
    values: NDArray[np.int64]

    def join(self, other: Table, how: np.ufunc) -> Table:
        """Return ``how`` of both for all choices of the dimensions of either."""
        dims = tuple(sorted({*self.dims, *other.dims}))
        return Table(dims, how(self.spread(dims), other.spread(dims)))

    def spread(self, dims: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the values with an axis of length 1 for each of ``dims`` that is new."""
        lengths = dict(zip(self.dims, self.values.shape, strict=True))
        return self.values.reshape([lengths.get(d, 1) for d in dims])

    def at(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return the entry of each arch."""
        return np.broadcast_to(self.values[tuple(x[:, d] for d in self.dims)], len(x))


class Dims:
    """All dimensions of a space, in the order of the columns of an array of archs."""

    def __init__(self, dims: Iterable[Dim]) -> None:
        self.all = tuple(dims)
        self.names = tuple(dim.name for dim in self.all)
        self.choices = tuple(dim.values for dim in self.all)
        self.column = {name: column for column, name in enumerate(self.names)}
        self.last = np.array([len(values) - 1 for values in self.choices], np.int64)

    def table(self, rows: Iterable[Any], *names: str, times: Sequence[Table] = ()) -> Table:
        """Return a table over the dimensions ``names``, the last changing fastest, times others."""
        dims = tuple(self.column[name] for name in names)
        values = np.hstack(list(rows)).astype(np.int64)
        table = Table(dims, values.reshape([len(self.choices[d]) for d in dims]))
        for factor in times:
            table = table.join(factor, np.multiply)
        return table

    def exists(self, stage: str, block: int) -> Table:
        """Return 1 where a stage is deep enough to have a block, else 0."""
        depth = self.column[f"{stage}.depth"]
        deep = [int(value > block) for value in self.choices[depth]]
        return Table((depth,), np.array(deep, np.int64))

    def ends(self, stage: str, block: int) -> Table:
        """Return 1 where a block is the last of its stage, else 0."""
        depth = self.column[f"{stage}.depth"]
        last = [int(value == block + 1) for value in self.choices[depth]]
        return Table((depth,), np.array(last, np.int64))

    def shaped(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return archs as an array; raise ValueError for another shape or type."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != len(self.names):
            columns = f"(archs, {len(self.names)}): a column for each of DIMS"
            raise ValueError(f"archs have the shape {x.shape}, not {columns}")
        if not np.issubdtype(x.dtype, np.integer):
            raise ValueError(f"archs are {x.dtype}, not whole numbers: encode gives uint8")
        return x

    def inside(self, x: NDArray[Any]) -> NDArray[np.uint8]:
        """Return archs as bytes; raise ValueError for a choice that does not exist."""
        for i, d in np.argwhere(np.logical_or(x < 0, x > self.last))[:1]:
            rule = f"its choices are 0 to {self.last[d]}"
            raise ValueError(f"archs[{i}] has the choice {x[i, d]} for {self.names[d]}, {rule}")
        return np.asarray(x, np.uint8)


class Values:
    """What archs choose, by the name of a dimension; ``widths`` are computed once, when needed."""

    def __init__(self, dims: Dims, x: NDArray[Any], widths: Mapping[str, Formula]) -> None:
        self.dims, self.x, self.widths = dims, x, widths
        self.found: dict[object, Any] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.found:
            if name in self.widths:
                self.found[name] = np.asarray(self.widths[name](self))
            else:
                column = self.dims.column[name]
                self.found[name] = np.asarray(self.dims.choices[column])[self.x[:, column]]
        found: NDArray[Any] = self.found[name]
        return found

    def compute(self, formula: Formula) -> NDArray[np.int64]:
        """Return what a formula gives for each arch."""
        with np.errstate(all="ignore"):  # what is not selected may divide by zero
            found = np.asarray(formula(self)).astype(np.int64)
        return np.broadcast_to(found, len(self.x))


Formula = Callable[[Values], Any]
"""Computes a number for each arch: of what depends on too many dimensions for a table."""


def divisible(value: Any, divisor: Any, least: Any = None) -> Any:
    """Round to a multiple of ``divisor``, at least ``least``, never below 0.9 of ``value``."""
    least = divisor if least is None else least
    rounded = np.trunc(value + divisor / 2).astype(np.int64) // divisor * divisor
    rounded = np.maximum(least, rounded)
    return np.where(rounded < 0.9 * value, rounded + divisor, rounded)


class Lookup:
    """Adds up, or takes the largest of, one entry of each table for many archs at once.

    Tables are joined while they stay in the cache. The entries of a chunk of archs are found with
    one matrix product: float32 is exact for whole numbers of this size.
    """

    CHUNK = 8192  # so many archs are looked up at a time: what they need stays in the cache
    LARGEST = 8192  # tables are joined into one of at most so many entries

    def __init__(
        self,
        dims: Dims,
        tables: Iterable[Table],
        how: np.ufunc,
        formula: Formula | None = None,
        widths: Mapping[str, Formula] | None = None,
    ) -> None:
        self.dims, self.how, self.formula, self.widths = dims, how, formula, widths or {}
        joined = [Table((), np.zeros((), np.int64))]
        for table in tables:
            both = {*joined[-1].dims, *table.dims}
            if math.prod(len(dims.choices[d]) for d in both) <= self.LARGEST:
                joined[-1] = joined[-1].join(table, how)
            else:
                joined.append(table)
        self.tables = [table.values.ravel() for table in joined]
        self.strides = np.zeros((len(joined), len(dims.names)), np.float32)
        for row, table in zip(self.strides, joined, strict=True):
            for axis, d in enumerate(table.dims):
                row[d] = math.prod(table.values.shape[axis + 1 :])
        self.limits = np.tile(dims.last.astype(np.uint8), (self.CHUNK, 1))

    def __call__(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return a number for each arch."""
        x = self.dims.shaped(x)
        x = x if x.dtype == np.uint8 else self.dims.inside(x)
        out = np.empty(len(x), np.int64)
        for start in range(0, len(x), self.CHUNK):
            rows = x[start : start + self.CHUNK]
            if (rows > self.limits[: len(rows)]).any():
                self.dims.inside(x)
            index = (self.strides @ rows.astype(np.float32).T).astype(np.intp)
            found = self.tables[0].take(index[0])
            for table, entries in zip(self.tables[1:], index[1:], strict=True):
                self.how(found, table.take(entries), out=found)
            if self.formula is not None:
                computed = Values(self.dims, rows, self.widths).compute(self.formula)
                self.how(found, computed, out=found)
            out[start : start + self.CHUNK] = found
        return out


Blocks = Mapping[str, Sequence[Table]]
"""The tables of each block, to be added up."""


def each(blocks: Blocks) -> list[Table]:
    """Return the tables of all blocks."""
    return [table for tables in blocks.values() for table in tables]


def sums(blocks: Blocks) -> list[Table]:
    """Return for each block the sum of its tables."""
    found = []
    for first, *others in blocks.values():
        for table in others:
            first = first.join(table, np.add)
        found.append(first)
    return found


Condition = Table | Formula
"""What is 1 where it holds, else 0."""

Draw = tuple[str, tuple[str, ...], Sequence[Sequence[float]]]
"""A dimension, those drawn before that it depends on, and the weights of its choices for each."""

_Path = tuple[str | int, ...]


class CostModel:
    """The archs of a space, and what they cost.

    A block's dimension matters where its stage is deep enough, any other always; ``live`` says
    where that is otherwise. ``draws`` holds what is drawn before the other dimensions, and
    ``beside`` the number of choices of what else is drawn to draw these. Of the others each is
    drawn where it matters, by its ``weights`` or evenly.
    """

    def __init__(
        self,
        *,
        space: str,
        stages: Mapping[str, int],
        dims: Dims,
        live: Mapping[str, Condition],
        requirements: Sequence[tuple[str, Condition]],
        draws: Sequence[Draw],
        beside: Mapping[str, int],
        weights: Mapping[str, Sequence[float]],
        widths: Mapping[str, Formula],
    ) -> None:
        self.space, self.stages, self.dims, self.live = space, stages, dims, live
        self.requirements, self.widths = requirements, widths
        self.draws, self.beside, self.weights = draws, beside, weights
        every = self.dims.all
        self._columns = {_path(dim): column for column, dim in enumerate(every)}
        self._places: dict[tuple[str | None, int | None], dict[str, int]] = {}
        self._conditions: dict[object, tuple[Condition, list[int]]] = {}
        for column, dim in enumerate(every):
            self._places.setdefault((dim.stage, dim.block), {})[dim.key] = column
            if dim.name in self.live:
                condition, key = self.live[dim.name], id(self.live[dim.name])
                self._conditions.setdefault(key, (condition, []))[1].append(column)
            elif dim.stage is not None and dim.block is not None:
                condition = self.dims.exists(dim.stage, dim.block)
                if not condition.values.all():
                    place = dim.stage, dim.block
                    self._conditions.setdefault(place, (condition, []))[1].append(column)
        own = {dim.stage for dim in every if dim.block is not None}
        self._with_blocks = tuple(stage for stage in self.stages if stage in own)
        blocks = [
            ("stages", stage, "blocks", block)
            for stage in self._with_blocks
            for block in range(self.stages[stage])
        ]
        self._groups: dict[_Path, list[str | int]] = {(): ["space"]}
        for path in (*self._columns, *((*block, "") for block in blocks)):
            for length, part in enumerate(path):
                parts = self._groups.setdefault(path[:length], [])
                if part != "" and part not in parts:
                    parts.append(part)

    def contains(self, x: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Return for each arch whether its choices exist and meet every requirement."""
        x = self.dims.shaped(x)
        found = np.asarray(np.logical_and(x >= 0, x <= self.dims.last).all(axis=1))
        values = self._values(np.where(found[:, None], x, 0).astype(np.uint8))
        for _, condition in self.requirements:
            found &= _holds(condition, values)
        return found

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return ``n`` archs drawn uniformly from the distinct subnets."""
        counts = dict(zip(self.dims.names, map(len, self.dims.choices), strict=True))
        counts.update(self.beside)
        drawn: dict[str, NDArray[np.intp]] = {}
        for name, parents, weights in self.draws:
            row = np.zeros(n, np.intp)
            for parent in parents:
                row = row * counts[parent] + drawn[parent]
            rows = np.hstack(list(weights)).astype(np.float64).reshape(-1, counts[name])
            drawn[name] = _ticket(rows, row, rng)
        x = np.zeros((n, len(self.dims.names)), np.uint8)
        matters = {
            d: condition for condition, columns in self._conditions.values() for d in columns
        }
        for d, name in enumerate(self.dims.names):
            if name in drawn:
                x[:, d] = drawn[name]
            elif counts[name] > 1:
                weights = [self.weights.get(name, (1,) * counts[name])]
                choice = _ticket(np.array(weights, np.float64), np.zeros(n, np.intp), rng)
                known = _holds(matters[d], self._values(x)) if d in matters else True
                x[:, d] = np.where(known, choice, 0)
        return x

    def encode(self, archs: Sequence[Mapping[str, Any]]) -> NDArray[np.uint8]:
        """Return archs written as in arch.json; raise ValueError for one outside the space."""
        if isinstance(archs, Mapping):
            raise ValueError("encode takes a list of archs, not one arch: write encode([arch])")
        x = np.zeros((len(archs), len(self.dims.names)), np.uint8)
        given = np.zeros(x.shape, np.bool_)
        for i, arch in enumerate(archs):
            self._read(f"archs[{i}]", arch, x[i], given[i])
        while (extra := (x > 0) & ~self.matters(x)).any():
            x[extra] = 0  # what does not matter may be there, and says nothing
        for i, d in np.argwhere(self.matters(x) & ~given)[:1]:
            dim = self.dims.all[d]
            path = _shown(f"archs[{i}]", _path(dim))
            raise ValueError(f"{path} is missing: {dim.key} is {_alternatives(dim.values)}")
        for text, condition in self.requirements:
            for i in np.flatnonzero(~_holds(condition, self._values(x)))[:1]:
                repair = "change one of these values"
                raise ValueError(f"archs[{i}]: the space requires {text}; {repair}")
        return x

    def decode(self, x: NDArray[np.integer[Any]]) -> list[dict[str, Any]]:
        """Return archs as arch.json writes them; what does not matter is left out."""
        rows = self.dims.inside(self.dims.shaped(x))
        lives = self.matters(rows).tolist()
        return [self._arch(row, live) for row, live in zip(rows.tolist(), lives, strict=True)]

    def _values(self, x: NDArray[np.uint8]) -> Values:
        return Values(self.dims, x, self.widths)

    def matters(self, x: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return for each arch which dimensions matter to it."""
        live, values = np.ones(x.shape, np.bool_), self._values(x)
        for condition, columns in self._conditions.values():
            live[:, columns] = _holds(condition, values)[:, None]
        return live

    def _arch(self, row: list[int], live: list[bool]) -> dict[str, Any]:
        """Return one arch as arch.json writes it."""

        def group(stage: str | None, block: int | None) -> dict[str, Any]:
            columns = self._places.get((stage, block), {})
            return {key: self.dims.choices[d][row[d]] for key, d in columns.items() if live[d]}

        choices = group(None, None)
        arch: dict[str, Any] = {"space": self.space, "resolution": choices.pop("resolution")}
        if self.stages:
            arch["stages"] = {stage: group(stage, None) for stage in self.stages}
        for stage in self._with_blocks:
            depth = arch["stages"][stage]["depth"]
            arch["stages"][stage]["blocks"] = [group(stage, block) for block in range(depth)]
        return arch | ({"choices": choices} if choices else {})

    def _read(
        self, label: str, arch: object, row: NDArray[np.uint8], given: NDArray[np.bool_]
    ) -> None:
        """Write one arch into ``row``, and into ``given`` which choices it names."""
        waiting: list[tuple[_Path, object]] = [((), arch)]
        while waiting:
            path, group = waiting.pop()
            for key, value in self._items(label, path, group):
                at = (*path, key)
                column = self._columns.get(at)
                if column is not None:
                    row[column] = self._index(label, at, value)
                    given[column] = True
                elif at in self._groups:
                    waiting.append((at, value))
                elif at != ("space",):
                    allowed = _alternatives(self._groups[path])
                    raise ValueError(f"{_shown(label, at)} is no key of this space: {allowed}")
                elif value != self.space:
                    raise ValueError(f"{label}.space is {_short(value)}, not {self.space!r}")

    def _items(self, label: str, path: _Path, group: object) -> list[tuple[str | int, object]]:
        """Return what a mapping, a stage or a list of blocks holds; raise ValueError for others."""
        if path[2:] == ("blocks",):
            if not isinstance(group, Sequence) or isinstance(group, str | bytes):
                raise ValueError(f"{_shown(label, path)} is {_short(group)}, not a list of blocks")
            return list(enumerate(group[: len(self._groups[path])]))
        if not isinstance(group, Mapping):
            raise ValueError(f"{_shown(label, path)} is {_short(group)}, not a mapping")
        if len(path) == 2 and path[1] in self._with_blocks and "depth" in group:
            depth, blocks = group["depth"], group.get("blocks")
            self._index(label, (*path, "depth"), depth)
            shown = _shown(label, path)
            if blocks is None:
                raise ValueError(f"{shown}.blocks is missing: list {depth} blocks")
            if isinstance(blocks, Sequence) and len(blocks) != depth:
                repair = f"list {depth} blocks, or change the depth"
                raise ValueError(f"{shown} has {len(blocks)} blocks, but depth {depth}: {repair}")
        return list(group.items())

    def _index(self, label: str, path: _Path, value: object) -> int:
        """Return the choice that has the value; raise ValueError where none has."""
        values = self.dims.choices[self._columns[path]]
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            for index, choice in enumerate(values):
                if choice == value:
                    return index
        rule = f"{path[-1]} is {_alternatives(values)}"
        raise ValueError(f"{_shown(label, path)} is {_short(value)}, outside the space: {rule}")


def _holds(condition: Condition, values: Values) -> NDArray[np.bool_]:
    if isinstance(condition, Table):
        return np.asarray(condition.at(values.x) != 0)
    return np.asarray(values.compute(condition) != 0)


def _ticket(
    weights: NDArray[np.float64], row: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return a choice for each arch, drawn by its row of weights."""
    bounds = np.cumsum(weights, axis=1)
    ticket = rng.random(len(row))
    choice = np.zeros(len(row), np.intp)
    for bound in (bounds / bounds[:, -1:]).T[:-1]:
        choice += ticket >= bound[row]
    return choice


def _path(dim: Dim) -> _Path:
    """Return the keys that lead to a choice in arch.json."""
    if dim.stage is None:
        return (dim.key,) if dim.key == "resolution" else ("choices", dim.key)
    blocks = () if dim.block is None else ("blocks", dim.block)
    return ("stages", dim.stage, *blocks, dim.key)


def _shown(label: str, path: _Path) -> str:
    """Return a path as a person writes it: archs[0].stages.s1.blocks[2].kernel."""
    return label + "".join(f"[{k}]" if isinstance(k, int) else f".{str(k)[:80]}" for k in path)


def _short(value: object) -> str:
    return reprlib.repr(value)


def _alternatives(values: Sequence[object]) -> str:
    listed = ", ".join(str(value) for value in values)
    return f"one of {listed}" if len(values) > 1 else listed or "none"
