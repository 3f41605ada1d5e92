"""Expressions over the dimensions of a space: numbers that depend on choices.

In: constants, variables (a variable takes one of a few values), operators. Out: three readings of
the same expression: ``upper`` says how much to allocate, ``evaluate`` what a given arch needs,
``source`` the Python text for generated code. Expressions simplify themselves when they are made,
so that a shape that no choice can change is a plain number.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping

Value = int | float | bool | str
Size = "Expr | int"  # what the methods of an op take: symbols in the compiler, ints at run time

LARGEST = 10**15
"""No number of a space is larger: it keeps every float exact and every hostile product short."""


DEEPEST = 100
"""Levels of operators in an expression of a space; generated code nests as deeply."""
WIDEST = 1024
"""Dimensions that one value depends on."""
_HUGE = 1e40  # sizes are rough bounds: beyond this nothing is the size of a network


class TooLargeError(ValueError):
    """A number beyond LARGEST, or not finite."""


def divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """Round ``value`` to a multiple of ``divisor``, at least ``least``, never below 0.9 of it."""
    least = divisor if least is None else least
    rounded = max(least, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _select(condition: Value, then: Value, orelse: Value) -> Value:
    return then if condition else orelse


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": operator.not_,
    "neg": operator.neg,
    "if": _select,
    "round": round,
    "floor": math.floor,
    "min": min,
    "max": max,
    "divisible": divisible,
}
FUNCTIONS = ("round", "floor", "min", "max", "divisible")
"""The functions that a user can call in an expression."""

_PRECEDENCE = {"if": 1, "or": 2, "and": 3, "not": 4, "+": 6, "-": 6, "neg": 8}
_PRECEDENCE |= dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 5)
_PRECEDENCE |= dict.fromkeys(("*", "/", "//", "%"), 7)
_ATOM = 9


class Expr:
    """A number, truth value or word that may depend on choices; immutable and hashable."""

    __slots__ = ("_hash", "depth", "kind", "size", "support", "table")

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
        return source(self)

    def __repr__(self) -> str:
        return f"<{source(self)}>"


class Const(Expr):
    """A value that no choice changes."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value
        self.support = ()
        self.depth = 0
        self.kind = type(value)
        self.size = _magnitude(value)
        self.table = (value,)
        self._hash = hash((type(value), value))

    __hash__ = Expr.__hash__

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Const)
            and type(self.value) is type(other.value)
            and self.value == other.value
        )


class Var(Expr):
    """One choice of an arch, by name; ``allocate`` is a size to allocate beyond the values."""

    __slots__ = ("allocate", "name", "values")

    def __init__(self, name: str, values: Iterable[Value], allocate: float | None = None) -> None:
        self.name = name
        self.values = tuple(values)
        self.allocate = allocate
        self.support = (self,)
        self.depth = 0
        self.kind = _common({type(value) for value in self.values})
        self.size = max(map(_magnitude, (*self.values, allocate or 0)))
        self.table = self.values
        self._hash = hash((name, self.values))

    __hash__ = Expr.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Var) and self.name == other.name and self.values == other.values
        )


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
        self.kind = _kind(op, args)
        self.size = _size(op, args)
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


_SMALL = 32  # so many assignments are tried when an expression is made, to see if it is constant
_SMALL_LOGIC = 512  # the same for conditions, which are more often constant than numbers are
_TABLED = 256  # the values of so many are kept, for what the expression becomes a part of
_LOGIC = frozenset(("==", "!=", "<", "<=", ">", ">=", "and", "or", "not"))


def _magnitude(value: Value) -> float:
    return 0 if isinstance(value, str) else abs(value)


def _common(kinds: set[type]) -> type:
    """Return the one type, or ``float`` for numbers of both types."""
    return kinds.pop() if len(kinds) == 1 else float


def _kind(op: str, args: tuple[Expr, ...]) -> type:
    if op in _LOGIC:
        return bool
    if op in ("round", "floor", "divisible"):
        return int
    if op == "/":
        return float
    return _common({arg.kind for arg in (args[1:] if op == "if" else args)})


def _size(op: str, args: tuple[Expr, ...]) -> float:
    """Return a bound of the values that only has to be finite for sizes of a network."""
    if op in _LOGIC:
        return 1
    sizes = [arg.size for arg in args]
    match op:
        case "*":
            return sizes[0] * sizes[1]
        case "/" | "//":
            divisor = args[1]
            values = divisor.support[0].values if isinstance(divisor, Var) else divisor.table
            known = [abs(v) for v in values or () if v and not isinstance(v, str)]
            return sizes[0] / min(known, default=1) + 1
        case "%":
            return sizes[1]
        case "min" | "max" | "if":
            return max(sizes)
        case _:
            return sum(sizes) + 1


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
        return Const(_checked(_FUNCTIONS[op](*values)))
    simple = _identity(op, args)
    if simple is not None:
        return simple
    expr = Apply(op, args)
    if len(expr.support) > WIDEST:
        raise TooLargeError(f"this depends on more than {WIDEST} dimensions")
    number = combinations(expr.support)
    limit = _SMALL_LOGIC if op in _LOGIC else _SMALL
    if number <= max(limit, _TABLED):
        table = _values(expr)
        if number <= limit and table.count(table[0]) == number and _same_type(table):
            return Const(_checked(table[0]))
        if number <= _TABLED:
            expr.table = table
    return expr


