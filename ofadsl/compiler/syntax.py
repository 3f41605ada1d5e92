"""The syntax tree of a `.ofa` file: what was written, nothing resolved.

Out of the parser, into the checker and the formatter. Spans take no part in equality, so that
``parse(print(tree)) == tree``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ofadsl.diagnostics import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything with a place in the text."""

    span: Span = field(compare=False, repr=False)


# Expressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """An identifier: a let, a parameter, a choice, a word such as ``relu``."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Node):
    """A whole or decimal number; ``text`` keeps how it was written."""

    value: int | float
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool(Node):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLit(Node):
    """``{3, 5, 7}``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeLit(Node):
    """``128..224 step 4``, both ends included; the step is 1 where none is written."""

    low: Expression
    high: Expression
    step: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Node):
    """``-x`` or ``not x``."""

    op: str
    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Node):
    """Arithmetic ``+ - * / // %``, comparison ``== != < <= > >=``, or ``and`` / ``or``."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class IfElse(Node):
    """``then if condition else orelse``."""

    condition: Expression
    then: Expression
    orelse: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument(Node):
    """One argument of a call, ``name: value`` or ``value``."""

    name: Name | None
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply(Node):
    """``divisible(x, 8)``: a function in an expression; arguments are positional."""

    function: Name
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Node):
    """``s1.depth``."""

    base: Expression
    name: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Node):
    """``s1[0]``: a block of a stage, counted from 0."""

    base: Expression
    index: Expression


Expression = (
    Name | Number | Bool | SetLit | RangeLit | Unary | Binary | IfElse | Apply | Member | Index
)


def walk(expr: Expression) -> Iterator[Expression]:
    """Yield an expression and all that it is made of, from left to right."""
    yield expr
    for part in parts(expr):
        yield from walk(part)


def parts(expr: Expression) -> tuple[Expression, ...]:
    """Return what an expression is made of directly, from left to right."""
    match expr:
        case SetLit(items=parts) | Apply(arguments=parts):
            return parts
        case RangeLit(low=low, high=high, step=step):
            return (low, high) if step is None else (low, high, step)
        case Unary(operand=part) | Member(base=part):
            return (part,)
        case Binary(left=left, right=right):
            return (left, right)
        case IfElse(condition=condition, then=then, orelse=orelse):
            return (then, condition, orelse)
        case Index(base=base, index=index):
            return (base, index)
        case _:
            return ()


# Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Node):
    """``input image(channels: 3, size: 128..224 step 4)``."""

    kind: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Default(Node):
    """``default bn(eps: 1e-5)``: arguments for every later call of that op or block."""

    callee: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Let(Node):
    """``let mid = ...`` (``parameters`` is None) or ``let w(c) = ...``."""

    name: Name
    parameters: tuple[Name, ...] | None
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Node):
    """``choice c = {32, 40} of 64``: one dimension, shared by all that stands in its scope."""

    name: Name
    values: Expression
    allocate: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Require(Node):
    """``require s1.depth <= s2.depth``."""

    condition: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Node):
    """``stage s1 depth 2..4 { ... }``: the body repeated, the first ``depth`` of them kept."""

    name: Name
    depth: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class If(Node):
    """``if condition { ... } else { ... }``."""

    condition: Expression
    then: tuple[Statement, ...]
    orelse: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual(Node):
    """``residual when condition { ... }``: the body's output plus its input."""

    condition: Expression | None
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches(Node):
    """``add { ... } { ... }`` or ``concat { ... } { ... }``."""

    op: str
    branches: tuple[tuple[Statement, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Node):
    """One operation of a ``oneof``: ``a: conv(8)`` or ``a: { conv(8); bn }``."""

    name: Name
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Node):
    """``label: oneof { a: ...; skip: identity }``."""

    label: Name | None
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """``label: conv(8, kernel: 3)`` or ``bn``: an op or a block applied to what comes in."""

    label: Name | None
    callee: Name
    arguments: tuple[Argument, ...]


Statement = (
    Input | Default | Let | Choice | Require | Stage | If | Residual | Branches | OneOf | Call
)

# Schedules


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest(Node):
    """``largest 2``: so many of the values of a dimension, from the largest down."""

    number: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class From(Node):
    """``from 3``: those values of a dimension that are at least this."""

    least: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock(Node):
    """``unlock depth largest 2 if any``: ``part`` is None for all values."""

    dimension: Expression
    part: Largest | From | None
    if_any: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Distil(Node):
    """``distil in_place(loss: alpha)``."""

    teacher: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Node):
    """``learning_rate 0.05``, ``sandwich 2``, ``largest``: a word, and its value if it has one."""

    word: Name
    value: Expression | None


Instruction = Unlock | Distil | Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Node):
    """``phase kernel epochs 3 { unlock kernel }``."""

    name: Name
    epochs: Expression
    body: tuple[Instruction, ...]


# Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Node):
    """``stride = 1`` of a block, or ``size = t of {t, s, b}`` of a space."""

    name: Name
    default: Expression | None
    allowed: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Node):
    """``import "blocks.ofa"``, relative to the file that says it."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDecl(Node):
    """``block name(parameters) { ... }``."""

    name: Name
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceDecl(Node):
    """``space name(parameters) { ... }``."""

    name: Name
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDecl(Node):
    """``schedule name(parameters) { phase ... }``."""

    name: Name
    parameters: tuple[Parameter, ...]
    body: tuple[Phase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment(Node):
    """``# ...`` to the end of its line, the ``#`` included."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Node):
    """A whole `.ofa` file: imports, blocks, lets, spaces, schedules in the order of the text."""

    items: tuple[Import | BlockDecl | SpaceDecl | ScheduleDecl | Let, ...]
    comments: tuple[Comment, ...] = field(compare=False, default=())
