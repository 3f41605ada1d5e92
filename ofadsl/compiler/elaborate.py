"""Statements to the elaborated tree: stages unrolled, blocks opened, shapes inferred and proven.

In: resolved syntax. Out: nodes with shapes for every choice. A mistake is reported once and
leaves an unknown shape behind, so that what follows is still read but not accused.
"""

from __future__ import annotations

from dataclasses import replace

from ofadsl.compiler import syntax
from ofadsl.compiler.flow import UNKNOWN_SHAPE, Flow, Part, output, unknown_node
from ofadsl.compiler.scope import Function, Scope
from ofadsl.compiler.sets import MOST_CHOICES
from ofadsl.compiler.tree import BranchNode, IfNode, OneOfNode, ResidualNode, Seq, TreeNode
from ofadsl.compiler.unroll import Stages
from ofadsl.expr import TRUE, UNKNOWN, Expr, TooLargeError, Value, apply, bounded, negate, static
from ofadsl.ops import Op
from ofadsl.ops.join import Add, Concat, same


class Elaborator(Stages):
    """Elaborates one space."""

    __slots__ = ()

    def body(self, statements: tuple[syntax.Statement, ...], flow: Flow) -> Seq:
        """Elaborate statements one after the other."""
        nodes: list[TreeNode] = []
        x = flow.x
        defaults = dict(flow.defaults)
        moving = flow.place.stage is None and not flow.prefix
        for statement in statements:
            if moving:  # in a space `in` is what comes out of the statement before
                flow.scope.bind("in", x.channels)
            here = replace(flow, x=x, defaults=defaults)
            match statement:
                case syntax.Let():
                    self._let(statement, here)
                case syntax.Choice():
                    self._choice(statement, here)
                case syntax.Require():
                    self.requirements.append((statement, _as_here(here), here.place))
                case syntax.Default(callee=callee, arguments=arguments):
                    scope = _as_here(here)
                    own = {a.name.text: (a.value, scope) for a in arguments if a.name}
                    defaults[callee.text] = {**defaults.get(callee.text, {}), **own}
                case syntax.Input():
                    pass  # read where the space begins
                case _:
                    node = self._node(statement, here)
                    nodes.append(node)
                    x = output(node)
        return Seq(nodes=tuple(nodes), scope=flow.scope, x=flow.x, y=x)

    def _node(self, statement: Part, flow: Flow) -> TreeNode:
        try:
            node = self._elaborated(statement, flow)
            shape = output(node)
            for extent in (shape.channels, *shape.spatial):
                bounded(extent)
            return node
        except TooLargeError as error:
            self.evaluator.report.add("OFA045", "a size is too large", statement.span, str(error))
            return unknown_node(statement, flow)

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

    def _if(self, node: syntax.If, flow: Flow) -> IfNode:
        condition = self.evaluator.truth(node.condition, flow.scope, flow.place)
        self.used.update(var.name for var in condition.support)
        ways: list[Seq | None] = []
        taken = self.ways.setdefault(id(node), set())
        for body, holds in ((node.then, condition), (node.orelse, negate(condition))):
            if static(holds) is False:
                ways.append(None)
                continue
            taken.add(body is node.then)
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
        if len(node.options) > MOST_CHOICES:
            rule = f"a dimension has at most {MOST_CHOICES} choices"
            self.evaluator.report.add("OFA042", rule, node.span, f"{len(node.options)} options")
            node = replace(node, options=node.options[:1])
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


def _as_here(flow: Flow) -> Scope:
    """Return the scope for what is read later, with ``in`` as it is now."""
    scope = flow.scope.inner()
    found = flow.scope.find("in")
    if found is not None:
        scope.bind("in", found.meaning)
    return scope
