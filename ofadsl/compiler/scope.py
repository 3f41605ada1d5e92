"""What a name stands for while a space is elaborated.

A scope maps names to bindings; a binding keeps the expression that gave the value and the scope
in which it was read, so that a message can point at the set that a value came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.expr import TRUE, Expr, Value


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
    """A stage by name; ``block`` is the one meant, where the user has ``written`` it or in turn."""

    name: str
    block: int | None = None
    written: bool = False


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
    """Names seen from one body, and what its expressions came to.

    ``values`` and ``calls`` keep, by the identity of an expression, its value and the scope of a
    function's body: a set that was read once stays one dimension, and what is generated later can
    ask what an expression stood for.
    """

    parent: Scope | None = None
    names: dict[str, Binding] = field(default_factory=dict)
    values: dict[int, Expr] = field(default_factory=dict)
    calls: dict[int, Scope] = field(default_factory=dict)

    def find(self, name: str) -> Binding | None:
        """Return what ``name`` stands for, or None."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def bind(
        self,
        name: str,
        meaning: Meaning,
        origin: syntax.Expression | None = None,
        scope: Scope | None = None,
    ) -> None:
        """Give ``name`` a meaning, read from ``origin`` in ``scope``."""
        self.names[name] = Binding(meaning=meaning, origin=origin, scope=scope)

    def inner(self) -> Scope:
        """Return a scope inside this one."""
        return Scope(parent=self)

    def snapshot(self, wanted: Iterable[str]) -> Scope:
        """Return the wanted names as they are now, whatever is added later."""
        names = {name: self.names[name] for name in wanted if name in self.names}
        return Scope(parent=self.parent, names=names)


Written = tuple[syntax.Expression, Scope]
"""An expression and the scope that it is read in."""