def _same_type(values: tuple[Value, ...]) -> bool:
    """Return whether all values have one type: 1, 1.0 and True are equal, and differ as text."""
    return len(set(map(type, values))) == 1


def _values(expr: Apply) -> tuple[Value, ...]:
    """Return the values of ``expr`` under every assignment, from those of its operands."""
    function = _FUNCTIONS[expr.op]
    return tuple(map(function, *[_spread(arg, expr.support) for arg in expr.args]))


def _spread(expr: Expr, support: tuple[Var, ...]) -> Iterable[Value]:
    """Return the values of ``expr`` under every assignment of a wider support."""
    if expr.table is None:
        return [evaluate(expr, env) for env in assignments(support)]
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


def _checked(value: Value) -> Value:
    if isinstance(value, str) or (math.isfinite(value) and abs(value) <= LARGEST):
        return value
    raise TooLargeError(f"this goes beyond {LARGEST:.0e}")


def _identity(op: str, args: tuple[Expr, ...]) -> Expr | None:
    """Return the simpler equal of ``op`` of ``args`` where algebra knows one."""
    if op in _LOGIC or op == "if":
        return _logic_identity(op, args)
    first, last = args[0], args[-1]
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
    return first if op in ("min", "max") and args == (first, first) else None


def _logic_identity(op: str, args: tuple[Expr, ...]) -> Expr | None:
    first, last = args[0], args[-1]
    left, right = static(first), static(last)
    if op == "if":
        if isinstance(left, bool):
            return args[1] if left else last
        return last if args[1] == last else None
    if op in ("and", "or"):
        neutral = op == "and"
        if (not neutral) in (left, right):
            return Const(not neutral)
        if left is neutral or first == last:
            return last
        return first if right is neutral else None
    return TRUE if op in ("==", "<=", ">=") and first == last else None


_FLAT = 16


def bounded(expr: Expr) -> Expr:
    """Return ``expr``; raise TooLargeError where it nests too deeply or grows without bounds."""
    if expr.depth > DEEPEST:
        raise TooLargeError(f"this is made in more than {DEEPEST} steps")
    values = expr.table or ()
    if expr.size > _HUGE or any(_magnitude(value) > LARGEST for value in values):
        raise TooLargeError(f"this goes beyond {LARGEST:.0e}")
    return expr


def negate(condition: Expr) -> Expr:
    """Return ``not condition``."""
    return apply("not", condition)


def conjunction(conditions: Iterable[Expr]) -> Expr:
    """Return ``a and b and ...``; true of none. Of many, the nesting stays shallow."""
    parts = list(conditions)
    while len(parts) > _FLAT:
        parts = [conjunction(parts[i : i + _FLAT]) for i in range(0, len(parts), _FLAT)]
    result: Expr = TRUE
    for condition in parts:
        result = apply("and", result, condition)
    return result


def select(condition: Expr, then: Expr, orelse: Expr) -> Expr:
    """Return ``then if condition else orelse``."""
    return apply("if", condition, then, orelse)


def combinations(variables: Iterable[Var]) -> int:
    """Return how many assignments the variables have."""
    number = 1
    for var in variables:
        number *= len(var.values)
    return number


def assignments(variables: Iterable[Var], *, allocated: bool = False) -> Iterator[dict[str, Value]]:
    """Yield every assignment of the variables, the last one changing fastest."""
    variables = tuple(variables)
    names = [var.name for var in variables]
    domains = [
        (*var.values, var.allocate) if allocated and var.allocate is not None else var.values
        for var in variables
    ]
    for values in itertools.product(*domains):
        yield dict(zip(names, values, strict=True))


def evaluate(expr: Expr | Value, env: Mapping[str, Value]) -> Value:
    """Return the value of ``expr`` where each variable has the value that ``env`` gives it."""
    if isinstance(expr, Apply):
        args = expr.args
        if expr.op == "if":
            return evaluate(args[1 if evaluate(args[0], env) else 2], env)
        if len(args) == 2:  # no comprehension: an expression may be as deep as the stack allows
            return _FUNCTIONS[expr.op](evaluate(args[0], env), evaluate(args[1], env))
        values = []
        for arg in args:
            values.append(evaluate(arg, env))
        return _FUNCTIONS[expr.op](*values)
    if isinstance(expr, Var):
        return env[expr.name]
    return expr.value if isinstance(expr, Const) else expr  # type: ignore[return-value]


