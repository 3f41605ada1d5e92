"""The names that a text can see, before anything is evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field

from ofadsl.diagnostics import Span


@dataclass(slots=True)
class Names:
    """The names that a body can see: values, functions with their arity, stages."""

    parent: Names | None = None
    values: set[str] = field(default_factory=set)
    functions: dict[str, int] = field(default_factory=dict)
    stages: set[str] = field(default_factory=set)
    later: frozenset[str] = frozenset()
    """What the body declares, up to its end."""
    labels: dict[str, Span] = field(default_factory=dict)
    """The parts of the body so far, of which each has a name of its own."""

    def find(self, name: str) -> str | int | None:
        """Return `value`, `stage`, the arity of a function, or None."""
        names: Names | None = self
        while names is not None:
            if name in names.functions:
                return names.functions[name]
            if name in names.values:
                return "value"
            if name in names.stages:
                return "stage"
            names = names.parent
        return None

    def comes(self, name: str) -> bool:
        """Return whether ``name`` is declared further down."""
        return name in self.later or (self.parent is not None and self.parent.comes(name))

    def is_part(self, name: str) -> bool:
        """Return whether ``name`` is the label of an op or block here."""
        return name in self.labels or (self.parent is not None and self.parent.is_part(name))

    def visible(self) -> set[str]:
        """Return every name that can be seen."""
        own = self.values | set(self.functions) | self.stages
        return own | self.parent.visible() if self.parent else own
