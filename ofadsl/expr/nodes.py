"""The nodes of expressions, and ``apply``, which makes them and simplifies as it does.

Out: an expression that says what it depends on, its type and its size. What no choice can change
is a plain number at once, so that a shape which is the same for every subnet reads as one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary

from ofadsl.expr.arithmetic import (
    LOGIC,
    OPERATIONS,
    TooLargeError,
    Value,
    checked,
    common,
    magnitude,
    resulting_kind,
    resulting_size,
)
from ofadsl.expr.spelling import Code, atom, joined, spelt_value

WIDEST = 1024
"""Dimensions that one value depends on."""
SMALL = 32
"""So many assignments are tried when an expression is made, to see if it is constant."""
_SMALL_LOGIC = 512  # the same for conditions, which are more often constant than numbers are
_TABLED = 512  # the values of so many are kept, for what the expression becomes a part of


class Expr:
    """A number, truth value or word that may depend on choices; immutable and hashable."""

    __slots__ = ("__weakref__", "_hash", "depth", "kind", "size", "support", "table")

    support: tuple[Var, ...]
    depth: int
    """Levels of operators, which whatever reads the expression may recurse."""
    kind: type
    """The type of its values; ``float`` also of numbers that may be whole."""
    size: float
    """No value is farther from 0, roughly."""
    table: tuple[Value, ...] | None
    """The value under each assignment of the support, where they are few."""
    _hash: int

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Expr | float) -> Expr:
        return apply("+", self, other)

    def __radd__(self, other: float) -> Expr:
        return apply("+", other, self)

    def __sub__(self, other: Expr | float) -> Expr:
        return apply("-", self, other)

    def __rsub__(self, other: float) -> Expr:
        return apply("-", other, self)

    def __mul__(self, other: Expr | float) -> Expr:
        return apply("*", self, other)

    def __rmul__(self, other: float) -> Expr:
        return apply("*", other, self)

    def __floordiv__(self, other: Expr | int) -> Expr:
        return apply("//", self, other)

    def __rfloordiv__(self, other: int) -> Expr:
        return apply("//", other, self)

    def __mod__(self, other: Expr | int) -> Expr:
        return apply("%", self, other)

    def __str__(self) -> str:
        return self.spelling(lambda var: var.name).text

    def __repr__(self) -> str:
        return f"<{self}>"

    def spelling(self, name: Callable[[Var], str]) -> Code:
        """Return Python text, with each variable written as ``name`` says."""
        raise NotImplementedError


class Const(Expr):
    """A value that no choice changes."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value
        self.support = ()
        self.depth = 0
        self.kind = type(value)
        self.size = magnitude(value)
        self.table = (value,)
        self._hash = hash((type(value), value))

    __hash__ = Expr.__hash__

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Const)
            and type(self.value) is type(other.value)
            and self.value == other.value
        )

    def spelling(self, name: Callable[[Var], str]) -> Code:
        """Return a literal."""
        return spelt_value(self.value)


class Var(Expr):
    """One choice of an arch, by name; ``allocate`` is a size to allocate beyond the values."""

    __slots__ = ("allocate", "name", "values")

    def __init__(self, name: str, values: Iterable[Value], allocate: float | None = None) -> None:
        self.name = name
        self.values = tuple(values)
        self.allocate = allocate
        self.support = (self,)
        self.depth = 0
        self.kind = common({type(value) for value in self.values})
        self.size = max(map(magnitude, (*self.values, allocate or 0)))
        self.table = self.values
        self._hash = hash((name, self.values, allocate))

    __hash__ = Expr.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Var)
            and self._hash == other._hash
            and (self.name, self.values, self.allocate)
            == (other.name, other.values, other.allocate)
        )

    def spelling(self, name: Callable[[Var], str]) -> Code:
        """Return the variable's name."""
        return atom(name(self))


class Apply(Expr):
    """An operator or function on expressions; made by ``apply`` alone, which simplifies."""

    __slots__ = ("args", "op")

    def __init__(self, op: str, args: tuple[Expr, ...]) -> None:
        self.op = op
        self.args = args
        supports = {arg.support for arg in args if arg.support}
        if len(supports) == 1:
            self.support = supports.pop()
        else:
            merged = {var.name: var for support in supports for var in support}
            self.support = tuple(merged[name] for name in sorted(merged))
        self.depth = 1 + max(arg.depth for arg in args)
        self.kind = resulting_kind(op, [arg.kind for arg in args])
        self.size = resulting_size(op, [arg.size for arg in args], args[-1].table or ())
        self.table = None
        self._hash = hash((op, args))

    __hash__ = Expr.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Apply)
            and self._hash == other._hash
            and self.op == other.op
            and self.args == other.args
        )

    def spelling(self, name: Callable[[Var], str]) -> Code:
        """Return the operands, joined."""
        op, args = self.op, self.args
        last = args[-1]
        if op == "+" and isinstance(last, Const) and isinstance(last.value, int) and last.value < 0:
            op, args = "-", (args[0], Const(-last.value))
        parts = []
        for arg in args:  # no comprehension: an expression may be as deep as the stack allows
            parts.append(arg.spelling(name))
        return joined(op, parts)


class Unknown(Expr):
    """Stands for a value that a reported mistake left open; whatever uses it is unknown too."""

    __slots__ = ()

    def __init__(self) -> None:
        self.support = ()
        self.depth = 0
        self.kind = object
        self.size = 0
        self.table = None
        self._hash = 0

    def spelling(self, name: Callable[[Var], str]) -> Code:
        """Return a mark, which only messages show."""
        return atom("?")


