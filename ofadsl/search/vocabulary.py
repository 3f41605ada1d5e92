"""The names that an expression of a search may use: costs, devices, dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ofadsl.expr import Value
from ofadsl.search.kinds import Kind
from ofadsl.space import Space

MICRO = {"arena_bytes": Kind.BYTES, "flash_bytes": Kind.BYTES}
"""Costs of a microcontroller, in int8: of spaces whose ops all have a footprint there."""

ANALYTIC = {
    "macs": Kind.PLAIN,
    "params": Kind.PLAIN,
    "weight_bytes": Kind.BYTES,
    "peak_memory": Kind.BYTES,
    **MICRO,
}
"""Costs that need no device; MICRO not in every space."""

MEASURED = {"latency": Kind.TIME, "energy": Kind.ENERGY}
"""Costs of a device: `latency[pixel]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A dimension: its column, whether its values are words, and these."""

    column: int
    kind: Kind
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What names mean."""

    costs: Mapping[str, Kind]
    """The analytic costs, and accuracy where there is a source of it."""
    devices: Mapping[str, tuple[str, ...]]
    """The devices that were calibrated, for `latency` and `energy`."""
    dimensions: Mapping[str, Dimension]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that can be written, as it is written."""
        measured = (f"{cost}[{name}]" for cost, names in self.devices.items() for name in names)
        return (*self.costs, *measured, *self.dimensions)

    @property
    def words(self) -> frozenset[str]:
        """The values of dimensions that are words."""
        return frozenset(word for dim in self.dimensions.values() for word in dim.words)


def vocabulary_of(
    space: Space, devices: Mapping[str, tuple[str, ...]], *, accuracy: bool, micro: bool = False
) -> Vocabulary:
    """Return the names for a space and the devices that it was calibrated on."""
    dimensions = dimensions_named({dim.var.name: dim.var.values for dim in space.dims})
    costs = {name: kind for name, kind in ANALYTIC.items() if micro or name not in MICRO}
    costs |= {"accuracy": Kind.PLAIN} if accuracy else {}
    return Vocabulary(costs=costs, devices=devices, dimensions=dimensions)


def dimensions_named(values: Mapping[str, tuple[Value, ...]]) -> dict[str, Dimension]:
    """Return what the names of dimensions mean, by their values, in the order of their columns."""
    found = {}
    for column, (name, own) in enumerate(values.items()):
        words = tuple(value for value in own if isinstance(value, str))
        kind = Kind.WORD if words else Kind.PLAIN
        found[name] = Dimension(column=column, kind=kind, words=words)
    return found
