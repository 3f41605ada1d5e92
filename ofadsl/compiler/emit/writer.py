"""One class of a generated supernet for each declared block, from all of its copies together.

In: every elaborated copy of a block. What is equal in all copies is written into the class; what
differs but depends on no choice is an argument of ``__init__``; what depends on choices is an
argument of ``forward``, or is computed there as the block's own text computes it. Sizes to
allocate are the upper bounds that the compiler proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TypeVar, assert_never

from ofadsl.compiler import syntax
from ofadsl.compiler.emit.parts import Flow, Signature
from ofadsl.compiler.emit.render import Entry, Render, Vals, plain, same_static
from ofadsl.compiler.emit.text import call, identifier
from ofadsl.compiler.emit.ways import write_branches, write_if, write_oneof, write_residual
from ofadsl.compiler.scope import Scope
from ofadsl.compiler.tree import (
    BlockNode,
    BranchNode,
    IfNode,
    OneOfNode,
    OpNode,
    ResidualNode,
    Seq,
    StageNode,
    TreeNode,
)
from ofadsl.expr import Expr

T = TypeVar("T", bound=TreeNode)


@dataclass(slots=True)
class Writer:
    """Writes the body of one class; ``flow`` names the variable that holds the features."""

    render: Render
    labels: Mapping[int, str]
    classes: Mapping[int, Signature]
    init: list[str] = field(default_factory=list)
    forward: list[str | tuple[Entry, int]] = field(default_factory=list)
    """Lines, and `let`s with their indent, which are written where they are used."""
    shortcuts: int = 0
    guarded: tuple[int, str] | None = None
    """Where the last guarded lines of `__init__` end, and by what they are guarded."""

    def body(
        self,
        statements: tuple[syntax.Statement, ...],
        seqs: tuple[Seq | None, ...],
        flow: Flow,
    ) -> Flow:
        """Write statements one after the other; return where the features are then."""
        nodes = [iter(seq.nodes) if seq else None for seq in seqs]
        scopes = tuple(seq.scope if seq else None for seq in seqs)
        for statement in statements:
            match statement:
                case syntax.Let():
                    self._let(statement, scopes, flow)
                case syntax.Choice(name=name):
                    self.render.choice(name.text, scopes)
                case syntax.Require() | syntax.Default() | syntax.Input():
                    pass
                case _:
                    copies = tuple(next(it) if it else None for it in nodes)
                    flow = self._node(statement, copies, scopes, flow)
        return flow

    def _let(self, let: syntax.Let, scopes: tuple[Scope | None, ...], flow: Flow) -> None:
        if let.parameters is not None:
            return
        vals = tuple(s.values.get(id(let.value)) if s else None for s in scopes)
        if any(v is None for v, s in zip(vals, scopes, strict=True) if s):
            return  # a set: each use of it is a dimension of its own
        entry = self.render.let(let, vals, scopes)
        if entry is not None:
            self.forward.append((entry, flow.indent))

    def _node(
        self,
        statement: syntax.Statement,
        copies: tuple[TreeNode | None, ...],
        scopes: tuple[Scope | None, ...],
        flow: Flow,
    ) -> Flow:
        one = next(node for node in copies if node is not None)
        match one:
            case OpNode():
                return self.op(_only(OpNode, copies), scopes, flow)
            case BlockNode():
                return self.block(_only(BlockNode, copies), scopes, flow)
            case IfNode(statement=text):
                return write_if(self, text, _only(IfNode, copies), scopes, flow)
            case ResidualNode(statement=text):
                return write_residual(self, text, _only(ResidualNode, copies), scopes, flow)
            case BranchNode(statement=text):
                return write_branches(self, text, _only(BranchNode, copies), flow)
            case OneOfNode(statement=text):
                return write_oneof(self, text, _only(OneOfNode, copies), flow)
            case StageNode():
                return self.stage(one, flow)
            case _:
                assert_never(one)

    def stage(self, node: StageNode, flow: Flow) -> Flow:
        """Write a stage; only a supernet has any."""
        raise AssertionError(node.name)

    def op(
        self, copies: tuple[OpNode | None, ...], scopes: tuple[Scope | None, ...], flow: Flow
    ) -> Flow:
        """Write an op: a module in ``__init__``, its call in ``forward``."""
        one = next(node for node in copies if node is not None)
        label = identifier(self.labels[id(one.statement)])
        op_class = type(one.op)
        kwargs, sizes = [], []
        for spec in fields(op_class):
            vals = plain(tuple(getattr(n.op, spec.name) if n else None for n in copies))
            argument = op_class.written_as.get(spec.name, spec.name)
            written = tuple(n.written.get(argument) if n else None for n in copies)
            kwargs += self._init_kwarg(spec.name, vals, label, spec.default, written)
            if spec.name in op_class.elastic:
                sizes += self._size(spec.name, vals, argument, written, copies, flow)
        self._module(label, f"nn.{op_class.module}(", kwargs, flow)
        self._call(f"self.{label}(", sizes, flow)
        y = tuple(n.y.channels if n else None for n in copies)
        return flow.moved(self.render.channels(y))

    def _init_kwarg(
        self,
        name: str,
        vals: tuple[object, ...],
        label: str,
        default: object,
        written: tuple[object, ...],
    ) -> list[str]:
        fixed = same_static(self.render.uppers(vals))
        if fixed is not None and default is not MISSING and fixed == default:
            return []
        text = self.render.init(vals, f"{label.removesuffix('_')}_{name}", _parameter(written))
        return [f"{name}={text}"]

    def _size(
        self,
        name: str,
        vals: Vals,
        argument: str,
        written: tuple[object, ...],
        copies: tuple[OpNode | None, ...],
        flow: Flow,
    ) -> list[str]:
        if not any(isinstance(v, Expr) and v.support for v in vals):
            return []
        incoming = plain(tuple(n.x.channels if n else None for n in copies))
        if vals == incoming and not any(written):
            text = flow.channels or self.render.forward(vals, None, (), "c_in")
        else:
            text = self.render.written(vals, written, argument)
        return [f"{name}={text.text}"]

    def block(
        self,
        copies: tuple[BlockNode | None, ...],
        scopes: tuple[Scope | None, ...],
        flow: Flow,
    ) -> Flow:
        """Write a block inside a block: a module of its own class."""
        one = next(node for node in copies if node is not None)
        label = identifier(one.name.rpartition(".")[2])
        signature = self.classes[id(one.declaration)]
        kwargs = []
        for name, by_copy in signature.init.items():
            vals = tuple(by_copy[id(n)] if n else None for n in copies)
            default = signature.defaults[name]
            if default is not None and same_static(vals) == default:
                continue
            hint = f"{label.removesuffix('_')}_{name}"
            kwargs.append(f"{name}={self.render.init(vals, hint, None)}")
        sizes = []
        for name, by_node in signature.forward.items():
            exprs = tuple(by_node[id(n)] if n else None for n in copies)
            parameter = signature.written.get(name)
            if parameter == "in" and flow.channels:
                text = flow.channels
            else:
                written = tuple(n.written.get(parameter or "") if n else None for n in copies)
                text = self.render.written(exprs, written, name)
            sizes.append(f"{name}={text.text}")
        self._block_comment(one, flow)
        self._module(label, f"{signature.name}(", kwargs, flow)
        self._call(f"self.{label}(", sizes, flow)
        y = tuple(n.body.y.channels if n else None for n in copies)
        return flow.moved(self.render.channels(y))

    def _block_comment(self, node: BlockNode, flow: Flow) -> None:
        """Say where a block comes from; only a supernet does, whose file the user wrote."""

    def _module(self, label: str, head: str, kwargs: list[str], flow: Flow) -> None:
        self.init += call(f"self.{label} = {head}", kwargs, flow.init_indent)

    def _call(self, head: str, sizes: list[str], flow: Flow) -> None:
        self.forward += call(f"{flow.target} = {head}", [flow.source, *sizes], flow.indent)


def _only(kind: type[T], copies: tuple[TreeNode | None, ...]) -> tuple[T | None, ...]:
    """Return the copies, all of which come from one statement and so are of one kind."""
    assert all(node is None or isinstance(node, kind) for node in copies)
    return tuple(node if isinstance(node, kind) else None for node in copies)


def _parameter(written: tuple[object, ...]) -> str | None:
    """Return the name that an argument was written as, where it is one name in every copy."""
    names = {
        w[0].text if isinstance(w, tuple) and isinstance(w[0], syntax.Name) else None
        for w in written
        if w is not None
    }
    return names.pop() if len(names) == 1 else None
