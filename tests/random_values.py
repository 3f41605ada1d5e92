"""Random expressions of the language, with the values that they can have.

In: a generator of random numbers and the names in scope. Out: syntax trees of expressions. What an
expression comes to is computed here by trying all values of the names that it uses, by rules of
its own: the generator of spaces does not ask the compiler which sizes are fine.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from trees import NOWHERE

from ofadsl.compiler import syntax
from ofadsl.compiler.syntax import Expression

Value = int | float | bool | str
MOST = 256
"""So many combinations of values are tried for one expression."""
ARITHMETIC = ("+", "-", "*", "//", "%", "/")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
LOGIC = ("and", "or", "not")
CALLED = ("round", "floor", "min", "max", "divisible", "let function")


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """What a name stands for.

    ``kind`` is number, flag, word, set, function or stage. A name has ``values``, or stands for an
    expression ``expr`` of ``scope``. One that is ``moving`` means something else further down.
    """

    kind: str
    values: tuple[Value, ...] = ()
    expr: Expression | None = None
    scope: Scope | None = None
    parameters: tuple[str, ...] = ()
    moving: bool = False
    fixed: bool = False


@dataclass(slots=True, eq=False)
class Scope:
    """Names seen from one body."""

    parent: Scope | None = None
    entries: dict[str, Entry] = field(default_factory=dict)

    def find(self, name: str) -> Entry | None:
        """Return what ``name`` stands for."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.entries:
                return scope.entries[name]
            scope = scope.parent
        return None

    def visible(self, kind: str) -> list[str]:
        """Return the names of one kind, those of this body first."""
        names: dict[str, None] = {}
        scope: Scope | None = self
        while scope is not None:
            names.update(dict.fromkeys(scope.entries))
            scope = scope.parent
        return [name for name in names if (e := self.find(name)) is not None and e.kind == kind]

    def inner(self) -> Scope:
        """Return a scope inside this one."""
        return Scope(parent=self)


# Nodes


def name(text: str) -> syntax.Name:
    """Return a name."""
    return syntax.Name(span=NOWHERE, text=text)


def number(value: float) -> Expression:
    """Return a number, negated where it is below 0."""
    literal = syntax.Number(span=NOWHERE, value=abs(value), text=repr(abs(value)))
    return syntax.Unary(span=NOWHERE, op="-", operand=literal) if value < 0 else literal


def flag(value: bool) -> Expression:
    """Return ``true`` or ``false``."""
    return syntax.Bool(span=NOWHERE, value=value)


def set_of(values: Iterator[float] | tuple[float, ...] | list[float]) -> syntax.SetLit:
    """Return a set of numbers."""
    return syntax.SetLit(span=NOWHERE, items=tuple(number(value) for value in values))


def range_of(low: float, high: float, step: float | None) -> syntax.RangeLit:
    """Return a range; without a step it counts by one."""
    parts = {"low": number(low), "high": number(high)}
    return syntax.RangeLit(span=NOWHERE, **parts, step=None if step is None else number(step))


def binary(op: str, left: Expression, right: Expression) -> Expression:
    """Return ``left op right``."""
    return syntax.Binary(span=NOWHERE, op=op, left=left, right=right)


def unary(op: str, operand: Expression) -> Expression:
    """Return ``-x`` or ``not x``."""
    return syntax.Unary(span=NOWHERE, op=op, operand=operand)


def if_else(condition: Expression, then: Expression, orelse: Expression) -> Expression:
    """Return ``then if condition else orelse``."""
    return syntax.IfElse(span=NOWHERE, condition=condition, then=then, orelse=orelse)


def apply(function: str, *arguments: Expression) -> Expression:
    """Return a function of its arguments."""
    return syntax.Apply(span=NOWHERE, function=name(function), arguments=arguments)


# What an expression comes to


def is_set(expr: Expression, scope: Scope) -> bool:
    """Return whether an expression makes a dimension each time that it is read."""
    if isinstance(expr, syntax.Name):
        entry = scope.find(expr.text)
        return entry is not None and entry.kind == "set"
    return isinstance(expr, syntax.SetLit | syntax.RangeLit)


def members(expr: Expression, scope: Scope) -> tuple[Value, ...]:
    """Return the values of a set or a range."""
    match expr:
        case syntax.Name(text=text):
            entry = scope.find(text)
            assert entry is not None
            return entry.values
        case syntax.SetLit(items=items):
            return tuple(evaluate(item, scope, {}) for item in items)
        case syntax.RangeLit(low=low, high=high, step=step):
            first, last = evaluate(low, scope, {}), evaluate(high, scope, {})
            by = 1 if step is None else evaluate(step, scope, {})
            assert not isinstance(first, str)
            assert not isinstance(last, str)
            assert not isinstance(by, str)
            return tuple(first + i * by for i in range(math.floor((last - first) / by + 1e-9) + 1))
    raise AssertionError(expr)


