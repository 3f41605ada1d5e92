"""The dimensions of a space while it is elaborated: their names, and where an arch writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ofadsl.compiler.scope import Place
from ofadsl.diagnostics import Span
from ofadsl.expr import Value, Var
from ofadsl.space import Dim


@dataclass(slots=True)
class Dimensions:
    """Every dimension made so far, by its full name, in the order of the text."""

    by_name: dict[str, Dim] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    poisoned: set[tuple[str | None, str]] = field(default_factory=set)
    blocks: dict[str, int] = field(default_factory=dict)

    def make(
        self,
        name: str,
        values: tuple[Value, ...],
        place: Place,
        span: Span,
        allocate: int | None = None,
    ) -> Var:
        """Return a new dimension called ``name`` where elaboration stands.

        Its full name is `name` in a space, `stage.name` in a stage, `stage.block.name` in a block
        of a stage; a second one of the same name is numbered.
        """
        prefix = ""
        if place.stage is not None:
            prefix = f"{place.stage}."
        if place.block is not None:
            prefix += f"{place.block}."
        base = key = f"{place.path}{name}"
        number = self.numbers.get(prefix + base, 2)
        while prefix + key in self.by_name:
            key = f"{base}_{number}"
            number += 1
        self.numbers[prefix + base] = number
        var = Var(prefix + key, values, allocate)
        self.spans[prefix + key] = span
        self.by_name[prefix + key] = Dim(
            var=var, key=key, stage=place.stage, block=place.block, live=place.when
        )
        return var

    def of_stage(self, stage: str) -> Iterator[Dim]:
        """Yield the dimensions of a stage and of its blocks."""
        return (dim for dim in self.by_name.values() if dim.stage == stage)

    def in_stage(self, stage: str, block: int | None, key: str) -> Dim | None:
        """Return the dimension of a stage or of one of its blocks."""
        middle = "" if block is None else f"{block}."
        return self.by_name.get(f"{stage}.{middle}{key}")

    def poison(self, place: Place, name: str) -> None:
        """Note that a mistake was reported where this dimension would be made."""
        self.poisoned.add((place.stage, f"{place.path}{name}"))

    def is_poisoned(self, stage: str, key: str) -> bool:
        """Return whether a dimension of a stage may be missing because of a mistake."""
        return (stage, key) in self.poisoned
