"""The formatter: from a syntax tree to its canonical text; ``parse(format_file(t)) == t``.

What stood on one line stays on one line where it fits; arguments and sets that do not fit, or hold
comments, take a line each. A comment inside of an expression moves before the line it stands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ofadsl.compiler import syntax
from ofadsl.compiler.layout.spelling import Item, bodies, flat, head, inline, item, spell
from ofadsl.compiler.layout.writing import Writer

WIDTH = 100
STEP = "  "
PARAMETRIC = (syntax.BlockDecl, syntax.SpaceDecl, syntax.ScheduleDecl)
DECLARATIONS = (*PARAMETRIC, syntax.Import)


def format_file(file: syntax.File) -> str:
    """Return the canonical text of a file."""
    comments = sorted(file.comments, key=lambda comment: comment.span.start)
    writer = Writer(
        text=file.span.source.text,
        comments=comments,
        starts=[comment.span.start for comment in comments],
    )
    sequence(writer, file.items, "", len(writer.text) + 1)
    return "".join(f"{line}\n" for line in writer.lines)


def sequence(writer: Writer, nodes: Sequence[Item], margin: str, end: int) -> None:
    """Write items, statements or options, and the comments around them up to ``end``."""
    writer.fresh = True
    before: Item | None = None
    for node in nodes:
        writer.flush(node.span.start, margin)
        if before is None or not joined(writer, before, node):
            writer.gap(node.span.start)
            emit(writer, node, margin, margin)
        before = node
    writer.flush(end, margin)


def joined(writer: Writer, before: Item, node: Item) -> bool:
    """Write ``node`` behind the node before it, where it stood there in the source and fits."""
    together = "\n" not in writer.text[before.span.end : node.span.start]
    if writer.commented or not writer.whole or not together or isinstance(node, DECLARATIONS):
        return False
    lead = f"{writer.lines[-1]}; "
    if isinstance(before, DECLARATIONS) or not fits_flat(writer, node, lead):
        return False
    writer.lines[-1] = lead + flat(node)
    writer.end = node.span.end
    return True


def fits_flat(writer: Writer, node: Item, lead: str) -> bool:
    """Whether a node is to stand on one line."""
    if writer.holds(node.span.start, node.span.end):
        return False
    if bodies(node) and "\n" in writer.text[node.span.start : node.span.end]:
        return False
    return len(lead) + len(flat(node)) <= WIDTH


def emit(writer: Writer, node: Item, margin: str, lead: str) -> None:
    """Write a node; ``lead`` is what its first line begins with."""
    if fits_flat(writer, node, lead):
        writer.write(lead + flat(node), node.span.end)
        writer.whole = True
    elif isinstance(node, syntax.Option):
        emit_option(writer, node, margin, lead)
    elif bodies(node):
        brace = writer.find("{", before_body(node))
        emit_bodies(writer, node, margin, emit_head(writer, node, margin, lead, brace), brace)
    elif not emit_list(writer, node, margin, lead, node.span.end):
        writer.hoist(node.span.end, margin)
        writer.write(lead + flat(node), node.span.end)


def emit_option(writer: Writer, node: syntax.Option, margin: str, lead: str) -> None:
    """Write an option, in braces unless one statement without comments around it is in it."""
    only = inline(node)
    if only is not None and not around(writer, node, only):
        emit(writer, only, margin, f"{lead}{head(node)} ")
    else:
        brace = writer.find("{", before_body(node))
        emit_bodies(writer, node, margin, lead + head(node), brace)


def around(writer: Writer, outer: syntax.Node, inner: syntax.Node) -> bool:
    """Whether a comment is inside of ``outer``, but outside of ``inner``."""
    before = writer.holds(outer.span.start, inner.span.start)
    return before or writer.holds(inner.span.end, outer.span.end)


def emit_head(writer: Writer, node: Item, margin: str, lead: str, brace: int) -> str:
    """Return what stands before the body of a node; the lines before the last are written."""
    line = lead + head(node)
    if isinstance(node, PARAMETRIC):
        wide = len(line) + 2 > WIDTH or writer.holds(node.span.start, brace)
        if wide and emit_list(writer, node, margin, lead, brace):
            return writer.lines.pop()
    writer.hoist(brace, margin)
    return line


def emit_bodies(writer: Writer, node: Item, margin: str, line: str, brace: int) -> None:
    """Write the bodies of a node, each statement on lines of its own, behind ``line``."""
    for i, body in enumerate(bodies(node)):
        if i and isinstance(node, syntax.If):
            line += " else"
            chained = else_if(writer, node, brace)
            if chained is not None:
                brace = writer.find("{", before_body(chained))
                emit_bodies(writer, chained, margin, f"{line} {head(chained)}", brace)
                return
        line, brace = emit_body(writer, body, margin, line, brace)
    writer.write(line, node.span.end)


def else_if(writer: Writer, node: syntax.If, brace: int) -> syntax.If | None:
    """Return the only statement of an `else` where it can stand without braces."""
    only = node.orelse[0]
    if len(node.orelse) > 1 or not isinstance(only, syntax.If):
        return None
    between = writer.holds(writer.end, only.span.start)
    return None if between or writer.holds(only.span.end, node.span.end) else only


def before_body(node: Item) -> int:
    """Return a place behind every `{` of a set that stands before the body of a node."""
    match node:
        case syntax.BlockDecl() | syntax.SpaceDecl() | syntax.ScheduleDecl():
            return node.parameters[-1].span.end if node.parameters else node.name.span.end
        case syntax.Stage():
            return node.depth.span.end
        case syntax.Phase():
            return node.epochs.span.end
        case syntax.If():
            return node.condition.span.end
        case syntax.Residual(condition=condition) if condition is not None:
            return condition.span.end
        case _:
            return node.span.start


def after(nodes: Sequence[Item], brace: int) -> int:
    """Return the end of the last node of a body, or of its opening brace."""
    return nodes[-1].span.end if nodes else brace + 1


def emit_body(
    writer: Writer, nodes: Sequence[Item], margin: str, line: str, brace: int
) -> tuple[str, int]:
    """Write a body behind ``line``; return what closes it, and where the next one opens."""
    close = writer.find("}", after(nodes, brace))
    following = writer.find("{", close)
    if not nodes and not writer.holds(brace, close):
        return f"{line} {{}}", following
    writer.write(f"{line} {{", brace)
    sequence(writer, nodes, margin + STEP, close)
    return f"{margin}}}", following


def emit_list(writer: Writer, node: Item, margin: str, lead: str, end: int) -> bool:
    """Write a node with one line for each argument, parameter or value; False if it has none."""
    entries, opening = listed(node)
    if not entries:
        return False
    whole = head(node)
    closing = whole[len(opening) + len(", ".join(map(entry_text, entries))) :]
    writer.write(lead + opening, node.span.start)
    writer.fresh = True
    for entry in entries:
        writer.flush(entry.span.start, margin + STEP)
        writer.hoist(entry.span.end, margin + STEP)
        writer.write(f"{margin}{STEP}{entry_text(entry)},", entry.span.end)
    writer.flush(end, margin + STEP)
    writer.write(margin + closing, end)
    return True


Entry = syntax.Argument | syntax.Parameter | syntax.Expression


def listed(node: Item) -> tuple[Sequence[Entry], str]:
    """Return the entries of the list that a node can write on many lines, and what opens it."""
    match node:
        case syntax.Call():
            return node.arguments, f"{head(replace(node, arguments=()))}("
        case syntax.Input():
            return node.arguments, f"input {node.kind.text}("
        case syntax.Default():
            return node.arguments, f"default {node.callee.text}("
        case syntax.Distil():
            return node.arguments, f"distil {node.teacher.text}("
        case syntax.BlockDecl() | syntax.SpaceDecl() | syntax.ScheduleDecl():
            return node.parameters, f"{head(replace(node, parameters=()))}("
        case syntax.Let(value=syntax.SetLit() as value):
            return value.items, head(node).removesuffix(spell(value)) + "{"
        case syntax.Choice(values=syntax.SetLit() as value):
            return value.items, f"choice {node.name.text} = {{"
        case _:
            return (), ""


def entry_text(entry: Entry) -> str:
    """Return one entry of a list."""
    return item(entry) if isinstance(entry, syntax.Argument | syntax.Parameter) else spell(entry)
