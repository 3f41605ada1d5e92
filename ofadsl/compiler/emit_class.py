"""One class of a generated supernet for each declared block, from all of its copies together.

In: every elaborated copy of a block. What is equal in all copies is written into the class; what
differs but depends on no choice is an argument of ``__init__``; what depends on choices is an
argument of ``forward``, or is computed there as the block's own text computes it. Sizes to
allocate are the upper bounds that the compiler proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TypeVar, assert_never

from ofadsl.compiler import syntax
from ofadsl.compiler.emit_text import call, identifier, literal
from ofadsl.compiler.labels import labels
from ofadsl.compiler.render import Entry, Render, Vals, is_elastic, plain, same_static
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
from ofadsl.expr import FALSE, TRUE, Expr
from ofadsl.ops.join import Add

T = TypeVar("T", bound=TreeNode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a caller needs to know of a class: the values of its arguments for each copy."""

    name: str
    init: Mapping[str, Mapping[int, object]]
    defaults: Mapping[str, object]
    forward: Mapping[str, Mapping[int, object]]
    written: Mapping[str, str]
    """Argument of ``forward`` -> parameter of the block that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassText:
    """A class as lines: what ``__init__`` and ``forward`` take and do."""

    name: str
    source: str
    """Where the block is declared."""
    init_head: tuple[str, ...]
    forward_head: tuple[str, ...]
    stored: tuple[str, ...]
    init: tuple[str, ...]
    forward: tuple[str, ...]


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
                return self._if(text, _only(IfNode, copies), scopes, flow)
            case ResidualNode(statement=text):
                return self._residual(text, _only(ResidualNode, copies), scopes, flow)
            case BranchNode(statement=text):
                return self._branches(text, _only(BranchNode, copies), flow)
            case OneOfNode(statement=text):
                return self._oneof(text, _only(OneOfNode, copies), flow)
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
        return [f"{name}={text}"]

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
            sizes.append(f"{name}={text}")
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

    def _if(
        self,
        statement: syntax.If,
        copies: tuple[IfNode | None, ...],
        scopes: tuple[Scope | None, ...],
        flow: Flow,
    ) -> Flow:
        conditions = tuple(n.condition if n else None for n in copies)
        thens = tuple(n.then if n else None for n in copies)
        elses = tuple(n.orelse if n else None for n in copies)
        fixed = same_static(conditions)
        if isinstance(fixed, bool):
            body, seqs = (statement.then, thens) if fixed else (statement.orelse, elses)
            return self.body(body, seqs, flow)
        hint = f"use_{self._first(statement)}"
        condition = self.render.condition(conditions, statement.condition, scopes, hint)
        flow = self._settled(flow)
        ways = [(f"if {condition}:", statement.then, thens)]
        if statement.orelse:
            ways.append(("else:", statement.orelse, elses))
        ends = []
        for head, body, seqs in ways:
            self.forward.append(" " * flow.indent + head)
            start, count = len(self.forward), len(self.init)
            inner = flow.inside()
            ends.append(self._end(body, seqs, inner))
            if not self._has_code(start):
                self.forward.append(" " * inner.indent + "pass")
            self._guard_init(count, conditions, head, flow)
        if not statement.orelse:
            ends.append(flow.channels)
        y = tuple(n.y.channels if n else None for n in copies)
        computed = f"({ends[0]} if {condition} else {ends[1]})" if all(ends) else None
        return flow.moved(self.render.channels(y, computed))

    def _end(
        self, body: tuple[syntax.Statement, ...], seqs: tuple[Seq | None, ...], flow: Flow
    ) -> str | None:
        """Write a body; return the expression for the channels after it."""
        end = self.body(body, seqs, flow)
        fixed = same_static(tuple(seq.y.channels if seq else None for seq in seqs))
        return end.channels if fixed is None else literal(fixed)

    def _settled(self, flow: Flow) -> Flow:
        """Copy the features to the target, where only some ways would write to it."""
        if flow.source == flow.target:
            return flow
        self.forward.append(f"{' ' * flow.indent}{flow.target} = {flow.source}")
        return flow.moved(flow.channels)

    def _guard_init(self, start: int, conditions: Vals, head: str, flow: Flow) -> None:
        """Allocate what a way needs only in the copies that can take it."""
        otherwise = head == "else:"
        never = TRUE if otherwise else FALSE
        if len(self.init) == start or never not in conditions:
            return
        pad = " " * flow.init_indent
        if is_elastic(conditions):
            flags = tuple(None if c is None else c != never for c in conditions)
            guard = f"if {self.render.init(flags, self.render.last_flag, None)}:"
        else:
            name = self.render.init(conditions, self.render.last_flag, self.render.last_flag)
            follows = otherwise and self.guarded == (start, name)
            guard = "else:" if follows else f"if {'not ' if otherwise else ''}{name}:"
            self.guarded = (len(self.init) + 1, name)
        inner = [" " * 4 + line for line in self.init[start:]]
        self.init[start:] = [pad + guard, *inner]

    def _has_code(self, start: int) -> bool:
        return any(isinstance(line, str) for line in self.forward[start:])

    def _first(self, statement: syntax.If) -> str:
        """Return the name of the first part inside an `if`."""
        for body in (statement.then, statement.orelse):
            for name in (self.labels[key] for key in labels(body)):
                return name
        return "branch"

    def _residual(
        self,
        statement: syntax.Residual,
        copies: tuple[ResidualNode | None, ...],
        scopes: tuple[Scope | None, ...],
        flow: Flow,
    ) -> Flow:
        conditions = tuple(n.condition if n else None for n in copies)
        seqs = tuple(n.body if n else None for n in copies)
        fixed = same_static(conditions)
        if fixed is False:
            return self.body(statement.body, seqs, flow)
        self.shortcuts += 1
        shortcut = "shortcut" if self.shortcuts == 1 else f"shortcut_{self.shortcuts}"
        pad = " " * flow.indent
        self.forward.append(f"{pad}{shortcut} = {flow.source}")
        after = self.body(statement.body, seqs, flow)
        total = f"{after.target} = {after.source} + {shortcut}"
        if fixed is True:
            self.forward.append(f"{pad}{total}")
        else:
            when = statement.condition
            condition = self.render.condition(conditions, when, scopes, "residual")
            self.forward += [f"{pad}if {condition}:", f"{pad}    {total}"]
        return after.moved(after.channels)

    def _branches(
        self, statement: syntax.Branches, copies: tuple[BranchNode | None, ...], flow: Flow
    ) -> Flow:
        one = next(node for node in copies if node is not None)
        names, ends = [], []
        for number, body in enumerate(statement.branches):
            name = f"{flow.target}{number + 1}" if flow.target == "x" else f"{flow.target}_{number}"
            seqs = tuple(n.branches[number] if n else None for n in copies)
            branch = flow.branch(name)
            ends.append(self._end(body, seqs, branch))
            names.append(name if any(seq and seq.nodes for seq in seqs) else flow.source)
        pad = " " * flow.indent
        if isinstance(one.op, Add):
            self.forward.append(f"{pad}{flow.target} = {' + '.join(names)}")
        else:
            axis = 2 if len(one.y.spatial) == 1 else 1
            inner = f"{flow.target} = torch.cat([{', '.join(names)}], {axis})"
            self.forward.append(pad + inner)
        y = tuple(n.y.channels if n else None for n in copies)
        summed = " + ".join(e for e in ends if e) if all(ends) else None
        if isinstance(one.op, Add):
            summed = ends[0]
        return flow.moved(self.render.channels(y, summed))

    def _oneof(
        self, statement: syntax.OneOf, copies: tuple[OneOfNode | None, ...], flow: Flow
    ) -> Flow:
        name = statement.label.text if statement.label else "op"
        choices = tuple(n.choice if n else None for n in copies)
        chosen = self.render.forward(choices, None, (), name)
        word = "if"
        flow = self._settled(flow)
        for number, option in enumerate(statement.options):
            seqs = tuple(n.options[number] if n else None for n in copies)
            start = len(self.forward)
            self.body(option.body, seqs, flow.inside())
            if self._has_code(start):
                head = f'{word} {chosen} == "{option.name.text}":'
                self.forward.insert(start, " " * flow.indent + head)
                word = "elif"
        y = tuple(n.y.channels if n else None for n in copies)
        return flow.moved(self.render.channels(y))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Where the features are: read from ``source``, written to ``target``; how many channels."""

    source: str = "x"
    target: str = "x"
    channels: str | None = None
    indent: int = 8
    init_indent: int = 8

    def moved(self, channels: str | None) -> Flow:
        """Return the flow after a call wrote to the target."""
        return replace(self, source=self.target, channels=channels)

    def inside(self) -> Flow:
        """Return the flow one level further in."""
        return replace(self, indent=self.indent + 4)

    def branch(self, name: str) -> Flow:
        """Return the flow of a branch that writes to a variable of its own."""
        return replace(self, target=name)


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
