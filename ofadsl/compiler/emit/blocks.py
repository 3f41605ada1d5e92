"""The class of one declared block: its head, its body, and what a caller passes to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ofadsl.compiler.emit.parts import ClassText, Flow, Signature
from ofadsl.compiler.emit.render import Entry, Render, Vals
from ofadsl.compiler.emit.text import call, camel, identifier, literal, shown_path
from ofadsl.compiler.emit.wrap import sentence
from ofadsl.compiler.emit.writer import Writer
from ofadsl.compiler.labels import labels
from ofadsl.compiler.tree import BlockNode
from ofadsl.expr import Expr, Var, atom


def block_class(
    copies: tuple[BlockNode, ...], signatures: dict[int, Signature], names: set[str]
) -> tuple[ClassText, Signature]:
    """Return the class of a block, from all of its copies."""
    declaration = copies[0].declaration
    own_labels = labels(declaration.body)
    render = Render(attributes=frozenset(map(identifier, own_labels.values())))
    scopes = tuple(copy.body.scope for copy in copies)
    render.add("c_in", tuple(copy.body.x.channels for copy in copies), "in")
    for parameter in declaration.parameters:
        bindings = [scope.find(parameter.name.text) for scope in scopes]
        vals = tuple(b.meaning if b else None for b in bindings)
        render.add(identifier(parameter.name.text), vals, parameter.name.text)
    writer = Writer(render=render, labels=own_labels, classes=signatures)
    channels = None
    entry = render.entries[0]
    if entry.elastic:
        channels = atom(entry.name)
        entry.in_forward = True
    end = writer.body(declaration.body, tuple(c.body for c in copies), Flow(channels=channels))
    forward = list(written_lines(writer.forward))
    if channels and not any("c_in" in line for line in forward):
        entry.in_forward = False
    forward.append(f"        return {end.source}")
    name = _unique(camel(declaration.name.text), names)
    return (
        ClassText(
            name=name,
            source=f"{shown_path(declaration.span.source.path)}:{declaration.span.line}",
            init_head=_init_head(render),
            forward_head=_forward_head(render),
            stored=tuple(
                f"self.{render.attribute(e)} = {e.name}"
                for e in render.entries
                if e.in_forward and not e.elastic
            ),
            init=tuple(writer.init),
            forward=tuple(forward),
        ),
        _signature(name, render, copies),
    )


def _init_head(render: Render) -> tuple[str, ...]:
    """Return the head of `__init__`; what most copies have is the default."""
    needed, optional = [], []
    for entry in render.entries:
        if entry.in_init:
            vals = render.uppers(entry.vals)
            default = _default(vals)
            text = f"{entry.name}: {_kind(vals)}"
            if default is None:
                needed.append(text)
            else:
                optional.append(f"{text} = {literal(default)}")
    args = [*needed, *optional]
    return tuple(call("def __init__(", ["self", *(["*", *args] if args else [])], 4, ") -> None:"))


def _forward_head(render: Render) -> tuple[str, ...]:
    args = [f"{e.name}: {_kind(_taken(render, e))}" for e in render.entries if _passed(e)]
    first = ["self", "x: Tensor"]
    return tuple(call("def forward(", [*first, *(["*", *args] if args else [])], 4, ") -> Tensor:"))


def _taken(render: Render, entry: Entry) -> Vals:
    """Return values of every type that an argument takes."""
    choices = [v.values if isinstance(v, Var) else () for v in entry.vals]
    return (*render.uppers(entry.vals), *(value for values in choices for value in values))


def _passed(entry: Entry) -> bool:
    return entry.in_forward and entry.elastic and entry.text is None


def _signature(name: str, render: Render, copies: tuple[BlockNode, ...]) -> Signature:
    keys = [id(copy) for copy in copies]
    return Signature(
        name=name,
        init={
            e.name: dict(zip(keys, _filled(render.uppers(e.vals)), strict=True))
            for e in render.entries
            if e.in_init
        },
        defaults={e.name: _default(render.uppers(e.vals)) for e in render.entries if e.in_init},
        forward={
            e.name: dict(zip(keys, _filled(e.vals), strict=True))
            for e in render.entries
            if _passed(e)
        },
        written={e.name: e.parameter for e in render.entries if e.parameter and _passed(e)},
    )


def _filled(vals: Vals) -> Vals:
    """Return a value that is never read for the copies that lack the part which needs it."""
    first = next(v for v in vals if v is not None)
    unread = first if isinstance(first, str) else False if isinstance(first, bool) else 0
    return tuple(unread if v is None else v for v in vals)


def _default(vals: Vals) -> object:
    """Return what most copies have, or None where none is so common."""
    found = _filled(vals)
    if None in vals:
        return found[vals.index(None)]
    common = max(found, key=found.count)
    return common if 2 * found.count(common) > len(found) > 1 else None


def written_lines(forward: Sequence[str | tuple[Entry, int]]) -> Iterator[str]:
    """Yield the lines of ``forward``, and of what is assigned there what is read."""
    for line in forward:
        if isinstance(line, str):
            yield line
        elif line[0].in_forward:
            entry, indent = line
            yield from sentence(f"{entry.name} =", entry.text or "", indent)


def _unique(name: str, names: set[str]) -> str:
    unique, number = name, 2
    while unique in names:
        unique = f"{name}{number}"
        number += 1
    return unique


def _kind(vals: Vals) -> str:
    kinds = {type(v.support[0].values[0]) if isinstance(v, Expr) else type(v) for v in vals}
    kinds.discard(type(None))
    if tuple in kinds:
        return "tuple[int, ...]"
    if kinds == {bool}:
        return "bool"
    if kinds == {str}:
        return "str"
    return "float" if float in kinds else "int"
