"""What a name stands for while a space is elaborated.

A scope maps names to bindings; a binding keeps the expression that gave the value and the scope
in which it was read, so that a message can point at the set that a value came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.expr import TRUE, Expr, Value, Var


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A set: where a value is expected, it becomes a dimension."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """``let w(c) = ...`` with the scope that its body sees."""

    let: syntax.Let
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRef:
    """A stage by name; ``block`` is the one meant where each of its blocks is meant in turn."""

    name: str
    block: int | None = None


Meaning = Expr | Choices | Function | StageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A meaning and where it comes from."""

    meaning: Meaning
    origin: syntax.Expression | None = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where elaboration stands: the path for names, the stage and block, what must hold here."""

    path: str = ""
    stage: str | None = None
    block: int | None = None
    when: Expr = TRUE


@dataclass(slots=True, eq=False)
class Scope:
    """Names seen from one body, and the dimensions that its expressions made."""

    parent: Scope | None = None
    names: dict[str, Binding] = field(default_factory=dict)
    dims: dict[int, Var] = field(default_factory=dict)

    def find(self, name: str) -> Binding | None:
        """Return what ``name`` stands for, or None."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def inner(self) -> Scope:
        """Return a scope inside this one."""
        return Scope(parent=self)

    def snapshot(self) -> Scope:
        """Return the scope as it is now, whatever is added later."""
        return Scope(parent=self.parent, names=dict(self.names))

    def visible(self) -> list[str]:
        """Return every name that can be seen from here."""
        return list(self.names) + (self.parent.visible() if self.parent else [])
