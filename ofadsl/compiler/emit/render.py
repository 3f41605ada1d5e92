"""Values of all copies of a block, written as one Python expression that serves them all.

In: the value that something has in each copy, and the text that the user wrote for it. Out: a
literal, a name, or the user's own expression in Python; where none of these serves, a new
argument that the caller passes. So every valid space can be written, and most read as they were.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.compiler.emit.text import identifier, literal, spelt_literal
from ofadsl.compiler.scope import Function, Scope
from ofadsl.expr import (
    FUNCTIONS,
    TRUE,
    Code,
    Const,
    Expr,
    apply,
    assignments,
    atom,
    evaluate,
    joined,
    upper,
)

Vals = tuple[object, ...]
"""One value a copy: an expression, a static value, or None where the copy has no such part."""
Scopes = tuple[Scope | None, ...]

_FEATURES = re.compile(r"(x|shortcut)(_?[0-9]+)+")
"""The variables of `forward` that hold features, where there are several ways."""


@dataclass(slots=True)
class Entry:
    """A name known in the class: an argument or a `let`."""

    name: str
    vals: Vals
    parameter: str | None = None
    text: str | None = None
    """What a `let` is computed from."""
    in_init: bool = False
    in_forward: bool = False

    @property
    def elastic(self) -> bool:
        """Whether the value depends on choices in some copy."""
        return is_elastic(self.vals)


@dataclass(slots=True)
class Render:
    """The names of one class, and which of them are used where."""

    attributes: frozenset[str]
    """Names that the parts of the block take."""
    entries: list[Entry] = field(default_factory=list)
    sources: list[tuple[Vals, Code]] = field(default_factory=list)
    last_flag: str = ""

    def add(self, name: str, vals: Vals, parameter: str | None = None) -> Entry:
        """Make a name known."""
        name = f"{name}_" if _FEATURES.fullmatch(name) else name
        entry = Entry(name=self._free(name), vals=plain(vals), parameter=parameter or name)
        self.entries.append(entry)
        return entry

    def let(self, let: syntax.Let, vals: Vals, scopes: Scopes) -> Entry | None:
        """Make a `let` known; return it where `forward` may have to compute it."""
        vals = plain(vals)
        if same_static(vals) is not None:
            return None
        text = None
        if is_elastic(vals):
            written = self._written(let.value, scopes)
            text = written.text if written else None
        entry = self.add(identifier(let.name.text), vals, let.name.text)
        entry.text = text
        return entry if text is not None else None

    def choice(self, name: str, scopes: Scopes) -> None:
        """Make a `choice` of the block known."""
        bindings = [s.find(name) if s else None for s in scopes]
        self.add(identifier(name), tuple(b.meaning if b else None for b in bindings), name)

    def written(self, vals: Vals, written: Vals, hint: str) -> Code:
        """Return an expression for `forward` of what a call was given."""
        given = [w for w in written if isinstance(w, tuple)]
        texts = {id(w[0]) for w in given}
        if len(texts) != 1 or len(given) != sum(v is not None for v in vals):
            return self.forward(vals, None, (), hint)
        expr = given[0][0]
        scopes = tuple(w[1] if isinstance(w, tuple) else None for w in written)
        read = values_of(expr, scopes)
        if read is not None and not agree(read, vals):
            if not agree(plain(tuple(map(_rounded, read))), vals):
                return self.forward(vals, None, (), hint)
            # a fraction that is whole for every choice
            code = joined("round", [self.forward(read, expr, scopes, hint)])
            self.sources.append((vals, code))
            return code
        return self.forward(vals, expr, scopes, hint)

    def init(self, vals: Vals, hint: str, parameter: str | None) -> str:
        """Return an expression for `__init__`: the upper bound of the value."""
        bounds = self.uppers(vals)
        fixed = same_static(bounds)
        if fixed is not None:
            return literal(fixed)
        vals = plain(vals)
        named = [e for e in self.entries if parameter is not None and e.parameter == parameter]
        exact = [e for e in reversed(self.entries) if agree(e.vals, vals)]
        bounded = [e for e in reversed(self.entries) if agree(self.uppers(e.vals), bounds)]
        known: list[Entry] = [*named, *exact, *(bounded if is_elastic(vals) else [])]
        for entry in known:
            if agree(self.uppers(entry.vals), bounds):
                entry.in_init = True
                return entry.name
        entry = self.add(hint, bounds)
        entry.in_init = True
        return entry.name

    def condition(
        self, vals: Vals, expr: syntax.Expression | None, scopes: Scopes, hint: str
    ) -> Code:
        """Return a condition for `forward`; ``hint`` names the flag that it may need."""
        self.last_flag = hint
        vals = plain(vals)
        if is_elastic(vals):
            return self.forward(vals, expr, scopes, hint)
        flags = [e for e in self.entries if e.parameter == hint and agree(e.vals, vals)]
        return self._reference(flags[0] if flags else self.add(hint, vals))

    def channels(self, vals: Vals, computed: Code | None = None) -> Code | None:
        """Return the expression for the channels after a part, or None where none depends.

        ``computed`` is one that is right, for want of a name.
        """
        vals = plain(vals)
        if not is_elastic(vals):
            return None
        for entry in reversed(self.entries):
            if agree(entry.vals, vals):
                return self._reference(entry)
        for known, text in reversed(self.sources):
            if agree(known, vals):
                return text
        return computed

    def uppers(self, vals: Vals) -> Vals:
        """Return what to allocate in each copy; a word that a choice gives stays as it is."""
        return tuple(upper(v) if isinstance(v, Expr) and _is_number(v) else v for v in plain(vals))

    def forward(
        self, vals: Vals, expr: syntax.Expression | None, scopes: Scopes, hint: str
    ) -> Code:
        """Return an expression for `forward`."""
        vals = plain(vals)
        fixed = same_static(vals)
        if fixed is not None:
            return spelt_literal(fixed)
        parameter = expr.text if isinstance(expr, syntax.Name) else None
        named = [e for e in self.entries if parameter is not None and e.parameter == parameter]
        for entry in (*named, *reversed(self.entries)):
            if agree(entry.vals, vals):
                return self._reference(entry)
        found = self._written(expr, scopes) if is_elastic(vals) and expr is not None else None
        if found is None:
            found = self._reference(self.add(identifier(hint), vals, parameter or hint))
        self.sources.append((vals, found))
        return found

    def _reference(self, entry: Entry) -> Code:
        entry.in_forward = True
        if entry.elastic:
            return atom(entry.name)
        entry.in_init = True
        return atom(f"self.{self.attribute(entry)}")

    def attribute(self, entry: Entry) -> str:
        """Return the name under which ``self`` keeps a static value."""
        return f"{entry.name}_" if entry.name in self.attributes else entry.name

    def _written(self, expr: syntax.Expression, scopes: Scopes) -> Code | None:
        """Return the user's expression in Python, or None where it does not serve all copies."""
        inside = isinstance(expr, syntax.Apply) and any(s and id(expr) in s.calls for s in scopes)
        if not inside and any(values_of(part, scopes) is None for part in syntax.parts(expr)):
            return None  # before any part of it becomes an argument
        match expr:
            case syntax.Name(text=name):
                return self._origin(name, scopes)
            case syntax.Unary(op=op, operand=operand):
                return self._joined("not" if op == "not" else "neg", (operand,), scopes)
            case syntax.Binary(op=op, left=left, right=right):
                return self._joined(op, (left, right), scopes)
            case syntax.IfElse(condition=condition, then=then, orelse=orelse):
                fixed = same_static(values_of(condition, scopes) or ())
                if isinstance(fixed, bool):
                    taken = then if fixed else orelse
                    values = values_of(taken, scopes)
                    return None if values is None else self.forward(values, taken, scopes, "size")
                return self._joined("if", (condition, then, orelse), scopes)
            case syntax.Apply():
                return self._apply(expr, scopes)
            case _:
                return None

    def _joined(
        self, op: str, operands: tuple[syntax.Expression, ...], scopes: Scopes
    ) -> Code | None:
        parts = []
        for operand in operands:
            vals = values_of(operand, scopes)
            if vals is None:
                return None
            parts.append(self.forward(vals, operand, scopes, _hint(operand)))
        return joined(op, parts)

    def _origin(self, name: str, scopes: Scopes) -> Code | None:
        """Follow a name to what it was bound to, outside of what the class knows."""
        bindings = [s.find(name) if s else None for s in scopes]
        origins = {id(b.origin) for b in bindings if b}
        first = next((b for b in bindings if b), None)
        if first is None or first.origin is None or len(origins) != 1:
            return None
        inner = tuple(b.scope if b else None for b in bindings)
        return self._written(first.origin, inner)

    def _apply(self, expr: syntax.Apply, scopes: Scopes) -> Code | None:
        name = expr.function.text
        inner = tuple(s.calls.get(id(expr)) if s else None for s in scopes)
        if any(inner):
            first = next(s for s in scopes if s)
            binding = first.find(name)
            if binding is None or not isinstance(binding.meaning, Function):
                return None
            return self._written(binding.meaning.let.value, inner)
        return self._joined(name, expr.arguments, scopes) if name in FUNCTIONS else None

    def _free(self, name: str) -> str:
        taken = {e.name for e in self.entries}
        unique, number = name, 2
        while unique in taken:
            unique = f"{name}_{number}"
            number += 1
        return unique


