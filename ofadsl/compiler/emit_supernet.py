"""The generated supernet: readable PyTorch, one class a block, the arch an argument of `forward`.

In: a checked space. Out: the text of `supernet.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ofadsl.compiler import syntax
from ofadsl.compiler.emit_arch import ArchText, arch_text
from ofadsl.compiler.emit_class import ClassText, Flow, Signature, Writer
from ofadsl.compiler.emit_text import (
    RESERVED_CHOICES,
    WIDTH,
    call,
    camel,
    identifier,
    literal,
    shown_path,
)
from ofadsl.compiler.labels import labels
from ofadsl.compiler.render import Entry, Render, Scopes, Vals, is_elastic, plain
from ofadsl.compiler.tree import (
    BlockNode,
    BranchNode,
    Checked,
    IfNode,
    OneOfNode,
    ResidualNode,
    Seq,
    StageNode,
    TreeNode,
)
from ofadsl.expr import Expr, Var, apply, source


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetText:
    """Everything that the template lays out."""

    arch: ArchText
    classes: tuple[ClassText, ...]
    init: tuple[str, ...]
    forward: tuple[str, ...]

    def uses(self, word: str) -> bool:
        """Return whether generated code uses a name."""
        lines = [*self.init, *self.forward]
        for choices in self.arch.classes:
            lines += choices.lines
        for cls in self.classes:
            lines += [*cls.init, *cls.forward]
        return any(f"{word}(" in line for line in lines)


def supernet_text(checked: Checked) -> SupernetText:
    """Return the classes and the lines of a supernet."""
    copies: dict[int, list[BlockNode]] = {}
    for block in _blocks(checked.body):
        copies.setdefault(id(block.declaration), []).append(block)
    signatures: dict[int, Signature] = {}
    classes: list[ClassText] = []
    names: set[str] = {"Supernet", "Arch"}
    arch = arch_text(checked)
    names.update(cls.name for cls in arch.classes)
    for key, own in copies.items():  # inner blocks come first
        text, signatures[key] = block_class(tuple(own), signatures, names)
        classes.append(text)
        names.add(text.name)
    writer = _SupernetWriter(
        render=_ArchRender(attributes=frozenset(), arch=arch),
        labels=labels(checked.declaration.body),
        classes=signatures,
    )
    writer.body(checked.declaration.body, (checked.body,), Flow())
    forward = tuple(line for line in writer.forward if isinstance(line, str))
    return SupernetText(arch=arch, classes=tuple(classes), init=tuple(writer.init), forward=forward)


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
        channels = entry.name
        entry.in_forward = True
    end = writer.body(declaration.body, tuple(c.body for c in copies), Flow(channels=channels))
    forward = list(_lines(writer.forward))
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
    """Return 0 for the copies that lack the part which needs the value."""
    return tuple(0 if v is None else v for v in vals)


def _default(vals: Vals) -> object:
    """Return what most copies have, or None where none is so common."""
    found = _filled(vals)
    if None in vals:
        return 0
    common = max(found, key=found.count)
    return common if 2 * found.count(common) > len(found) > 1 else None


def _lines(forward: Sequence[str | tuple[Entry, int]]) -> Iterator[str]:
    for line in forward:
        if isinstance(line, str):
            yield line
        elif line[0].in_forward:
            entry, indent = line
            yield f"{' ' * indent}{entry.name} = {entry.text}"


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


def _blocks(seq: Seq) -> Iterator[BlockNode]:
    """Yield every block, those inside it before it."""
    for node in seq.nodes:
        for inner in _inner(node):
            yield from _blocks(inner)
        if isinstance(node, BlockNode):
            yield node
        elif isinstance(node, StageNode):
            for block in node.blocks:
                yield from _blocks(block.body)
                yield block


def _inner(node: TreeNode) -> tuple[Seq, ...]:
    match node:
        case BlockNode(body=body) | ResidualNode(body=body):
            return (body,)
        case IfNode(then=then, orelse=orelse):
            return tuple(seq for seq in (then, orelse) if seq is not None)
        case BranchNode(branches=seqs) | OneOfNode(options=seqs):
            return seqs
        case _:
            return ()


@dataclass(slots=True, kw_only=True)
class _ArchRender(Render):
    """In a supernet every elastic value is read off the arch."""

    arch: ArchText

    def let(self, let: syntax.Let, vals: Vals, scopes: Scopes) -> Entry | None:
        return None

    def choice(self, name: str, scopes: Scopes) -> None:
        return None

    def channels(self, vals: Vals, computed: str | None = None) -> str | None:
        vals = plain(vals)
        return self.forward(vals, None, (), "") if is_elastic(vals) else None

    def forward(self, vals: Vals, expr: syntax.Expression | None, scopes: Scopes, hint: str) -> str:
        (value,) = plain(vals)
        return source(value, self.arch.read) if isinstance(value, Expr) else literal(value)


@dataclass(slots=True)
class _SupernetWriter(Writer):
    """Writes the supernet itself: the parts of the space, and its stages as loops."""

    def _block_comment(self, node: BlockNode, flow: Flow) -> None:
        span = node.span
        self.init.append(f"{' ' * flow.init_indent}# {shown_path(span.source.path)}:{span.line}")

    def stage(self, node: StageNode, flow: Flow) -> Flow:
        """Write a stage: a list of blocks, of which the first few are called."""
        label = identifier(node.name)
        span = node.statement.span
        signature = self.classes[id(node.blocks[0].declaration)]
        self.init.append(f"        # {shown_path(span.source.path)}:{span.line}")
        made = [self._made(block, signature) for block in node.blocks]
        self.init += _module_list(label, made)
        flow = self._settled(flow)
        arguments = [self._arguments(node, i, signature) for i in range(len(node.blocks))]
        carried = "c_in" in signature.forward
        shown = [{k: v for k, v in a.items() if k != "c_in"} for a in arguments]
        outputs = [self._in_loop(b.body.y.channels, i) for i, b in enumerate(node.blocks)]
        uniform = all(a == shown[0] for a in shown) and len(set(outputs)) == 1
        if uniform:
            self._loop(node, label, shown[0], arguments[0].get("c_in"), outputs[0], carried)
        else:
            self._unrolled(node, label, signature)
        return flow.moved(None)

    def _loop(
        self,
        node: StageNode,
        label: str,
        shown: dict[str, str],
        c_in: str | None,
        output: str,
        carried: bool,
    ) -> None:
        stage = f"arch.{identifier(node.name, RESERVED_CHOICES)}"
        own = any(text.startswith("choices.") or "(choices." in text for text in shown.values())
        own = own or any("choices." in text for text in shown.values())
        if carried:
            self.forward.append(f"        c_in = {c_in}")
        if own:
            blocks = f"zip(self.{label}, {stage}.blocks, strict=False)"
            self.forward.append(f"        for block, choices in {blocks}:")
        else:
            self.forward.append(f"        for block in islice(self.{label}, {stage}.depth):")
        sizes = [*(["c_in=c_in"] if carried else []), *(f"{k}={v}" for k, v in shown.items())]
        self.forward += call("x = block(", ["x", *sizes], 12)
        if carried:
            self.forward.append(f"            c_in = {output}")

    def _unrolled(self, node: StageNode, label: str, signature: Signature) -> None:
        """Write the calls one by one: the blocks of the stage are not called alike."""
        read = self.render.forward
        for index, block in enumerate(node.blocks):
            sizes = [
                f"{name}={read((values[id(block)],), None, (), name)}"
                for name, values in signature.forward.items()
            ]
            exists = apply(">", node.depth, index)
            indent = 8
            if exists.support:
                self.forward.append(f"        if {read((exists,), None, (), '')}:")
                indent = 12
            self.forward += call(f"x = self.{label}[{index}](", ["x", *sizes], indent)

    def _made(self, block: BlockNode, signature: Signature) -> tuple[str, tuple[str, ...]]:
        kwargs = [
            f"{name}={literal(values[id(block)])}"
            for name, values in signature.init.items()
            if values[id(block)] != signature.defaults[name]
        ]
        return signature.name, tuple(kwargs)

    def _arguments(self, node: StageNode, index: int, signature: Signature) -> dict[str, str]:
        block = node.blocks[index]
        result = {}
        for name, values in signature.forward.items():
            value = values[id(block)]
            inside = name == "c_in" and index == 0
            text = self.render.forward((value,), None, (), name) if inside else None
            result[name] = text or self._in_loop(value, index)
        return result

    def _in_loop(self, value: object, index: int) -> str:
        """Return a value as the loop over a stage's blocks reads it."""
        (value,) = plain((value,))
        if not isinstance(value, Expr):
            return literal(value)
        assert isinstance(self.render, _ArchRender)
        arch = self.render.arch
        own = {v.name for v in value.support if f".{index}." in v.name}

        def read(var: Var) -> str:
            return (
                arch.in_block[var.name]
                if var.name in own & arch.in_block.keys()
                else (arch.path[var.name])
            )

        return source(value, read)


def _module_list(label: str, made: list[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Return a list of blocks, equal neighbours as a comprehension."""
    items: list[list[str]] = []
    for (name, kwargs), same in itertools.groupby(made):
        count = len(list(same))
        if count == 1:
            items.append(call(f"{name}(", kwargs, 16, "),"))
            continue
        item = [f"{' ' * 16}*({name}({', '.join(kwargs)}) for _ in range({count})),"]
        if len(item[0]) > WIDTH:
            loop = f"{' ' * 20}for _ in range({count})"
            item = [" " * 16 + "*(", *call(f"{name}(", kwargs, 20), loop, " " * 16 + "),"]
        items.append(item)
    head = f"        self.{label} = torch.nn.ModuleList("
    short = ", ".join(item[0].strip().removesuffix(",") for item in items)
    if all(len(item) == 1 for item in items) and len(f"{head}[{short}])") <= WIDTH:
        return [f"{head}[{short}])"]
    if all(len(item) == 1 for item in items) and len(f"            [{short}]") <= WIDTH:
        return [head, f"            [{short}]", "        )"]
    body = [line for item in items for line in item]
    return [head, "            [", *body, "            ]", "        )"]
