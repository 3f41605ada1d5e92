"""From a node of the syntax tree to its text on one line, with no more parentheses than needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ofadsl.compiler import syntax
from ofadsl.compiler.syntax import Expression, Statement
from ofadsl.expr import ATOM, IF, LOOSEST, SUM, Code, atom, joined

Declaration = syntax.BlockDecl | syntax.SpaceDecl | syntax.ScheduleDecl
Item = Statement | syntax.Option | syntax.Import | Declaration | syntax.Phase | syntax.Instruction
WORDS = {syntax.BlockDecl: "block", syntax.SpaceDecl: "space", syntax.ScheduleDecl: "schedule"}


def spell(node: Expression, least: int = LOOSEST) -> str:
    """Return the text of an expression where one that binds at least so tightly is needed."""
    return spelled(node).within(least)


def spelled(node: Expression) -> Code:  # noqa: C901  (one case a node)
    """Return the text of an expression and its precedence."""
    match node:
        case syntax.Name() | syntax.Number():
            return atom(node.text)
        case syntax.Bool():
            return atom("true" if node.value else "false")
        case syntax.SetLit():
            return atom(f"{{{comma(node.items)}}}")
        case syntax.Apply():
            return atom(f"{node.function.text}({comma(node.arguments)})")
        case syntax.Member():
            return atom(f"{spell(node.base, ATOM)}.{node.name.text}")
        case syntax.Index():
            return atom(f"{spell(node.base, ATOM)}[{spell(node.index)}]")
        case syntax.Unary():
            return joined("not" if node.op == "not" else "neg", (spelled(node.operand),))
        case syntax.Binary():
            return joined(node.op, (spelled(node.left), spelled(node.right)))
        case syntax.IfElse():
            return joined(
                "if", [spelled(part) for part in (node.condition, node.then, node.orelse)]
            )
        case syntax.RangeLit():
            text = f"{spell(node.low, IF)}..{spell(node.high, IF)}"
            step = "" if node.step is None else f" step {spell(node.step, IF)}"
            return Code(text + step, LOOSEST)
        case _:
            assert_never(node)


def comma(nodes: Sequence[Expression]) -> str:
    """Return ``a, b, c``."""
    return ", ".join(spell(node) for node in nodes)


def head(node: Item) -> str:  # noqa: C901  (one case a node)
    """Return what stands before the body of a node, or the whole of one without."""
    match node:
        case syntax.Import():
            return f'import "{node.path}"'
        case syntax.BlockDecl() | syntax.SpaceDecl() | syntax.ScheduleDecl():
            return f"{WORDS[type(node)]} {node.name.text}{parenthesised(node.parameters)}"
        case syntax.Phase():
            return f"phase {node.name.text} epochs {spell(node.epochs)}"
        case syntax.Unlock() | syntax.Distil() | syntax.Setting():
            return instruction(node)
        case syntax.Input():
            return f"input {node.kind.text}{parenthesised(node.arguments)}"
        case syntax.Default():
            return f"default {node.callee.text}({', '.join(map(item, node.arguments))})"
        case syntax.Let():
            names = None if node.parameters is None else ", ".join(n.text for n in node.parameters)
            parameters = "" if names is None else f"({names})"
            return f"let {node.name.text}{parameters} = {spell(node.value)}"
        case syntax.Choice():
            allocate = "" if node.allocate is None else f" of {spell(node.allocate)}"
            return f"choice {node.name.text} = {spell(node.values)}{allocate}"
        case syntax.Require():
            return f"require {spell(node.condition)}"
        case syntax.Stage():
            return f"stage {node.name.text} depth {spell(node.depth)}"
        case syntax.If():
            return f"if {spell(node.condition)}"
        case syntax.Residual():
            return "residual" + ("" if node.condition is None else f" when {spell(node.condition)}")
        case syntax.Branches():
            return node.op
        case syntax.OneOf():
            return f"{labelled(node.label)}oneof"
        case syntax.Option():
            return f"{node.name.text}:"
        case syntax.Call():
            return f"{labelled(node.label)}{node.callee.text}{parenthesised(node.arguments)}"
        case _:
            assert_never(node)


def instruction(node: syntax.Instruction) -> str:
    """Return the text of an instruction of a phase."""
    match node:
        case syntax.Unlock(dimension=dimension, part=part):
            bound = "" if part is None else f" {portion(part)}"
            return f"unlock {spell(dimension, ATOM)}{bound}{' if any' if node.if_any else ''}"
        case syntax.Distil(teacher=teacher, arguments=arguments):
            return f"distil {teacher.text}{parenthesised(arguments)}"
        case syntax.Setting(word=word, value=value):
            return word.text if value is None else f"{word.text} {spell(value)}"
        case _:
            assert_never(node)


def portion(part: syntax.Largest | syntax.From) -> str:
    """Return which of its values a dimension is unlocked for."""
    match part:
        case syntax.Largest(number=number):
            return f"largest {spell(number, SUM)}"
        case syntax.From(least=least):
            return f"from {spell(least, SUM)}"
        case _:
            assert_never(part)


def labelled(label: syntax.Name | None) -> str:
    """Return what a label puts before an operation."""
    return "" if label is None else f"{label.text}: "


def parenthesised(nodes: Sequence[syntax.Argument | syntax.Parameter]) -> str:
    """Return ``(a, b: c)``, or nothing where there is nothing in it."""
    return f"({', '.join(map(item, nodes))})" if nodes else ""


def item(node: syntax.Argument | syntax.Parameter) -> str:
    """Return an argument or a parameter."""
    if isinstance(node, syntax.Argument):
        return f"{labelled(node.name)}{spell(node.value)}"
    default = "" if node.default is None else f" = {spell(node.default)}"
    allowed = "" if node.allowed is None else f" of {spell(node.allowed)}"
    return f"{node.name.text}{default}{allowed}"


def bodies(node: Item) -> tuple[tuple[Item, ...], ...]:
    """Return the bodies of a node, in the order of the text."""
    match node:
        case syntax.If():
            return (node.then, node.orelse) if node.orelse else (node.then,)
        case syntax.Branches():
            return node.branches
        case syntax.OneOf():
            return (node.options,)
        case syntax.Stage() | syntax.Residual() | syntax.Option():
            return (node.body,)
        case syntax.Phase() | syntax.BlockDecl() | syntax.SpaceDecl() | syntax.ScheduleDecl():
            return (node.body,)
        case _:
            return ()


def inline(node: Item) -> Statement | None:
    """Return what stands after an option's name without braces, if it can."""
    if not isinstance(node, syntax.Option) or len(node.body) != 1:
        return None
    match node.body[0]:
        case syntax.Call(label=None) | syntax.OneOf(label=None) as only:
            return only
        case syntax.Residual() | syntax.Branches() as only:
            return only
        case _:
            return None


def flat(node: Item) -> str:
    """Return the whole of a node on one line."""
    text, only = head(node), inline(node)
    if only is not None:
        return f"{text} {flat(only)}"
    if isinstance(node, syntax.If):
        text += braces(node.then)
        chain = len(node.orelse) == 1 and isinstance(node.orelse[0], syntax.If)
        if chain:
            return f"{text} else {flat(node.orelse[0])}"
        return f"{text} else{braces(node.orelse)}" if node.orelse else text
    return text + "".join(map(braces, bodies(node)))


def braces(nodes: Sequence[Item]) -> str:
    """Return a body on one line."""
    return f" {{ {'; '.join(map(flat, nodes))} }}" if nodes else " {}"