def _is_number(value: Expr) -> bool:
    first = evaluate(value, next(assignments(value.support)))
    return bool(value.support) and isinstance(first, int | float)


def _rounded(value: object) -> object:
    return apply("round", value) if isinstance(value, Expr | float) else value


def plain(vals: Vals) -> Vals:
    """Return the values with constants unwrapped."""
    return tuple(v.value if isinstance(v, Const) else v for v in vals)


def is_elastic(vals: Vals) -> bool:
    """Return whether a value depends on choices in some copy."""
    return any(isinstance(v, Expr) and bool(v.support) for v in vals)


def agree(known: Vals, wanted: Vals) -> bool:
    """Return whether two values are equal wherever both exist, and somewhere they do."""
    pairs = [(a, b) for a, b in zip(known, wanted, strict=True) if b is not None]
    return bool(pairs) and all(_equal(a, b) for a, b in pairs)


def _equal(a: object, b: object) -> bool:
    """Return whether two values are equal, for every choice where they depend on any.

    What is generated passes on the value itself: 8.0 is no number of channels.
    """
    if isinstance(a, Expr) and isinstance(b, Expr) and a.support == b.support:
        return a == b or (a.kind is b.kind and apply("==", a, b) == TRUE)
    return type(a) is type(b) and a == b


def same_static(vals: Vals) -> object:
    """Return the one static value of all copies, or None."""
    found = [v for v in plain(vals) if v is not None]
    first = found[0] if found else None
    if isinstance(first, Expr):
        return None
    same = all(type(v) is type(first) and v == first for v in found)
    return first if same else None


def values_of(expr: syntax.Expression, scopes: Scopes) -> Vals | None:
    """Return what an expression came to in each copy, or None where one did not read it."""
    vals: list[object] = []
    for scope in scopes:
        if scope is None:
            vals.append(None)
            continue
        value: object = scope.values.get(id(expr))
        if value is None and isinstance(expr, syntax.Name):
            binding = scope.find(expr.text)
            value = binding.meaning if binding and isinstance(binding.meaning, Expr) else None
        if value is None and isinstance(expr, syntax.Number | syntax.Bool):
            value = expr.value
        if value is None:
            return None
        vals.append(value)
    return plain(tuple(vals))


def _hint(expr: syntax.Expression) -> str:
    return expr.text if isinstance(expr, syntax.Name) else "size"
