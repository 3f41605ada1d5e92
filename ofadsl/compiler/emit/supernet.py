"""The generated supernet: readable PyTorch, one class a block, the arch an argument of `forward`.

In: a checked space. Out: the text of `supernet.py`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.compiler.emit.arch import ArchText, arch_text
from ofadsl.compiler.emit.blocks import block_class, written_lines
from ofadsl.compiler.emit.parts import ClassText, Flow, Signature
from ofadsl.compiler.emit.render import Entry, Render, Scopes, Vals, plain
from ofadsl.compiler.emit.text import (
    RESERVED_CHOICES,
    RESERVED_CLASSES,
    call,
    identifier,
    literal,
    shown_path,
    spelt_literal,
)
from ofadsl.compiler.emit.ways import settled
from ofadsl.compiler.emit.wrap import WIDTH, canonical, sentence
from ofadsl.compiler.emit.writer import Writer
from ofadsl.compiler.flow import output
from ofadsl.compiler.labels import labels
from ofadsl.compiler.tree import BlockNode, Checked, Seq, StageNode, TreeNode, inside
from ofadsl.expr import Apply, Code, Expr, Var, apply, code_of, ordered


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
    copies = _copies(checked.body)
    signatures: dict[int, Signature] = {}
    classes: list[ClassText] = []
    names = set(RESERVED_CLASSES)
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
    forward = tuple(written_lines(writer.forward))
    return SupernetText(arch=arch, classes=tuple(classes), init=tuple(writer.init), forward=forward)


def _copies(body: Seq) -> dict[int, list[BlockNode]]:
    """Return the copies of each declared block, of those that others are made of first."""
    copies: dict[int, list[BlockNode]] = {}
    inside: dict[int, dict[int, None]] = {}
    for block in _blocks(body):
        key = id(block.declaration)
        copies.setdefault(key, []).append(block)
        inner = inside.setdefault(key, {})
        inner.update((id(part.declaration), None) for part in _outermost(block.body))
    ordered: dict[int, list[BlockNode]] = {}
    waiting = [(key, False) for key in reversed(copies)]
    while waiting:  # one copy may lack what another is made of: the order is that of all
        key, ready = waiting.pop()
        if ready:
            ordered[key] = copies[key]
        elif key not in ordered:
            waiting.append((key, True))
            waiting += [(part, False) for part in reversed(inside[key])]
    return ordered


def _blocks(seq: Seq) -> Iterator[BlockNode]:
    """Yield every block, those inside it before it."""
    for block in _outermost(seq):
        yield from _blocks(block.body)
        yield block


def _outermost(seq: Seq) -> Iterator[BlockNode]:
    """Yield the blocks of a body that are inside no other block of it."""
    for node in seq.nodes:
        if isinstance(node, BlockNode):
            yield node
        elif isinstance(node, StageNode):
            yield from node.blocks
        else:
            for inner in inside(node):
                yield from _outermost(inner)


_C_IN = Var("~c_in", (1,))
"""Stands for what the variable `c_in` holds."""

_TOP = Flow().indent
_LONG = 4
"""Levels of operators in channels that are given a name."""


@dataclass(slots=True, kw_only=True)
class _ArchRender(Render):
    """In a supernet every elastic value is read off the arch."""

    arch: ArchText
    carried: Expr | None = None
    """The channels that `c_in` holds: those after a stage, or any that take a long text."""
    assigned: Entry | None = None
    """The line that gives `c_in` its value, which is written where that is read."""
    needs: dict[int, Entry] = field(default_factory=dict)

    def let(self, let: syntax.Let, vals: Vals, scopes: Scopes) -> Entry | None:
        return None

    def choice(self, name: str, scopes: Scopes) -> None:
        return None

    def channels(self, vals: Vals, computed: Code | None = None) -> Code | None:
        return None  # what needs them asks for them

    def forward(
        self, vals: Vals, expr: syntax.Expression | None, scopes: Scopes, hint: str
    ) -> Code:
        (value,) = plain(vals)
        shorter = self.shorter(value)
        if shorter is not value:
            self._use(self.assigned)
        return self.read(shorter)

    def read(self, value: object) -> Code:
        """Return the text of a value."""
        return _text(value, self.name)

    def name(self, var: Var) -> str:
        """Return how a dimension is read, or the variable that holds channels."""
        return "c_in" if var is _C_IN else self.arch.path[var.name]

    def shorter(self, value: object) -> object:
        """Return a value with `c_in` for what it holds."""
        if isinstance(value, Apply) and isinstance(self.carried, Apply):
            return _carrying(value, self.carried)
        return value

    def carry(self, value: Expr) -> Entry | None:
        """Let `c_in` hold channels that take a long text; return the line that says so."""
        shorter = self.shorter(value)
        if not isinstance(shorter, Apply) or shorter.depth < _LONG:
            return None
        entry = Entry(name="c_in", vals=(value,), text=self.read(shorter).text)
        if shorter is not value and self.assigned is not None:
            self.needs[id(entry)] = self.assigned
        self.carried, self.assigned = value, entry
        return entry

    def _use(self, entry: Entry | None) -> None:
        while entry is not None and not entry.in_forward:
            entry.in_forward = True
            entry = self.needs.get(id(entry))


@dataclass(slots=True)
class _SupernetWriter(Writer):
    """Writes the supernet itself: the parts of the space, and its stages as loops."""

    variables: dict[str, str] = field(default_factory=dict)
    """The type of the choices of a stage's blocks -> the variable that a loop keeps them in."""

    def _block_comment(self, node: BlockNode, flow: Flow) -> None:
        span = node.span
        self.init.append(f"{' ' * flow.init_indent}# {shown_path(span.source.path)}:{span.line}")

    def _node(
        self,
        statement: syntax.Statement,
        copies: tuple[TreeNode | None, ...],
        scopes: Scopes,
        flow: Flow,
    ) -> Flow:
        after = Writer._node(self, statement, copies, scopes, flow)
        (node,) = copies
        channels = None if node is None else output(node).channels
        if flow.indent == _TOP and isinstance(channels, Apply):
            assert isinstance(self.render, _ArchRender)
            if channels != self.render.carried:
                entry = self.render.carry(channels)
                self.forward += [] if entry is None else [(entry, flow.indent)]
        return after

    def stage(self, node: StageNode, flow: Flow) -> Flow:
        """Write a stage: a list of blocks, of which the first few are called."""
        label = identifier(node.name)
        span = node.statement.span
        signature = self.classes[id(node.blocks[0].declaration)]
        self.init.append(f"        # {shown_path(span.source.path)}:{span.line}")
        made = [self._made(block, signature) for block in node.blocks]
        self.init += _module_list(label, made)
        flow = settled(self, flow)
        arguments = [self._arguments(node, i, signature) for i in range(len(node.blocks))]
        carried = "c_in" in signature.forward
        shown = [{k: v for k, v in a.items() if k != "c_in"} for a in arguments]
        outputs = [self._in_loop(b.body.y.channels, node, i) for i, b in enumerate(node.blocks)]
        if carried and len(set(outputs)) > 1:  # by what comes into the block they may be alike
            values = ((_carrying(b.body.y.channels, b.body.x.channels), b) for b in node.blocks)
            outputs = [self._in_loop(value, node, i) for i, (value, _) in enumerate(values)]
        uniform = all(a == shown[0] for a in shown) and len(set(outputs)) == 1
        if not uniform:
            self._unrolled(node, label, signature)
            return flow.moved(None)
        self._loop(node, label, shown[0], arguments[0].get("c_in"), outputs[0], carried)
        if carried:
            assert isinstance(self.render, _ArchRender)
            self.render.carried, self.render.assigned = node.y.channels, None
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
        name = self._loop_variable(node)
        own = any(re.search(rf"(?<![\w.]){name}\.", text) for text in (*shown.values(), output))
        if carried and c_in != "c_in":  # what the stage before left there
            self.forward += sentence("c_in =", c_in or "", 8)
        if own:
            both = [f"self.{label}", f"{stage}.blocks", "strict=False"]
            self.forward += call(f"for block, {name} in zip(", both, 8, "):")
        else:
            kept = [f"self.{label}", f"{stage}.depth"]
            self.forward += call("for block in islice(", kept, 8, "):")
        sizes = [*(["c_in=c_in"] if carried else []), *(f"{k}={v}" for k, v in shown.items())]
        self.forward += call("x = block(", ["x", *sizes], 12)
        if carried:
            self.forward += _gives(output, 12)

    def _loop_variable(self, node: StageNode) -> str:
        """Return the variable of a stage's choices: a type checker wants one for each type."""
        assert isinstance(self.render, _ArchRender)
        kind = self.render.arch.of_blocks.get(node.name, "")
        if kind:
            free = f"{node.name}_choices" if self.variables else "choices"
            self.variables.setdefault(kind, free)
        return self.variables.get(kind, "choices")

    def _unrolled(self, node: StageNode, label: str, signature: Signature) -> None:
        """Write the calls one by one: the blocks of the stage are not called alike."""
        read = self.render.forward
        assert isinstance(self.render, _ArchRender)
        outputs = [block.body.y.channels for block in node.blocks]
        kept = "c_in" in signature.forward and any(y.depth >= _LONG for y in outputs)
        if kept:
            first = read((node.x.channels,), None, (), "c_in")
            self.forward += sentence("c_in =", first.text, 8)
        for index, block in enumerate(node.blocks):
            if kept:
                self.render.carried, self.render.assigned = block.body.x.channels, None
            sizes = [
                f"{name}={read((values[id(block)],), None, (), name).text}"
                for name, values in signature.forward.items()
            ]
            exists = apply(">", node.depth, index)
            indent = 8
            if exists.support:
                self.forward += sentence("if", read((exists,), None, (), "").text, 8, ":")
                indent = 12
            self.forward += call(f"x = self.{label}[{index}](", ["x", *sizes], indent)
            if kept:
                own = read((block.body.y.channels,), None, (), "c_in")
                self.forward += _gives(own.text, indent)
        if kept:
            self.render.carried = node.y.channels

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
            if index == 0 and name == "c_in":
                result[name] = self.render.forward((value,), None, (), name).text
            else:
                result[name] = self._in_loop(value, node, index)
        return result

    def _in_loop(self, value: object, node: StageNode, index: int) -> str:
        """Return a value as the loop over a stage's blocks reads it."""
        (value,) = plain((value,))
        if not isinstance(value, Expr):
            return literal(value)
        assert isinstance(self.render, _ArchRender)
        render, arch = self.render, self.render.arch
        own = {v.name for v in value.support if f".{index}." in v.name} & arch.in_block.keys()
        variable = self._loop_variable(node)

        def read(var: Var) -> str:
            if var.name in own:
                return f"{variable}.{arch.in_block[var.name]}"
            return render.name(var)

        return _text(value, read).text


def _gives(channels: str, indent: int) -> list[str]:
    """Return the line that gives `c_in` its value, if it is another one."""
    return [] if channels == "c_in" else sentence("c_in =", channels, indent)


def _carrying(value: Expr, carried: Expr) -> Expr:
    """Return ``value`` with ``c_in`` for each part of it that is what that variable holds."""
    found: dict[Expr, Expr] = {}
    for part in ordered(value):
        found[part] = part
        if part == carried:
            found[part] = _C_IN
        elif isinstance(part, Apply) and any(found[arg] is not arg for arg in part.args):
            found[part] = Apply(part.op, tuple(found[arg] for arg in part.args))
    return found[value]


def _text(value: object, read: Callable[[Var], str]) -> Code:
    if not isinstance(value, Expr):
        return spelt_literal(value)
    code = code_of(value, read)
    return code._replace(text=canonical(code.text))


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