TRUE, FALSE = Const(True), Const(False)
UNKNOWN = Unknown()


def const(value: Expr | Value) -> Expr:
    """Return ``value`` as an expression."""
    return value if isinstance(value, Expr) else Const(value)


def static(expr: Expr | Value) -> Value | None:
    """Return the value that no choice changes, or None."""
    if isinstance(expr, Const):
        return expr.value
    return None if isinstance(expr, Expr) else expr


def combinations(variables: Iterable[Var]) -> int:
    """Return how many assignments the variables have."""
    number = 1
    for var in variables:
        number *= len(var.values)
    return number


def apply(op: str, *operands: Expr | Value) -> Expr:
    """Return ``op`` of the operands, simplified.

    Raises TooLargeError, ZeroDivisionError or TypeError where constants allow no result.
    """
    args = tuple(map(const, operands))
    values = []
    for arg in args:
        if arg is UNKNOWN:
            return UNKNOWN
        if type(arg) is Const:
            values.append(arg.value)
    if len(values) == len(args):
        return Const(checked(OPERATIONS[op](*values)))
    known = _MADE.get((op, args))
    if known is not None:
        return known
    simple = _identity(op, args)
    return _made(op, args) if simple is None else simple


def _made(op: str, args: tuple[Expr, ...]) -> Expr:
    """Return the expression, or the constant that it is for all choices, where these are few."""
    expr = Apply(op, args)
    if len(expr.support) > WIDEST:
        raise TooLargeError(f"this depends on more than {WIDEST} dimensions")
    number = combinations(expr.support)
    limit = _SMALL_LOGIC if op in LOGIC else SMALL
    if number <= max(limit, _TABLED):
        table = _values(expr)
        if number <= limit and table.count(table[0]) == number and _same_type(table):
            return Const(checked(table[0]))
        if number <= _TABLED:
            expr.table = table
    _MADE[op, args] = expr
    return expr


_MADE: WeakValueDictionary[tuple[str, tuple[Expr, ...]], Apply] = WeakValueDictionary()
"""Expressions in use: equal ones are one object, however often their parts stand in them."""


def _same_type(values: tuple[Value, ...]) -> bool:
    """Return whether all values have one type: 1, 1.0 and True are equal, and differ as text."""
    return len(set(map(type, values))) == 1


def _values(expr: Apply) -> tuple[Value, ...]:
    """Return the values of ``expr`` under every assignment, from those of its operands."""
    function = OPERATIONS[expr.op]
    return tuple(map(function, *[_spread(arg, expr.support) for arg in expr.args]))


def _spread(expr: Expr, support: tuple[Var, ...]) -> Iterable[Value]:
    """Return the values of ``expr`` under every assignment of a wider support."""
    if expr.table is None:
        assert isinstance(expr, Apply), expr
        return map(OPERATIONS[expr.op], *[_spread(arg, support) for arg in expr.args])
    if len(expr.support) == len(support):
        return expr.table
    if not expr.support:
        return itertools.repeat(expr.table[0], combinations(support))
    strides, stride = {}, 1
    for var in reversed(expr.support):
        strides[var.name] = stride
        stride *= len(var.values)
    places = [0]
    for var in support:
        stride = strides.get(var.name, 0)
        places = [place + stride * i for place in places for i in range(len(var.values))]
    return [expr.table[place] for place in places]


def _identity(op: str, args: tuple[Expr, ...]) -> Expr | None:
    """Return the simpler equal of ``op`` of ``args`` where algebra knows one."""
    if op in LOGIC or op == "if":
        return _logic_identity(op, args)
    first, last = args[0], args[-1]
    if op in ("min", "max"):
        return first if args == (first, first) else None
    return _whole_identity(op, first, last) if {first.kind, last.kind} == {int} else None


def _whole_identity(op: str, first: Expr, last: Expr) -> Expr | None:
    """Return the simpler equal of an operator on whole numbers.

    Of fractions the same would give other values, or values of another type: `x // 1` rounds, and
    `(x + 1) - 1` is not always x.
    """
    left, right = static(first), static(last)
    if op in ("+", "*") and left == (0 if op == "+" else 1):
        return last
    if (op in ("+", "-") and right == 0) or (op in ("*", "//") and right == 1):
        return first
    if op == "*" and 0 in (left, right):
        return Const(0)
    if op == "-" and isinstance(right, int):
        return apply("+", first, -right)
    if op == "+" and isinstance(right, int) and isinstance(first, Apply) and first.op == "+":
        inner = static(first.args[-1])
        if isinstance(inner, int):  # (x + 1) - 1 is x, also deep in a shape
            return apply("+", first.args[0], inner + right)
    return None


def _either(condition: Expr, then: Expr, orelse: Expr) -> Expr | None:
    """Return ``b`` for ``b if a != b else a``: where it is the other, the two are equal."""
    if not isinstance(condition, Apply) or condition.op not in ("==", "!="):
        return None
    if condition.args not in ((then, orelse), (orelse, then)) or {then.kind, orelse.kind} != {int}:
        return None
    return then if condition.op == "!=" else orelse


def _logic_identity(op: str, args: tuple[Expr, ...]) -> Expr | None:
    first, last = args[0], args[-1]
    left, right = static(first), static(last)
    if op == "if":
        if isinstance(left, bool):
            return args[1] if left else last
        return last if args[1] == last else _either(*args)
    if op in ("and", "or"):
        neutral = op == "and"
        if (not neutral) in (left, right):
            return Const(not neutral)
        if left is neutral or first == last:
            return last
        return first if right is neutral else None
    return TRUE if op in ("==", "<=", ">=") and first == last else None
