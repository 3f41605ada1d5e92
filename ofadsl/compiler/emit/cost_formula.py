"""Expressions as numpy functions: for what depends on too many dimensions to be looked up.

One assignment for each operation, so that lines stay short and what is used twice is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ofadsl.compiler.emit.text import literal
from ofadsl.expr import Apply, Const, Expr, Var

_FUNCTIONS = {
    "if": "np.where",
    "and": "np.logical_and",
    "or": "np.logical_or",
    "not": "np.logical_not",
    "neg": "np.negative",
    "round": "np.rint",
    "floor": "np.floor",
    "min": "np.minimum",
    "max": "np.maximum",
    "divisible": "_divisible",
}


@dataclass(slots=True)
class Formula:
    """The body of a function of ``v``, the values of the dimensions by name."""

    lines: list[str] = field(default_factory=list)
    names: dict[Expr, str] = field(default_factory=dict)

    def result(self, expr: Expr) -> str:
        """Add the lines that compute ``expr`` and return the name of what they give."""
        for part in _ordered(expr):
            if part not in self.names:
                self.names[part] = self._name(part)
        return self.names[expr]

    def _name(self, expr: Expr) -> str:
        if isinstance(expr, Const):
            return literal(expr.value)
        name = f"a{len(self.lines)}"
        self.lines.append(f"{name} = {self._text(expr)}")
        return name

    def _text(self, expr: Expr) -> str:
        if isinstance(expr, Var):
            return f'v["{expr.name}"]'
        assert isinstance(expr, Apply), expr
        args = [self.names[arg] for arg in expr.args]
        if expr.op in ("min", "max"):
            text = args[0]
            for arg in args[1:]:
                text = f"{_FUNCTIONS[expr.op]}({text}, {arg})"
            return text
        if expr.op in _FUNCTIONS:
            return f"{_FUNCTIONS[expr.op]}({', '.join(args)})"
        return f"{args[0]} {expr.op} {args[1]}"


def _ordered(expr: Expr) -> Iterator[Expr]:
    """Yield the parts of ``expr`` before what they are part of, each once."""
    seen: set[Expr] = set()
    waiting = [(expr, False)]
    while waiting:
        part, ready = waiting.pop()
        if ready:
            yield part
        elif part not in seen:
            seen.add(part)
            waiting.append((part, True))
            if isinstance(part, Apply):
                waiting += [(arg, False) for arg in reversed(part.args)]