def variables(expr: Expression, scope: Scope) -> dict[int, tuple[Value, ...]]:
    """Return the values of everything open that an expression depends on."""
    found: dict[int, tuple[Value, ...]] = {}
    _collect(expr, scope, found)
    return found


def _collect(expr: Expression, scope: Scope, found: dict[int, tuple[Value, ...]]) -> None:
    if is_set(expr, scope):
        found[id(expr)] = members(expr, scope)
        return
    if isinstance(expr, syntax.Name):
        entry = scope.find(expr.text)
        if entry is not None and entry.expr is not None and entry.scope is not None:
            _collect(entry.expr, entry.scope, found)
        elif entry is not None:
            found[id(entry)] = entry.values
        return
    if isinstance(expr, syntax.Apply):
        entry = scope.find(expr.function.text)
        if entry is not None and entry.expr is not None and entry.scope is not None:
            inner = entry.scope.inner()
            inner.entries.update({p: Entry(kind="number", values=(1,)) for p in entry.parameters})
            _collect(entry.expr, inner, found)
    for part in syntax.parts(expr):
        _collect(part, scope, found)


def values(expr: Expression, scope: Scope) -> tuple[Value, ...] | None:
    """Return the values that an expression can have; None where one has none, or they are many."""
    open_ = variables(expr, scope)
    if math.prod(map(len, open_.values())) > MOST:
        return None
    found: dict[Value, None] = {}
    for combination in itertools.product(*open_.values()):
        try:
            value = evaluate(expr, scope, dict(zip(open_, combination, strict=True)))
        except (ArithmeticError, KeyError, ValueError, TypeError):
            return None
        if isinstance(value, float) and not math.isfinite(value):
            return None
        found[value] = None
    return tuple(found)


def evaluate(  # noqa: C901  (one case a node)
    expr: Expression, scope: Scope, env: dict[int, Value]
) -> Value:
    """Return the value of an expression where everything open has the value of ``env``."""
    if id(expr) in env:
        return env[id(expr)]
    match expr:
        case syntax.Number(value=value) | syntax.Bool(value=value):
            return value
        case syntax.Name(text=text):
            entry = scope.find(text)
            if entry is None:
                return text
            if id(entry) in env:
                return env[id(entry)]
            if entry.expr is not None and entry.scope is not None:
                return evaluate(entry.expr, entry.scope, env)
            if len(entry.values) == 1:
                return entry.values[0]
        case syntax.Unary(op=op, operand=operand):
            inner = evaluate(operand, scope, env)
            return not inner if op == "not" else -inner  # type: ignore[operator]
        case syntax.Binary(op="and", left=left, right=right):
            return evaluate(left, scope, env) and evaluate(right, scope, env)
        case syntax.Binary(op="or", left=left, right=right):
            return evaluate(left, scope, env) or evaluate(right, scope, env)
        case syntax.Binary(op=op, left=left, right=right):
            return OPERATORS[op](evaluate(left, scope, env), evaluate(right, scope, env))
        case syntax.IfElse(condition=condition, then=then, orelse=orelse):
            return evaluate(then if evaluate(condition, scope, env) else orelse, scope, env)
        case syntax.Apply(function=function, arguments=arguments):
            given = [evaluate(argument, scope, env) for argument in arguments]
            entry = scope.find(function.text)
            if entry is None:
                return BUILTINS[function.text](*given)
            assert entry.expr is not None
            assert entry.scope is not None
            inside = entry.scope.inner()
            for parameter, one in zip(entry.parameters, given, strict=True):
                inside.entries[parameter] = Entry(kind="number", values=(one,))
            return evaluate(entry.expr, inside, env)
    raise ValueError(expr)


