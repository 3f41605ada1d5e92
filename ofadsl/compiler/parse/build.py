"""From a rule of the grammar and the values of its symbols to a node of the tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ofadsl.compiler import syntax
from ofadsl.compiler.parse.tables import SEQUENCES
from ofadsl.compiler.parse.tokens import number_value
from ofadsl.diagnostics import Span

Values = list[Any]  # tokens (their spans' text), nodes and tuples, as the rule has them
Builder = Callable[[Values, Span], Any]


def file(values: Values, span: Span) -> syntax.File:
    """All items, in order."""
    return syntax.File(span=span, items=tuple(values))


def import_(values: Values, span: Span) -> syntax.Import:
    """A text, without its quotes."""
    return syntax.Import(span=span, path=values[0][1:-1])


def block(values: Values, span: Span) -> syntax.BlockDecl:
    """A name, parameters, a body."""
    name, *parameters, body = values
    return syntax.BlockDecl(span=span, name=name, parameters=tuple(parameters), body=body)


def space(values: Values, span: Span) -> syntax.SpaceDecl:
    """A name, parameters, a body."""
    name, *parameters, body = values
    return syntax.SpaceDecl(span=span, name=name, parameters=tuple(parameters), body=body)


def schedule(values: Values, span: Span) -> syntax.ScheduleDecl:
    """A name, parameters, phases."""
    name, *parameters, body = values
    return syntax.ScheduleDecl(span=span, name=name, parameters=tuple(parameters), body=body)


def phase(values: Values, span: Span) -> syntax.Phase:
    """A name, epochs, instructions."""
    name, epochs, body = values
    return syntax.Phase(span=span, name=name, epochs=epochs, body=body)


def unlock(values: Values, span: Span) -> syntax.Unlock:
    """A dimension; how much of it; whether it may be missing."""
    dimension, *rest = values
    part = next((one for one in rest if not isinstance(one, bool)), None)
    return syntax.Unlock(span=span, dimension=dimension, part=part, if_any=True in rest)


def largest(values: Values, span: Span) -> syntax.Largest:
    """A number."""
    return syntax.Largest(span=span, number=values[0])


def from_(values: Values, span: Span) -> syntax.From:
    """A value."""
    return syntax.From(span=span, least=values[0])


def if_any(values: Values, span: Span) -> bool:
    """Nothing: the words say it."""
    return True


def distil(values: Values, span: Span) -> syntax.Distil:
    """A teacher; arguments."""
    return syntax.Distil(span=span, teacher=values[0], arguments=values[1] if values[1:] else ())


def setting(values: Values, span: Span) -> syntax.Setting:
    """A word; a value."""
    word, value = (*values, None)[:2]
    return syntax.Setting(span=span, word=word, value=value)


def parameter(values: Values, span: Span) -> syntax.Parameter:
    """A name; a default; what is allowed."""
    name, default, allowed = (*values, None, None)[:3]
    return syntax.Parameter(span=span, name=name, default=default, allowed=allowed)


def parameter_allowed(values: Values, span: Span) -> syntax.Parameter:
    """A name and what is allowed."""
    return syntax.Parameter(span=span, name=values[0], default=None, allowed=values[1])


def sequence(values: Values, span: Span) -> tuple[Any, ...]:
    """A body or arguments."""
    return tuple(values)


def input_(values: Values, span: Span) -> syntax.Input:
    """A kind; arguments."""
    return syntax.Input(span=span, kind=values[0], arguments=values[1] if values[1:] else ())


def default(values: Values, span: Span) -> syntax.Default:
    """A callee and arguments."""
    return syntax.Default(span=span, callee=values[0], arguments=values[1])


def let(values: Values, span: Span) -> syntax.Let:
    """A name and a value."""
    return syntax.Let(span=span, name=values[0], parameters=None, value=values[1])


def let_function(values: Values, span: Span) -> syntax.Let:
    """A name, parameters, a value."""
    name, *parameters, value = values
    return syntax.Let(span=span, name=name, parameters=tuple(parameters), value=value)


def choice(values: Values, span: Span) -> syntax.Choice:
    """A name, values; what to allocate."""
    name, options, allocate = (*values, None)[:3]
    return syntax.Choice(span=span, name=name, values=options, allocate=allocate)


def require(values: Values, span: Span) -> syntax.Require:
    """A condition."""
    return syntax.Require(span=span, condition=values[0])


def stage(values: Values, span: Span) -> syntax.Stage:
    """A name, a depth, a body."""
    name, depth, body = values
    return syntax.Stage(span=span, name=name, depth=depth, body=body)


def if_(values: Values, span: Span) -> syntax.If:
    """A condition, a body; another body or another `if`."""
    condition, then, orelse = (*values, ())[:3]
    if isinstance(orelse, syntax.If):
        orelse = (orelse,)
    return syntax.If(span=span, condition=condition, then=then, orelse=orelse)


def residual(values: Values, span: Span) -> syntax.Residual:
    """A condition, if any; a body."""
    condition = values[0] if values[1:] else None
    return syntax.Residual(span=span, condition=condition, body=values[-1])


def add(values: Values, span: Span) -> syntax.Branches:
    """Bodies."""
    return syntax.Branches(span=span, op="add", branches=tuple(values))


def concat(values: Values, span: Span) -> syntax.Branches:
    """Bodies."""
    return syntax.Branches(span=span, op="concat", branches=tuple(values))


def one_of(values: Values, span: Span) -> syntax.OneOf:
    """Options."""
    return syntax.OneOf(span=span, label=None, options=tuple(values))


def labelled_one_of(values: Values, span: Span) -> syntax.OneOf:
    """A label and the rest."""
    return syntax.OneOf(span=span, label=values[0], options=values[1].options)


def option(values: Values, span: Span) -> syntax.Option:
    """A name; a body or one statement."""
    name, body = values
    return syntax.Option(span=span, name=name, body=body if isinstance(body, tuple) else (body,))


def call(values: Values, span: Span) -> syntax.Call:
    """A callee; arguments."""
    callee, arguments = (*values, ())[:2]
    return syntax.Call(span=span, label=None, callee=callee, arguments=arguments)


def labelled_call(values: Values, span: Span) -> syntax.Call:
    """A label and the rest."""
    label, rest = values
    return syntax.Call(span=span, label=label, callee=rest.callee, arguments=rest.arguments)


def argument(values: Values, span: Span) -> syntax.Argument:
    """A value."""
    return syntax.Argument(span=span, name=None, value=values[0])


def named_argument(values: Values, span: Span) -> syntax.Argument:
    """A name and a value."""
    return syntax.Argument(span=span, name=values[0], value=values[1])


def range_(values: Values, span: Span) -> syntax.RangeLit:
    """Both ends; a step."""
    low, high, step = (*values, None)[:3]
    return syntax.RangeLit(span=span, low=low, high=high, step=step)


def if_else(values: Values, span: Span) -> syntax.IfElse:
    """What, if, else."""
    then, condition, orelse = values
    return syntax.IfElse(span=span, condition=condition, then=then, orelse=orelse)


def binary(values: Values, span: Span) -> syntax.Binary:
    """Two values with an operator between them."""
    left, op, right = values
    return syntax.Binary(span=span, op=op, left=left, right=right)


def unary(values: Values, span: Span) -> syntax.Unary:
    """An operator and a value."""
    return syntax.Unary(span=span, op=values[0], operand=values[1])


def member(values: Values, span: Span) -> syntax.Member:
    """A value and a name."""
    return syntax.Member(span=span, base=values[0], name=values[1])


def index(values: Values, span: Span) -> syntax.Index:
    """A value and its index."""
    return syntax.Index(span=span, base=values[0], index=values[1])


def number(values: Values, span: Span) -> syntax.Number:
    """A number token."""
    return syntax.Number(span=span, value=number_value(values[0]), text=values[0])


def bool_(values: Values, span: Span) -> syntax.Bool:
    """`true` or `false`."""
    return syntax.Bool(span=span, value=values[0] == "true")


def apply(values: Values, span: Span) -> syntax.Apply:
    """A function and its arguments."""
    return syntax.Apply(span=span, function=values[0], arguments=tuple(values[1:]))


def set_(values: Values, span: Span) -> syntax.SetLit:
    """Values."""
    return syntax.SetLit(span=span, items=tuple(values))


def name(values: Values, span: Span) -> syntax.Name:
    """A name, be it a word of the language or not."""
    return syntax.Name(span=span, text=span.text)


BUILDERS: dict[str, Builder] = {
    builder.__name__.rstrip("_"): builder
    for builder in (
        *(file, import_, block, space, parameter, parameter_allowed),
        *(input_, default, let, let_function, choice, require, stage, if_, residual),
        *(add, concat, one_of, labelled_one_of, option, call, labelled_call),
        *(argument, named_argument, range_, if_else, binary, unary, member, index),
        *(number, bool_, apply, set_, name),
        *(schedule, phase, unlock, largest, from_, if_any, distil, setting),
    )
}
BUILDERS |= dict.fromkeys(SEQUENCES, sequence)
BUILDERS |= {"callee": name, "word": name, "parameter_default": parameter}