def tabulate(expr: Expr | Value, variables: tuple[Var, ...]) -> list[Value]:
    """Return the values of ``expr`` over all assignments of ``variables``, in their order."""
    names = {var.name: f"v{i}" for i, var in enumerate(variables)}
    text = source(const(expr), lambda var: names[var.name])
    # The text holds only what `source` writes: v<i>, checked literals and our own functions.
    function = eval(f"lambda {', '.join(names.values())}: {text}", dict(_SCOPE))
    return [function(*values) for values in itertools.product(*(v.values for v in variables))]


_SCOPE: dict[str, object] = {
    "__builtins__": {},
    "round": round,
    "floor": math.floor,
    "min": min,
    "max": max,
    "divisible": divisible,
}


def upper(expr: Expr | Value, *, limit: int = 1 << 16) -> int | float:
    """Return the largest value of ``expr``: what to allocate.

    Exact up to ``limit`` assignments; beyond that a bound from the bounds of the parts.
    """
    if not isinstance(expr, Expr) or isinstance(expr, Const):
        return _number(expr.value if isinstance(expr, Const) else expr)
    if combinations(expr.support) <= limit:
        return max(_number(evaluate(expr, e)) for e in assignments(expr.support, allocated=True))
    return _bounds(expr)[1]


def _number(value: object) -> int | float:
    assert isinstance(value, int | float), value
    return value


def _bounds(expr: Expr) -> tuple[int | float, int | float]:
    if combinations(expr.support) <= _SMALL or isinstance(expr, Var):
        found = [_number(evaluate(expr, e)) for e in assignments(expr.support, allocated=True)]
        return min(found), max(found)
    assert isinstance(expr, Apply), expr
    if expr.op == "if":
        then, orelse = _bounds(expr.args[1]), _bounds(expr.args[2])
        return min(then[0], orelse[0]), max(then[1], orelse[1])
    if expr.op in _LOGIC:
        return 0, 1
    parts = [_bounds(arg) for arg in expr.args]
    if expr.op == "%":
        return min(0, parts[1][0]), max(0, parts[1][1])
    if expr.op == "divisible" and parts[1][0] != parts[1][1]:
        # rounding to another multiple is not monotone
        least = parts[2] if parts[2:] else parts[1]
        return min(least[0], parts[0][0]), max(least[1], parts[0][1] + parts[1][1])
    if expr.op in ("/", "//") and parts[1][0] <= 0 <= parts[1][1]:
        exact = [_number(evaluate(expr, e)) for e in assignments(expr.support, allocated=True)]
        return min(exact), max(exact)
    corners = [
        _number(_FUNCTIONS[expr.op](*corner)) for corner in itertools.product(*parts)
    ]  # every other operator is monotone in each of its operands
    return min(corners), max(corners)


def source(expr: Expr | Value, name: Callable[[Var], str] = lambda var: var.name) -> str:
    """Return Python text for ``expr``, with each variable written as ``name`` says."""
    return _source(const(expr), name)[0]


def _source(expr: Expr, name: Callable[[Var], str]) -> tuple[str, int]:
    if isinstance(expr, Var):
        return name(expr), _ATOM
    if isinstance(expr, Unknown):
        return "?", _ATOM
    if isinstance(expr, Const):
        text = repr(expr.value)
        return text, _PRECEDENCE["neg"] if text.startswith("-") else _ATOM
    assert isinstance(expr, Apply), expr
    parts = []
    for arg in expr.args:  # no comprehension: see `evaluate`
        parts.append(_source(arg, name))
    return _applied(expr, parts), _PRECEDENCE.get(expr.op, _ATOM)


def _applied(expr: Apply, parts: list[tuple[str, int]]) -> str:
    own = _PRECEDENCE.get(expr.op, _ATOM)
    first, *rest = parts
    if expr.op == "if":
        then, orelse = rest
        return f"{_part(then, 2)} if {_part(first, 2)} else {_part(orelse, 1)}"
    if expr.op in FUNCTIONS:
        return f"{expr.op}({', '.join(text for text, _ in parts)})"
    if expr.op in ("not", "neg"):
        return f"{'not ' if expr.op == 'not' else '-'}{_part(first, own)}"
    op, last = expr.op, rest[0]
    addend = static(expr.args[1])
    if op == "+" and isinstance(addend, int) and addend < 0:
        op, last = "-", (str(-addend), _ATOM)
    if own == 5:  # comparisons do not chain
        return f"{_part(first, 6)} {op} {_part(last, 6)}"
    return f"{_part(first, own)} {op} {_part(last, own + 1)}"


def _part(part: tuple[str, int], least: int) -> str:
    text, precedence = part
    return text if precedence >= least else f"({text})"
