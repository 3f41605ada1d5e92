"""Statements with ways inside them, as a class is written: if, residual, branches, oneof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofadsl.compiler import syntax
from ofadsl.compiler.emit.parts import Flow
from ofadsl.compiler.emit.render import Vals, is_elastic, same_static
from ofadsl.compiler.emit.text import spelt_literal
from ofadsl.compiler.emit.wrap import sentence
from ofadsl.compiler.labels import labels
from ofadsl.compiler.scope import Scope
from ofadsl.compiler.tree import BranchNode, IfNode, OneOfNode, ResidualNode, Seq
from ofadsl.expr import FALSE, TRUE, Code, joined
from ofadsl.ops.join import Add

if TYPE_CHECKING:
    from ofadsl.compiler.emit.writer import Writer


def write_if(
    writer: Writer,
    statement: syntax.If,
    copies: tuple[IfNode | None, ...],
    scopes: tuple[Scope | None, ...],
    flow: Flow,
) -> Flow:
    """Write an `if`: both ways in ``forward``, in ``__init__`` what each copy can take."""
    conditions = tuple(n.condition if n else None for n in copies)
    thens = tuple(n.then if n else None for n in copies)
    elses = tuple(n.orelse if n else None for n in copies)
    fixed = same_static(conditions)
    if isinstance(fixed, bool):
        body, seqs = (statement.then, thens) if fixed else (statement.orelse, elses)
        return writer.body(body, seqs, flow)
    hint = f"use_{_first(writer, statement)}"
    condition = writer.render.condition(conditions, statement.condition, scopes, hint)
    flow = settled(writer, flow)
    head = sentence("if", condition.text, flow.indent, ":")
    ways = [(head, statement.then, thens)]
    if statement.orelse:
        ways.append(([" " * flow.indent + "else:"], statement.orelse, elses))
    ends = []
    for head, body, seqs in ways:
        writer.forward += head
        start, count = len(writer.forward), len(writer.init)
        inner = flow.inside()
        ends.append(_channels(writer.body(body, seqs, inner), seqs))
        if not _has_code(writer, start):
            writer.forward.append(" " * inner.indent + "pass")
        _guard_init(writer, count, conditions, head[0].endswith("else:"), flow)
    if not statement.orelse:
        ends.append(flow.channels)
    y = tuple(n.y.channels if n else None for n in copies)
    known = [end for end in ends if end is not None]
    computed = joined("if", (condition, *known)) if len(known) == 2 else None
    return flow.moved(writer.render.channels(y, computed))


def write_residual(
    writer: Writer,
    statement: syntax.Residual,
    copies: tuple[ResidualNode | None, ...],
    scopes: tuple[Scope | None, ...],
    flow: Flow,
) -> Flow:
    """Write a residual: the features before it are kept and added."""
    conditions = tuple(n.condition if n else None for n in copies)
    seqs = tuple(n.body if n else None for n in copies)
    fixed = same_static(conditions)
    if fixed is False:
        return writer.body(statement.body, seqs, flow)
    writer.shortcuts += 1
    shortcut = "shortcut" if writer.shortcuts == 1 else f"shortcut_{writer.shortcuts}"
    pad = " " * flow.indent
    writer.forward.append(f"{pad}{shortcut} = {flow.source}")
    after = writer.body(statement.body, seqs, flow)
    if fixed is not True:
        after = settled(writer, after)
    total = f"{after.target} = {after.source} + {shortcut}"
    if fixed is True:
        writer.forward.append(f"{pad}{total}")
    else:
        when = statement.condition
        condition = writer.render.condition(conditions, when, scopes, "residual")
        writer.forward += [*sentence("if", condition.text, flow.indent, ":"), f"{pad}    {total}"]
    return after.moved(after.channels)


def write_branches(
    writer: Writer, statement: syntax.Branches, copies: tuple[BranchNode | None, ...], flow: Flow
) -> Flow:
    """Write several ways side by side, each in a variable of its own."""
    one = next(node for node in copies if node is not None)
    names, ends = [], []
    for number, body in enumerate(statement.branches):
        name = f"{flow.target}{number + 1}" if flow.target == "x" else f"{flow.target}_{number}"
        seqs = tuple(n.branches[number] if n else None for n in copies)
        branch = flow.branch(name)
        end = writer.body(body, seqs, branch)
        ends.append(_channels(end, seqs))
        names.append(end.source)  # what came in, where the way writes no code
    pad = " " * flow.indent
    if isinstance(one.op, Add):
        writer.forward.append(f"{pad}{flow.target} = {' + '.join(names)}")
    else:
        axis = 2 if len(one.y.spatial) == 1 else 1
        inner = f"{flow.target} = torch.cat([{', '.join(names)}], {axis})"
        writer.forward.append(pad + inner)
    y = tuple(n.y.channels if n else None for n in copies)
    known = [end for end in ends if end is not None]
    summed = joined("+", known) if len(known) == len(ends) else None
    if isinstance(one.op, Add):
        summed = ends[0]
    return flow.moved(writer.render.channels(y, summed))


def write_oneof(
    writer: Writer, statement: syntax.OneOf, copies: tuple[OneOfNode | None, ...], flow: Flow
) -> Flow:
    """Write a `oneof`: the way that the arch names."""
    name = statement.label.text if statement.label else "op"
    choices = tuple(n.choice if n else None for n in copies)
    chosen = writer.render.forward(choices, None, (), name)
    word = "if"
    flow = settled(writer, flow)
    for number, option in enumerate(statement.options):
        seqs = tuple(n.options[number] if n else None for n in copies)
        start = len(writer.forward)
        writer.body(option.body, seqs, flow.inside())
        if _has_code(writer, start):
            condition = joined("==", (chosen, spelt_literal(option.name.text)))
            writer.forward.insert(start, f"{' ' * flow.indent}{word} {condition.text}:")
            word = "elif"
    y = tuple(n.y.channels if n else None for n in copies)
    return flow.moved(writer.render.channels(y))


def _channels(end: Flow, seqs: tuple[Seq | None, ...]) -> Code | None:
    """Return the expression for the channels at the end of a way."""
    fixed = same_static(tuple(seq.y.channels if seq else None for seq in seqs))
    return end.channels if fixed is None else spelt_literal(fixed)


def settled(writer: Writer, flow: Flow) -> Flow:
    """Copy the features to the target, where only some ways would write to it."""
    if flow.source == flow.target:
        return flow
    writer.forward.append(f"{' ' * flow.indent}{flow.target} = {flow.source}")
    return flow.moved(flow.channels)


def _guard_init(writer: Writer, start: int, conditions: Vals, otherwise: bool, flow: Flow) -> None:
    """Allocate what a way needs only in the copies that can take it."""
    never = TRUE if otherwise else FALSE
    if len(writer.init) == start or never not in conditions:
        return
    pad = " " * flow.init_indent
    if is_elastic(conditions):
        flags = tuple(None if c is None else c != never for c in conditions)
        guard = f"if {writer.render.init(flags, writer.render.last_flag, None)}:"
    else:
        name = writer.render.init(conditions, writer.render.last_flag, writer.render.last_flag)
        follows = otherwise and writer.guarded == (start, name)
        guard = "else:" if follows else f"if {'not ' if otherwise else ''}{name}:"
        writer.guarded = (len(writer.init) + 1, name)
    inner = [" " * 4 + line for line in writer.init[start:]]
    writer.init[start:] = [pad + guard, *inner]


def _has_code(writer: Writer, start: int) -> bool:
    return any(isinstance(line, str) for line in writer.forward[start:])


def _first(writer: Writer, statement: syntax.If) -> str:
    """Return the name of the first part inside an `if`."""
    for body in (statement.then, statement.orelse):
        for name in (writer.labels[key] for key in labels(body)):
            return name
    return "branch"
