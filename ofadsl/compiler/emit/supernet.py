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
from ofadsl.compiler.emit.blocks import block_class
from ofadsl.compiler.emit.parts import ClassText, Flow, Signature
from ofadsl.compiler.emit.render import Entry, Render, Scopes, Vals, is_elastic, plain
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
from ofadsl.compiler.labels import labels
from ofadsl.compiler.tree import BlockNode, Checked, Seq, StageNode, inside
from ofadsl.expr import Apply, Code, Expr, Var, apply, code_of


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
    forward = tuple(line for line in writer.forward if isinstance(line, str))
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


@dataclass(slots=True, kw_only=True)
class _ArchRender(Render):
    """In a supernet every elastic value is read off the arch."""

    arch: ArchText
    carried: Expr | None = None
    """The channels that `c_in` holds, after a stage that ends with what its last block says."""

    def let(self, let: syntax.Let, vals: Vals, scopes: Scopes) -> Entry | None:
        return None

    def choice(self, name: str, scopes: Scopes) -> None:
        return None

    def channels(self, vals: Vals, computed: Code | None = None) -> Code | None:
        vals = plain(vals)
        return self.forward(vals, None, (), "") if is_elastic(vals) else None

    def forward(
        self, vals: Vals, expr: syntax.Expression | None, scopes: Scopes, hint: str
    ) -> Code:
        (value,) = plain(vals)
        if isinstance(value, Apply) and isinstance(self.carried, Apply):
            value = _carrying(value, self.carried)
        return _text(value, lambda var: self.arch.path.get(var.name, var.name))


@dataclass(slots=True)
class _SupernetWriter(Writer):
    """Writes the supernet itself: the parts of the space, and its stages as loops."""

    variables: dict[str, str] = field(default_factory=dict)
    """The type of the choices of a stage's blocks -> the variable that a loop keeps them in."""

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
        flow = settled(self, flow)
        arguments = [self._arguments(node, i, signature) for i in range(len(node.blocks))]
        carried = "c_in" in signature.forward
        shown = [{k: v for k, v in a.items() if k != "c_in"} for a in arguments]
        outputs = [self._in_loop(b.body.y.channels, node, i) for i, b in enumerate(node.blocks)]
        uniform = all(a == shown[0] for a in shown) and len(set(outputs)) == 1
        if not uniform:
            self._unrolled(node, label, signature)
            return flow.moved(None)
        self._loop(node, label, shown[0], arguments[0].get("c_in"), outputs[0], carried)
        if carried:
            assert isinstance(self.render, _ArchRender)
            self.render.carried = node.y.channels
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
            self.forward += sentence("c_in =", output, 12)

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
        for index, block in enumerate(node.blocks):
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
        arch = self.render.arch
        own = {v.name for v in value.support if f".{index}." in v.name} & arch.in_block.keys()
        variable = self._loop_variable(node)

        def read(var: Var) -> str:
            if var.name in own:
                return f"{variable}.{arch.in_block[var.name]}"
            return arch.path[var.name]

        return _text(value, read).text


def _carrying(value: Expr, carried: Expr) -> Expr:
    """Return ``value`` with ``c_in`` for each part of it that is what that variable holds."""
    if value == carried:
        return Var("c_in", (1,))
    if not isinstance(value, Apply):
        return value
    return Apply(value.op, tuple(_carrying(arg, carried) for arg in value.args))


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
