"""Statements to the elaborated tree: stages unrolled, blocks opened, shapes inferred and proven.

In: resolved syntax. Out: nodes with shapes for every choice. A mistake is reported once and
leaves an unknown shape behind, so that what follows is still read but not accused.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace

from ofadsl.compiler import syntax
from ofadsl.compiler.blame import found, origin
from ofadsl.compiler.calls import Defaults, bind, op_value
from ofadsl.compiler.evaluate import Evaluator
from ofadsl.compiler.labels import labels
from ofadsl.compiler.prove import UnprovableError
from ofadsl.compiler.scope import Choices, Function, Place, Scope, StageRef, Written
from ofadsl.compiler.tally import tally
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
from ofadsl.diagnostics import Span
from ofadsl.expr import (
    TRUE,
    UNKNOWN,
    Const,
    Expr,
    TooLargeError,
    Value,
    Var,
    apply,
    bounded,
    negate,
    select,
    static,
)
from ofadsl.graph import Shape
from ofadsl.ops import OPS, Demand, Op
from ofadsl.ops.join import Add, Concat, same
from ofadsl.space import Stage

MOST_OPS = 1 << 15
DEEPEST = 24
"""Blocks call blocks no deeper than this."""
Part = syntax.Stage | syntax.If | syntax.Residual | syntax.Branches | syntax.OneOf | syntax.Call
UNKNOWN_SHAPE = Shape(channels=UNKNOWN, spatial=(UNKNOWN, UNKNOWN))


class SpaceTooLargeError(Exception):
    """More ops than any network that could be trained; the message is the rule broken."""

    def __init__(self, rule: str, span: Span, label: str) -> None:
        super().__init__(rule)
        self.span = span
        self.label = label


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What reaches a statement: the features, the scope, the place, the defaults in force."""

    x: Shape
    scope: Scope
    place: Place
    defaults: Defaults
    names: Mapping[int, str]
    prefix: str

    def path(self, statement: syntax.Call | syntax.OneOf) -> str:
        """Return the full name of a part of the network."""
        return self.prefix + self.names[id(statement)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A declared block with the scope of its file."""

    declaration: syntax.BlockDecl
    scope: Scope


@dataclass(slots=True)
class Elaborator:
    """Elaborates one space; ``counts`` says how many ops each block is made of, at least."""

    evaluator: Evaluator
    blocks: Mapping[str, Block]
    counts: Mapping[str, int] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    requirements: list[tuple[syntax.Require, Scope, Place]] = field(default_factory=list)
    label_cache: dict[int, Mapping[int, str]] = field(default_factory=dict)
    own_blocks: dict[int, syntax.BlockDecl] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    ops: int = 0

    def body(self, statements: tuple[syntax.Statement, ...], flow: Flow) -> Seq:
        """Elaborate statements one after the other."""
        nodes: list[TreeNode] = []
        x = flow.x
        defaults = dict(flow.defaults)
        for statement in statements:
            here = replace(flow, x=x, defaults=defaults)
            match statement:
                case syntax.Let():
                    self._let(statement, here)
                case syntax.Choice():
                    self._choice(statement, here)
                case syntax.Require():
                    self.requirements.append((statement, here.scope, here.place))
                case syntax.Default(callee=callee, arguments=arguments):
                    own = {a.name.text: (a.value, here.scope) for a in arguments if a.name}
                    defaults[callee.text] = {**defaults.get(callee.text, {}), **own}
                case syntax.Input():
                    pass  # read where the space begins
                case _:
                    node = self._node(statement, here)
                    nodes.append(node)
                    x = output(node)
        return Seq(nodes=tuple(nodes), scope=flow.scope, x=flow.x, y=x)

    def labels(self, statements: tuple[syntax.Statement, ...]) -> Mapping[int, str]:
        """Return the names of the parts of a body, made once for each text."""
        if id(statements) not in self.label_cache:
            self.label_cache[id(statements)] = labels(statements)
        return self.label_cache[id(statements)]

    def _node(self, statement: Part, flow: Flow) -> TreeNode:
        if flow.place.stage is None and not flow.prefix:
            flow.scope.bind("in", flow.x.channels)
        try:
            node = self._elaborated(statement, flow)
            shape = output(node)
            for extent in (shape.channels, *shape.spatial):
                bounded(extent)
            return node
        except TooLargeError as error:
            self.evaluator.report.add("OFA045", "a size is too large", statement.span, str(error))
            return _unknown_node(statement, flow)

    def _elaborated(self, statement: Part, flow: Flow) -> TreeNode:
        match statement:
            case syntax.Call():
                return self._call(statement, flow)
            case syntax.Stage():
                return self._stage(statement, flow)
            case syntax.If():
                return self._if(statement, flow)
            case syntax.Residual():
                return self._residual(statement, flow)
            case syntax.Branches():
                return self._branches(statement, flow)
            case syntax.OneOf():
                return self._oneof(statement, flow)

    def _let(self, let: syntax.Let, flow: Flow) -> None:
        scope = flow.scope
        if let.parameters is not None:
            parts = list(syntax.walk(let.value))
            wanted = [e.text for e in parts if isinstance(e, syntax.Name)]
            wanted += [e.function.text for e in parts if isinstance(e, syntax.Apply)]
            scope.bind(let.name.text, Function(let=let, scope=scope.snapshot(wanted)))
            return
        meaning = self.evaluator.meaning(let.value, scope, flow.place, let.name.text)
        if isinstance(meaning, Expr):
            scope.values[id(let.value)] = meaning
        scope.bind(let.name.text, meaning, let.value, scope)

    def _choice(self, choice: syntax.Choice, flow: Flow) -> None:
        scope, name = flow.scope, choice.name.text
        values = self.evaluator.choices(choice.values, scope, flow.place)
        if flow.place.stage is not None and flow.place.block is None:
            self._shared(choice, scope)
        if values is None:
            scope.bind(name, UNKNOWN)
            self.evaluator.dims.poison(flow.place, name)
            return
        reach = self._reach(choice, values, flow)
        span = choice.name.span
        var = self.evaluator.dims.make(name, values.values, flow.place, span, reach)
        scope.values[id(choice.values)] = var
        scope.bind(name, var, choice.values, scope)

    def _shared(self, choice: syntax.Choice, scope: Scope) -> None:
        """Check a choice that all blocks of a stage share."""
        report = self.evaluator.report
        if choice.name.text in ("blocks", "depth"):
            rule, label = "a name is given once", f"a stage has `{choice.name.text}` already"
            report.add("OFA024", rule, choice.name.span, label, "choose another name")
        for name in (e for e in syntax.walk(choice.values) if isinstance(e, syntax.Name)):
            binding = scope.find(name.text)
            own = name.text in ("first", "index", "in")
            if own or (
                binding is not None and binding.meaning is UNKNOWN and binding.scope is scope
            ):
                rule = "a choice of a stage is the same for all its blocks"
                label = f"`{name.text}` differs from block to block"
                help = "write the set in the call, where each block has its own"
                report.add("OFA048", rule, name.span, label, help)

    def _reach(self, choice: syntax.Choice, values: Choices, flow: Flow) -> int | None:
        if choice.allocate is None:
            return None
        meaning = self.evaluator.meaning(choice.allocate, flow.scope, flow.place, "value")
        if meaning is UNKNOWN:
            return None
        number = static(meaning) if isinstance(meaning, Expr) else None
        largest = max(values.values, key=lambda v: v if isinstance(v, int | float) else 0)
        if isinstance(number, int) and isinstance(largest, int | float) and number >= largest:
            return number
        rule = "what is allocated is a fixed whole number, no choice of the set above it"
        label = f"{'this is no fixed number' if number is None else number} for choices up to"
        help = f"write {math.ceil(float(largest))} or more, or leave out the `of`"
        self.evaluator.report.add("OFA048", rule, choice.allocate.span, f"{label} {largest}", help)
        return None

    def _call(self, call: syntax.Call, flow: Flow) -> OpNode | BlockNode:
        name = call.callee.text
        if name in self.blocks:
            return self._block(call, flow)
        if name not in OPS:  # reported where names are resolved
            for argument in call.arguments:
                self.evaluator.meaning(argument.value, flow.scope, flow.place, name)
                if argument.name is not None:
                    self.evaluator.dims.poison(self._inside(call, flow), argument.name.text)
            return _unknown_node(call, flow)
        return self._op(call, OPS[name], flow)

    def _op(self, call: syntax.Call, declared: type[Op], flow: Flow) -> OpNode:
        self.room(call.span, 1)
        self.ops += 1
        written = bind(call, [arg.name for arg in declared.arguments], flow.scope, flow.defaults)
        values, broken = self._arguments(call, declared, written, flow)
        op = declared.build(flow.x, values)
        for demand in op.demands(flow.x):
            if demand.argument not in broken:
                fine = self.demand(demand, call, flow.place, written)
                broken.update(() if fine else (demand.argument,))
        if flow.x == UNKNOWN_SHAPE or None in broken:
            y = UNKNOWN_SHAPE  # not even whether these are images is known
        elif not broken:
            y = op.infer(flow.x)
        else:
            op, y = _rebuilt(declared, values, broken, flow.x)
        self._use(op, y)
        return OpNode(statement=call, name=flow.path(call), op=op, x=flow.x, y=y, written=written)

    def _arguments(
        self, call: syntax.Call, declared: type[Op], written: Mapping[str, Written], flow: Flow
    ) -> tuple[dict[str, Expr], set[str | None]]:
        """Return the value of each argument of an op, and which of them are broken."""
        place = self._inside(call, flow)
        values: dict[str, Expr] = {}
        broken: set[str | None] = set()
        for arg in declared.arguments:
            given = written.get(arg.name)
            if given is None and arg.default is None:
                self._missing(call, arg.name, [other.name for other in declared.arguments])
            value = op_value(arg, given, self.evaluator, place)
            if value is UNKNOWN and arg.kind != "size":
                broken.add(arg.name)
                value = Const(_any_value(arg.kind, arg.words))
            values[arg.name] = value
        return values, broken

    def _missing(self, call: syntax.Call, name: str, known: Collection[str]) -> None:
        if any(a.name is not None and a.name.text not in known for a in call.arguments):
            return  # reported where names are resolved: that one is meant
        label = f"`{call.callee.text}` needs `{name}`"
        self.evaluator.report.add("OFA023", "an argument is missing", call.callee.span, label)

    def room(self, span: Span, more: int) -> None:
        """Refuse more ops than any network has."""
        if self.ops + more > MOST_OPS:
            rule = f"a space has at most {MOST_OPS} ops and blocks"
            raise SpaceTooLargeError(rule, span, f"this makes them {self.ops + more}")

    def _use(self, op: Op, *shapes: Shape) -> None:
        """Note the dimensions that an op depends on."""
        values = [getattr(op, f.name) for f in fields(op)]
        extents = [e for shape in shapes for e in (shape.channels, *shape.spatial)]
        for value in (*values, *extents):
            if isinstance(value, Expr):
                self.used.update(var.name for var in value.support)

    def _inside(self, call: syntax.Call, flow: Flow) -> Place:
        """Return the place of what a call's own arguments make."""
        return replace(flow.place, path=f"{flow.place.path}{flow.names[id(call)]}.")

    def _block(self, call: syntax.Call, flow: Flow) -> BlockNode:
        block = self.blocks[call.callee.text]
        name = flow.path(call)
        return self._open(call, block, name, flow, self._inside(call, flow))

    def _open(
        self, call: syntax.Call, block: Block, name: str, flow: Flow, place: Place
    ) -> BlockNode:
        """Elaborate the body of a block with the arguments of a call."""
        declaration, report = block.declaration, self.evaluator.report
        self.room(call.span, 1 + self.counts.get(call.callee.text, 0))
        self.ops += 1
        if len(report.steps) >= DEEPEST:
            rule = f"blocks call each other at most {DEEPEST} levels deep"
            raise SpaceTooLargeError(rule, report.steps[0].call.span, "deeper from here on")
        parameters = [p.name.text for p in declaration.parameters]
        written = bind(call, parameters, flow.scope, flow.defaults)
        scope = block.scope.inner()
        scope.bind("in", flow.x.channels)
        for parameter in declaration.parameters:
            given = written.get(parameter.name.text)
            if given is None and parameter.default is not None:
                given = (parameter.default, scope)
            value: Expr = UNKNOWN
            if given is not None:
                value = self.evaluator.value(*given, place, parameter.name.text)
                scope.bind(parameter.name.text, value, *given)
            else:
                self._missing(call, parameter.name.text, parameters)
                scope.bind(parameter.name.text, UNKNOWN)
        inner = Flow(
            x=flow.x,
            scope=scope,
            place=place,
            defaults=flow.defaults,
            names=self.labels(declaration.body),
            prefix=f"{name}.",
        )
        report.enter(call, declaration)
        body = self.body(declaration.body, inner)
        report.leave()
        return BlockNode(
            name=name, span=call.span, declaration=declaration, body=body, written=written
        )

    def _stage(self, stage: syntax.Stage, flow: Flow) -> StageNode:
        name = stage.name.text
        place = Place(stage=name, when=flow.place.when)
        depths = self._depths(stage, flow)
        depth = self.evaluator.dims.make("depth", depths, place, stage.depth.span)
        self.used.add(depth.name)
        self.stages.append(Stage(name=name, depth=depth, blocks=depths[-1]))
        self.evaluator.dims.blocks[name] = depths[-1]
        shared = flow.scope.inner()
        exists = replace(place, when=apply("and", place.when, apply(">", depth, 0)))
        self.body(_shared_part(stage.body), replace(flow, scope=shared, place=exists))
        own = tuple(s for s in stage.body if not isinstance(s, syntax.Choice))
        if not tally(own, self.counts):
            rule, label = "a stage needs an operation", "none here"
            self.evaluator.report.add("OFA058", rule, stage.name.span, label)
        self.room(stage.name.span, depths[-1] * tally(own, self.counts))
        blocks, x = [], flow.x
        for index in range(depths[-1]):
            when = apply("and", flow.place.when, apply(">", depth, index))
            here = Place(stage=name, block=index, when=when)
            scope = shared.inner()
            scope.bind("first", Const(index == 0))
            scope.bind("index", Const(index))
            scope.bind("in", x.channels)
            inner = replace(flow, x=x, scope=scope, place=here, prefix=f"{name}.{index}.")
            block = self._iteration(stage, own, inner)
            blocks.append(block)
            x = block.body.y
        flow.scope.bind(name, StageRef(name=name))
        outputs = [flow.x, *(block.body.y for block in blocks)]
        y = self._merge_depths(stage, depth, [outputs[d] for d in depths])
        return StageNode(
            statement=stage, name=name, depth=depth, blocks=tuple(blocks), x=flow.x, y=y
        )

    def _iteration(
        self, stage: syntax.Stage, body: tuple[syntax.Statement, ...], flow: Flow
    ) -> BlockNode:
        """Elaborate one copy of a stage's body: the block it calls, or a block of its own."""
        calls = [s for s in body if not isinstance(s, syntax.Let | syntax.Require)]
        only = calls[0] if len(calls) == 1 else None
        path = flow.prefix.removesuffix(".")
        if isinstance(only, syntax.Call) and only.callee.text in self.blocks:
            before = self.body(body[: body.index(only)], flow)
            assert not before.nodes
            block = self.blocks[only.callee.text]
            node = self._open(only, block, path, flow, flow.place)
            self.body(body[body.index(only) + 1 :], replace(flow, x=node.body.y))
            return node
        declaration = self._own_block(stage, body)
        inner = replace(flow, names=self.labels(declaration.body))
        seq = self.body(declaration.body, inner)
        return BlockNode(name=path, span=stage.span, declaration=declaration, body=seq, written={})

    def _own_block(
        self, stage: syntax.Stage, body: tuple[syntax.Statement, ...]
    ) -> syntax.BlockDecl:
        key = id(stage)
        if key not in self.own_blocks:
            self.own_blocks[key] = syntax.BlockDecl(
                span=stage.span, name=stage.name, parameters=(), body=body
            )
        return self.own_blocks[key]

    def _depths(self, stage: syntax.Stage, flow: Flow) -> tuple[int, ...]:
        found = self.evaluator.choices(stage.depth, flow.scope, flow.place)
        if found is None:
            self.evaluator.dims.poison(Place(stage=stage.name.text), "depth")
            return (1,)
        depths = [v for v in found.values if isinstance(v, int) and 0 <= v <= 256]
        if len(depths) == len(found.values) and depths[-1] > 0:
            return tuple(depths)
        self.evaluator.report.add(
            "OFA049",
            "a depth is a whole number from 0 to 256, the largest at least 1",
            stage.depth.span,
            f"{next((v for v in found.values if v not in depths), 0)} here",
            "give the stage a block, or leave it out" if found.values == (0,) else "",
        )
        self.evaluator.dims.poison(Place(stage=stage.name.text), "depth")
        return (1,)

    def _merge_depths(self, stage: syntax.Stage, depth: Var, outputs: list[Shape]) -> Shape:
        ways = [
            (apply("==", depth, value), shape)
            for value, shape in zip(depth.values, outputs, strict=True)
        ]
        return self._merge(stage.name.span, ways)

    def _merge(self, span: Span, ways: list[tuple[Expr, Shape]]) -> Shape:
        """Return the shape that one of several ways gives, by their conditions."""
        ranks = {len(shape.spatial) for _, shape in ways if shape.channels is not UNKNOWN}
        if len(ranks) > 1 and any(condition is UNKNOWN for condition, _ in ways):
            return UNKNOWN_SHAPE
        if len(ranks) > 1:
            self.evaluator.report.add(
                "OFA059", "all ways give the same kind of features", span, "images and vectors"
            )
            return UNKNOWN_SHAPE
        *others, (_, y) = ways
        for condition, shape in reversed(others):
            y = Shape(
                channels=select(condition, shape.channels, y.channels),
                spatial=tuple(
                    select(condition, a, b) for a, b in zip(shape.spatial, y.spatial, strict=False)
                ),
            )
        return y

    def _if(self, node: syntax.If, flow: Flow) -> IfNode:
        condition = self.evaluator.truth(node.condition, flow.scope, flow.place)
        self.used.update(var.name for var in condition.support)
        ways: list[Seq | None] = []
        for body, holds in ((node.then, condition), (node.orelse, negate(condition))):
            if static(holds) is False:
                ways.append(None)
                continue
            when = flow.place.when
            place = replace(
                flow.place, when=when if holds is UNKNOWN else apply("and", when, holds)
            )
            ways.append(self.body(body, replace(flow, scope=flow.scope.inner(), place=place)))
        then, orelse = ways
        shapes = [(c, seq.y) for c, seq in ((condition, then), (TRUE, orelse)) if seq is not None]
        y = self._merge(node.span, shapes)
        return IfNode(statement=node, condition=condition, then=then, orelse=orelse, x=flow.x, y=y)

    def _residual(self, node: syntax.Residual, flow: Flow) -> ResidualNode:
        condition: Expr = TRUE
        if node.condition is not None:
            condition = self.evaluator.truth(node.condition, flow.scope, flow.place)
            self.used.update(var.name for var in condition.support)
        body = self.body(node.body, replace(flow, scope=flow.scope.inner()))
        if condition is not UNKNOWN and static(condition) is not False:
            place = replace(flow.place, when=apply("and", flow.place.when, condition))
            message = "a residual needs the same shape in and out"
            help = "add `when` with the condition under which the shapes agree"
            self.demand(same(body.x, body.y, "OFA067", message, help), node, place, {})
        return ResidualNode(statement=node, condition=condition, body=body)

    def _branches(self, node: syntax.Branches, flow: Flow) -> BranchNode:
        branches = tuple(
            self.body(body, replace(flow, scope=flow.scope.inner())) for body in node.branches
        )
        op: Op = Add() if node.op == "add" else Concat()
        shapes = [branch.y for branch in branches]
        fine = True
        for demand in op.demands(*shapes):
            fine = self.demand(demand, node, flow.place, {}) and fine
        return BranchNode(
            statement=node, op=op, branches=branches, y=op.infer(*shapes) if fine else UNKNOWN_SHAPE
        )

    def _oneof(self, node: syntax.OneOf, flow: Flow) -> OneOfNode:
        name, path = node.label.text if node.label else "op", flow.path(node)
        if not node.options:
            rule = "a `oneof` has at least one option"
            self.evaluator.report.add("OFA058", rule, node.span, "none here")
            nothing = syntax.Name(span=node.span, text="nothing")
            node = replace(node, options=(syntax.Option(span=node.span, name=nothing, body=()),))
        names: tuple[Value, ...] = tuple(option.name.text for option in node.options)
        choice = self.evaluator.dims.make(name, names, flow.place, node.span)
        self.used.add(choice.name)
        options, ways = [], []
        for option in node.options:
            chosen = apply("==", choice, option.name.text)
            inner = replace(
                flow,
                scope=flow.scope.inner(),
                place=replace(
                    flow.place,
                    when=apply("and", flow.place.when, chosen),
                ),
            )
            seq = self.body(option.body, inner)
            options.append(seq)
            ways.append((chosen, seq.y))
        return OneOfNode(
            statement=node,
            name=path,
            choice=choice,
            options=tuple(options),
            x=flow.x,
            y=self._merge(node.span, ways),
        )

    def demand(
        self,
        demand: Demand,
        statement: syntax.Call | syntax.Residual | syntax.Branches,
        place: Place,
        written: Mapping[str, Written],
    ) -> bool:
        """Prove what an op demands, or report why it cannot be."""
        report, span = self.evaluator.report, statement.span
        argument = demand.argument if demand.argument in written else None
        if argument is not None:
            span = written[argument][0].span
        if demand.condition is UNKNOWN:
            return True
        try:
            choices = self.evaluator.prover.counterexample(demand.condition, place.when)
        except UnprovableError as error:
            rule = "too many dimensions decide together whether this is valid"
            label = f"{demand.message}, which depends on {error}"
            report.add("OFA056", rule, span, label, "let them depend on fewer choices")
            return False
        if choices is None:
            report.prove(demand.code, span)
            return True
        blamed = span if argument is None else origin(written[argument], choices)
        notes = () if _within(blamed, statement.span) else report.reached(span)
        report.add(demand.code, demand.message, blamed, found(demand, choices), demand.help, notes)
        return False


def _shared_part(body: tuple[syntax.Statement, ...]) -> tuple[syntax.Statement, ...]:
    """Return the choices of a stage, and the lets that they are made of."""
    named: set[str] = set()
    part: list[syntax.Statement] = []
    for statement in reversed(body):
        if isinstance(statement, syntax.Choice) or (
            isinstance(statement, syntax.Let) and statement.name.text in named
        ):
            part.append(statement)
            value = statement.values if isinstance(statement, syntax.Choice) else statement.value
            for inner in syntax.walk(value):
                if isinstance(inner, syntax.Apply):
                    named.add(inner.function.text)
                elif isinstance(inner, syntax.Name):
                    named.add(inner.text)
    return tuple(reversed(part))


def _within(span: Span, outer: Span) -> bool:
    return span.source is outer.source and outer.start <= span.start < outer.end


def _unknown_node(statement: Part, flow: Flow) -> OpNode:
    """Return what stands for a part that a mistake was reported of."""
    callee = syntax.Name(span=statement.span, text="identity")
    call = syntax.Call(span=statement.span, label=None, callee=callee, arguments=())
    op = OPS["identity"].build(flow.x, {})
    return OpNode(statement=call, written={}, name="?", op=op, x=flow.x, y=UNKNOWN_SHAPE)


def output(node: TreeNode) -> Shape:
    """Return the shape that a node gives."""
    match node:
        case BlockNode(body=body):
            return body.y
        case ResidualNode(body=body):
            return body.y
        case OpNode(y=y) | StageNode(y=y) | IfNode(y=y) | BranchNode(y=y) | OneOfNode(y=y):
            return y


def _rebuilt(
    declared: type[Op], values: Mapping[str, Expr], broken: set[str | None], x: Shape
) -> tuple[Op, Shape]:
    """Return an op without the values that mistakes were reported of, and its shape."""
    fixed = False
    values = dict(values)
    for arg in declared.arguments:
        if arg.name in broken:
            fixed = fixed or arg.kind != "size"
            other = Const(_any_value(arg.kind, arg.words))
            values[arg.name] = UNKNOWN if arg.kind == "size" else other
    op = declared.build(x, values)
    y = op.infer(x)
    spatial = tuple(UNKNOWN for _ in y.spatial) if fixed else y.spatial
    return op, Shape(channels=y.channels, spatial=spatial)


def _any_value(kind: str, words: tuple[str, ...]) -> Value:
    return words[0] if kind == "word" else False if kind == "flag" else 1