def _divisible(value: float, by: int, least: int | None = None) -> int:
    if value <= 0 or by <= 0 or by != int(by) or (least is not None and least <= 0):
        raise ValueError("divisible")
    low = by if least is None else least
    rounded = max(low, int(value + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * value else rounded


OPERATORS: dict[str, Callable[..., Value]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
BUILTINS: dict[str, Callable[..., Value]] = {
    "round": round,
    "floor": math.floor,
    "min": min,
    "max": max,
    "divisible": _divisible,
}

# Random expressions


@dataclass(slots=True, kw_only=True)
class Values:
    """Draws expressions; ``room`` is how many bits of choices may still be opened."""

    rng: random.Random
    room: float = 8.0
    sloppy: float = 0.0
    """How often a size is taken as it comes, whether it fits or not."""
    wishes: tuple[tuple[str, str], ...] = ()
    """Operators in operators that some conditions are to have."""

    def chance(self, likely: float) -> bool:
        """Return true with this probability."""
        return self.rng.random() < likely

    def number(self, scope: Scope, deep: int, sets: float, moving: bool = True) -> Expression:
        """Return a number of any size; ``sets`` is how many copies of a set would be made, or 0."""
        if deep <= 0 or self.chance(0.4):
            return self._leaf(scope, sets, moving)
        kind = self.rng.choice((*ARITHMETIC, *ARITHMETIC, "if-else", "if-else", *CALLED, "neg"))
        return self.operator(kind, scope, deep, sets, moving)

    def operator(  # noqa: C901  (one case an operator)
        self,
        kind: str,
        scope: Scope,
        deep: int,
        sets: float,
        moving: bool,
        first: Expression | None = None,
    ) -> Expression:
        """Return a number that an operator gives, of ``first`` where that is given."""
        rng = self.rng
        inner = [self.number(scope, deep - 1, sets, moving) for _ in range(2)]
        if first is not None:
            inner[0] = first
            if self.chance(0.4) and kind not in ("/", "//", "%", "let function"):
                inner.reverse()
        match kind:
            case "neg":
                return unary("-", first or inner[0])
            case "if-else":
                return if_else(self.condition(scope, deep - 1, moving), inner[0], inner[1])
            case "round" | "floor":
                if first is not None:
                    return apply(kind, first)
                half = binary(rng.choice("/*"), inner[0], number(rng.choice((2, 1.5, 0.5, 4))))
                return apply(kind, half)
            case "min" | "max":
                more = [self._leaf(scope, sets, moving)] if self.chance(0.3) else []
                return apply(kind, *inner, *more)
            case "divisible":
                least = [number(rng.choice((1, 2, 4)))] if self.chance(0.3) else []
                return apply(kind, first or inner[0], number(rng.choice((2, 4, 8))), *least)
            case "let function":
                functions = scope.visible("function")
                if not functions:
                    return inner[0]
                function = rng.choice(functions)
                entry = scope.find(function)
                assert entry is not None
                return apply(function, *inner[: len(entry.parameters)])
        return binary(kind, inner[0], inner[1])

    def _leaf(self, scope: Scope, sets: float, moving: bool) -> Expression:
        rng = self.rng
        names = self.names(scope, "number", moving)
        if names and self.chance(0.6):
            return name(rng.choice(names[:3] + names))
        named = scope.visible("set")
        if sets and self.room >= sets and self.chance(0.35):
            if named and self.chance(0.3):
                return name(rng.choice(named))
            return self.set((2, 3, 4, 6, 8, 12))
        return number(rng.choice((1, 2, 2, 3, 4, 4, 6, 8, 8, 12, 16, 1.5)))

    def names(self, scope: Scope, kind: str, moving: bool = True) -> list[str]:
        """Return the names of a kind; without ``moving`` those that keep their meaning."""
        found = []
        for text in scope.visible(kind):
            entry = scope.find(text)
            if entry is not None and (moving or not self._moves(entry)):
                found.append(text)
        return found

    def _moves(self, entry: Entry) -> bool:
        return entry.moving

    def set(self, pool: tuple[float, ...], most: int = 3) -> Expression:
        """Return a set or a range of values out of ``pool``."""
        rng = self.rng
        if self.chance(0.2):
            low = rng.choice(pool)
            step = rng.choice((1, 2, 4))
            return range_of(low, low + step, None if step == 1 and self.chance(0.7) else step)
        count = min(len(pool), rng.choice((1, 2, 2, 2, 3, 3)), most)
        return set_of(sorted(rng.sample(pool, count)))

    def condition(self, scope: Scope, deep: int, moving: bool = True) -> Expression:
        """Return a condition."""
        rng = self.rng
        if self.wishes and self.chance(0.3):
            return self.wished(*rng.choice(self.wishes), scope, moving)
        flags = self.names(scope, "flag", moving)
        words = scope.visible("word")
        if deep > 0 and self.chance(0.3):
            op = rng.choice(("and", "or", "not", "if"))
            inner = [self.condition(scope, deep - 1, moving) for _ in range(3)]
            if op == "not":
                return unary("not", inner[0])
            if op == "if":
                return if_else(inner[0], inner[1], inner[2])
            return binary(op, inner[0], inner[1])
        if flags and self.chance(0.35):
            return name(rng.choice(flags))
        if words and self.chance(0.3):
            text = rng.choice(words)
            entry = scope.find(text)
            assert entry is not None
            options = [str(value) for value in entry.values]
            return binary(rng.choice(("==", "!=")), name(text), name(rng.choice(options)))
        if self.chance(0.05):
            return flag(self.chance(0.5))
        left = self.number(scope, min(deep, 1), 0, moving)
        found = values(left, scope)
        numbers = [v for v in found or () if isinstance(v, int | float)]
        if numbers and self.chance(0.7):
            right = number(rng.choice(numbers))
        else:
            right = self.number(scope, 0, 0, moving)
        return binary(rng.choice(COMPARISONS), left, right)

    def wished(self, outer: str, inner: str, scope: Scope, moving: bool) -> Expression:
        """Return a condition with one operator in another."""
        rng = self.rng
        if outer in LOGIC or inner in (*LOGIC, *COMPARISONS):
            part = self._condition_of(inner, scope, moving)
            other = self._condition_of(rng.choice(COMPARISONS), scope, moving)
            if outer == "if-else":
                ways = [self._leaf(scope, 0, moving) for _ in range(2)]
                chosen = if_else(part, ways[0], ways[1])
                return binary(rng.choice(COMPARISONS), chosen, ways[1])
            if outer == "not":
                return unary("not", part)
            pair = [part, other]
            rng.shuffle(pair)
            return binary(outer, pair[0], pair[1])
        part = self.operator(inner, scope, 1, 0, moving)
        if (outer, inner) == ("divisible", "neg"):  # what is rounded is positive
            part = unary("-", binary("-", self._leaf(scope, 0, moving), number(40)))
        if outer not in COMPARISONS:
            part = self.operator(outer, scope, 1, 0, moving, part)
            outer = rng.choice(COMPARISONS)
        found = [v for v in values(part, scope) or () if isinstance(v, int | float)]
        right = number(rng.choice(found)) if found else self._leaf(scope, 0, moving)
        sides = [part, right]
        if self.chance(0.3):
            sides.reverse()
        return binary(outer, sides[0], sides[1])

    def _condition_of(self, kind: str, scope: Scope, moving: bool) -> Expression:
        """Return a condition that an operator gives."""
        if kind in COMPARISONS:
            left = self.number(scope, 1, 0, moving)
            found = [v for v in values(left, scope) or () if isinstance(v, int | float)]
            right = number(self.rng.choice(found)) if found else number(4)
            return binary(kind, left, right)
        inner = [self._condition_of(self.rng.choice(COMPARISONS), scope, moving) for _ in "ab"]
        return unary("not", inner[0]) if kind == "not" else binary(kind, inner[0], inner[1])

    def size(
        self,
        scope: Scope,
        fits: Callable[[Value], bool],
        pool: tuple[int, ...],
        *,
        sets: float = 1,
        moving: bool = True,
    ) -> tuple[Expression, tuple[int, ...]]:
        """Return an expression all of whose values fit, and these; ``pool`` has some that do."""
        rng = self.rng
        careless = self.chance(self.sloppy)
        for _ in range(5):
            expr = self.number(scope, rng.choice((0, 1, 1, 2, 3)), sets, moving)
            found = values(expr, scope)
            if found and len(found) == 1 and variables(expr, scope) and self.chance(0.95):
                open_ = variables(expr, scope)
                if any(len(domain) > 1 for domain in open_.values()):
                    continue  # it would depend on choices that change nothing
            if found and (careless or all(_whole(v) and fits(v) for v in found)):
                self.charge(expr, scope, sets)
                return expr, tuple(int(v) for v in found if not isinstance(v, str))
        if sets and self.room >= sets and len(pool) > 1 and self.chance(0.6):
            expr = set_of(sorted(rng.sample(pool, min(len(pool), rng.choice((2, 2, 3))))))
            self.charge(expr, scope, sets)
            return expr, tuple(int(v) for v in members(expr, scope) if not isinstance(v, str))
        value = rng.choice(pool)
        return number(value), (value,)

    def charge(self, expr: Expression, scope: Scope, copies: float) -> None:
        """Take what the sets of an expression open from the room."""
        for part in syntax.walk(expr):
            if is_set(part, scope):
                self.room -= copies * math.log2(len(members(part, scope)))


def _whole(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
