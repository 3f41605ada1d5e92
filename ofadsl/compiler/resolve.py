"""Names, before anything is evaluated: each must be known, each argument must have a place.

In: a program. Out: mistakes in the report. Every text is read once here, also a block that is
never called, so that a misspelt name is one message however often its block is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ofadsl.compiler import syntax
from ofadsl.compiler.library import Program, prelude_index, statements
from ofadsl.compiler.names import BUILTINS, WORDS, nearest
from ofadsl.compiler.report import Report
from ofadsl.diagnostics import Span
from ofadsl.ops import OPS


@dataclass(slots=True)
class Names:
    """The names that a body can see: values, functions with their arity, stages."""

    parent: Names | None = None
    values: set[str] = field(default_factory=set)
    functions: dict[str, int] = field(default_factory=dict)
    stages: set[str] = field(default_factory=set)
    later: frozenset[str] = frozenset()
    """What the body declares, up to its end."""
    labels: dict[str, Span] = field(default_factory=dict)
    """The parts of the body so far, of which each has a name of its own."""

    def find(self, name: str) -> str | int | None:
        """Return `value`, `stage`, the arity of a function, or None."""
        names: Names | None = self
        while names is not None:
            if name in names.functions:
                return names.functions[name]
            if name in names.values:
                return "value"
            if name in names.stages:
                return "stage"
            names = names.parent
        return None

    def comes(self, name: str) -> bool:
        """Return whether ``name`` is declared further down."""
        return name in self.later or (self.parent is not None and self.parent.comes(name))

    def is_part(self, name: str) -> bool:
        """Return whether ``name`` is the label of an op or block here."""
        return name in self.labels or (self.parent is not None and self.parent.is_part(name))

    def visible(self) -> set[str]:
        """Return every name that can be seen."""
        own = self.values | set(self.functions) | self.stages
        return own | self.parent.visible() if self.parent else own


@dataclass(slots=True)
class Resolver:
    """Checks the names of a program."""

    report: Report
    parameters: Mapping[str, tuple[syntax.Parameter, ...]]
    words: frozenset[str]
    complete: bool
    """Whether all files could be read, so that what is not declared is a mistake."""

    def program(self, program: Program) -> None:
        """Check every file that the user wrote; the prelude is checked by its own tests."""
        self._declarations(program)
        for file in (*program.files, *program.shipped):
            names = Names()
            for item in file.items:
                match item:
                    case syntax.Let():
                        self._let(item, names)
                    case syntax.BlockDecl():
                        self._block(item, names)
                    case syntax.SpaceDecl():
                        self._space(item, names)
                    case syntax.Import():
                        pass

    def _declarations(self, program: Program) -> None:
        seen: dict[str, Span] = {}
        for block, file in program.blocks():
            name = block.name
            if name.text in OPS:
                label, help = f"`{name.text}` is an op", "choose another name"
                self.report.add("OFA024", "a block needs a name of its own", name.span, label, help)
            elif name.text in seen and seen[name.text].source.path == file.span.source.path:
                self._twice(name, seen[name.text])
            seen.setdefault(name.text, name.span)
        self._recursion(program)

    def _recursion(self, program: Program) -> None:
        graph = {
            block.name.text: [s for s in statements(block.body) if isinstance(s, syntax.Call)]
            for block, _ in reversed(list(program.blocks()))
        }
        done: set[str] = set()
        for start in graph:
            stack: list[tuple[str, Iterator[syntax.Call]]] = [(start, iter(graph[start]))]
            path = [start]
            while stack and start not in done:
                call = next((c for c in stack[-1][1] if c.callee.text in graph), None)
                if call is None:
                    done.add(stack.pop()[0])
                    path.pop()
                elif call.callee.text in path:
                    chain = [*path[path.index(call.callee.text) :], call.callee.text]
                    label = " calls ".join(f"`{name}`" for name in chain)
                    rule, help = "a block must not call itself", "a stage repeats what is in it"
                    self.report.add("OFA026", rule, call.callee.span, label, help)
                elif call.callee.text not in done:
                    stack.append((call.callee.text, iter(graph[call.callee.text])))
                    path.append(call.callee.text)

    def _block(self, block: syntax.BlockDecl, outer: Names) -> None:
        names = Names(parent=outer, values={"in"})
        self._parameters(block.parameters, names)
        self._body(block.body, names, where="block")

    def _space(self, space: syntax.SpaceDecl, outer: Names) -> None:
        names = Names(parent=outer, values={"in"})
        self._parameters(space.parameters, names)
        self._body(space.body, names, where="space")

    def _parameters(self, parameters: tuple[syntax.Parameter, ...], names: Names) -> None:
        seen: dict[str, Span] = {}
        for parameter in parameters:
            if isinstance(parameter.allowed, syntax.SetLit):
                names.values.update(
                    item.text for item in parameter.allowed.items if isinstance(item, syntax.Name)
                )
            for value in (parameter.default, parameter.allowed):
                if value is not None:
                    self._expression(value, names)
            if parameter.name.text in seen:
                self._twice(parameter.name, seen[parameter.name.text])
            seen[parameter.name.text] = parameter.name.span
            names.values.add(parameter.name.text)

    def _body(self, body: tuple[syntax.Statement, ...], names: Names, where: str) -> None:
        taken: dict[str, Span] = {}
        names.later = frozenset(
            s.name.text for s in body if isinstance(s, syntax.Let | syntax.Choice | syntax.Stage)
        )
        for position, statement in enumerate(body):
            self._statement(statement, names, where, taken, first=position == 0)

    def _inner(self, body: tuple[syntax.Statement, ...], names: Names, where: str) -> None:
        self._body(body, Names(parent=names, labels=names.labels), where)

    def _statement(
        self,
        statement: syntax.Statement,
        names: Names,
        where: str,
        taken: dict[str, Span],
        first: bool,
    ) -> None:
        match statement:
            case syntax.Let():
                self._let(statement, names, taken)
            case syntax.Choice():
                self._expressions((statement.values, statement.allocate), names)
                self._define(statement.name, names, taken)
                if where == "space" and statement.name.text == "resolution":
                    label, help = "the size of the images has this name", "choose another name"
                    span = statement.name.span
                    self.report.add("OFA024", "a name is given once", span, label, help)
            case syntax.Require(condition=condition):
                self._expression(condition, names)
            case syntax.Default():
                self._callee(statement.callee, statement.arguments, names, partial=True)
            case syntax.Input():
                self._input(statement, names, where)
            case syntax.Stage():
                self._stage(statement, names, where)
                self._named(statement.name, taken)
            case syntax.Call():
                self._label(statement.label, names.labels)
                self._callee(statement.callee, statement.arguments, names)
            case _:
                self._compound(statement, names, where)

    def _compound(
        self,
        statement: syntax.If | syntax.Residual | syntax.Branches | syntax.OneOf,
        names: Names,
        where: str,
    ) -> None:
        where = "block" if where == "block" else "inside"
        match statement:
            case syntax.If():
                self._expression(statement.condition, names)
                self._inner(statement.then, names, where)
                self._inner(statement.orelse, names, where)
            case syntax.Residual():
                self._expressions((statement.condition,), names)
                self._inner(statement.body, names, where)
            case syntax.Branches():
                for branch in statement.branches:
                    self._inner(branch, names, where)
            case syntax.OneOf():
                self._label(statement.label, names.labels)
                options: dict[str, Span] = {}
                for option in statement.options:
                    self._label(option.name, options)
                    self._body(option.body, Names(parent=names), where)

    def _named(self, name: syntax.Name, taken: dict[str, Span]) -> None:
        """Note that a stage takes a name from values, which other stages were compared with."""
        key = f"let {name.text}"
        if key in taken:
            self._twice(name, taken[key])
        taken.setdefault(key, name.span)

    def _stage(self, stage: syntax.Stage, names: Names, where: str) -> None:
        if where != "space":
            label, help = "this one is inside another body", "move it out, and give it a depth of 0"
            rule = "stages stand in a space"
            self.report.add(
                "OFA030", rule, stage.name.span, label, help if where == "inside" else ""
            )
        self._expression(stage.depth, names)
        self._label(stage.name, names.labels)
        inner = Names(parent=names, values={"in", "first", "index"})
        self._body(stage.body, inner, where="stage")
        names.stages.add(stage.name.text)

    def _input(self, node: syntax.Input, names: Names, where: str) -> None:
        if where != "space":
            self.report.add("OFA030", "the input of a network stands in a space", node.span)
        if node.kind.text != "image":
            help = self._nearest(node.kind.text, ["image"]) or "write `input image(...)`"
            self.report.add("OFA021", "unknown kind of input", node.kind.span, "", help)
        self._arguments(
            node.arguments, ("channels", "size"), {"channels", "size"}, node.kind, names
        )

    def _let(self, let: syntax.Let, names: Names, taken: dict[str, Span] | None = None) -> None:
        inner = Names(parent=names, values={p.text for p in let.parameters or ()})
        parameters: dict[str, Span] = {}
        for parameter in let.parameters or ():
            self._label(parameter, parameters)
        self._expression(let.value, inner)
        self._define(let.name, names, taken)
        if let.parameters is not None:
            names.values.discard(let.name.text)
            names.functions[let.name.text] = len(let.parameters)

    def _define(self, name: syntax.Name, names: Names, taken: dict[str, Span] | None) -> None:
        if name.text in BUILTINS:
            label, help = f"`{name.text}` is a function of the language", "choose another name"
            self.report.add("OFA024", "a name is given once", name.span, label, help)
        if taken is not None:
            key = f"let {name.text}"
            if key in taken:
                self._twice(name, taken[key])
            taken[key] = name.span
        names.values.add(name.text)

    def _label(self, label: syntax.Name | None, taken: dict[str, Span]) -> None:
        if label is None:
            return
        if label.text in taken:
            self._twice(label, taken[label.text])
        taken.setdefault(label.text, label.span)

    def _twice(self, name: syntax.Name, before: Span) -> None:
        self.report.add(
            "OFA024",
            "a name is given once",
            name.span,
            f"`{name.text}` is there already",
            "choose another name",
            ((before, "first given here"),),
        )

    def _callee(
        self,
        callee: syntax.Name,
        arguments: tuple[syntax.Argument, ...],
        names: Names,
        partial: bool = False,
    ) -> None:
        if callee.text in self.parameters:
            own = self.parameters[callee.text]
            known = tuple(p.name.text for p in own)
            needed = {p.name.text for p in own if p.default is None}
        elif callee.text in OPS:
            declared = OPS[callee.text].arguments
            known = tuple(arg.name for arg in declared)
            needed = {arg.name for arg in declared if arg.default is None}
        else:
            help = self._nearest(callee.text, [*OPS, *self.parameters, *prelude_index()])
            help = f"write `act({callee.text})`" if callee.text in WORDS else help
            rule, label = "unknown op or block", f"nothing is called `{callee.text}`"
            if self.complete:
                self.report.add("OFA021", rule, callee.span, label, help)
            for argument in arguments:
                self._expression(argument.value, names)
            return
        self._arguments(arguments, known, set() if partial else needed, callee, names)

    def _arguments(
        self,
        arguments: tuple[syntax.Argument, ...],
        known: tuple[str, ...],
        needed: Iterable[str],
        callee: syntax.Name,
        names: Names,
    ) -> None:
        given: dict[str, Span] = {}
        positional = 0
        for argument in arguments:
            self._expression(argument.value, names)
            if argument.name is None:
                if positional >= len(known):
                    number = f"{len(known) or 'no'} argument{'s' if len(known) != 1 else ''}"
                    label, help = f"`{callee.text}` takes {number}", _lists(callee.text, known)
                    self.report.add("OFA025", "too many arguments", argument.span, label, help)
                    continue
                name, span = known[positional], argument.span
                positional += 1
            else:
                name, span = argument.name.text, argument.name.span
            if name not in known:
                label = f"`{callee.text}` has no argument `{name}`"
                help = self._nearest(name, known) or _lists(callee.text, known)
                self.report.add("OFA022", "unknown argument", span, label, help)
            elif name in given:
                label = f"`{name}` is given twice"
                self.report.add("OFA024", "an argument is given once", span, label)
            given[name] = span
        missing = [name for name in known if name in set(needed) and name not in given]
        if given.keys() - set(known):
            missing = []  # what is not known was meant for one of them
        if missing and callee.text not in self.defaulted:
            label = f"`{callee.text}` needs {', '.join(f'`{name}`' for name in missing)}"
            help = f"write `{callee.text}({', '.join(f'{name}: ...' for name in missing)})`"
            self.report.add("OFA023", "an argument is missing", callee.span, label, help)

    defaulted: set[str] = field(default_factory=set)

    def _expressions(self, expressions: Iterable[syntax.Expression | None], names: Names) -> None:
        for expression in expressions:
            if expression is not None:
                self._expression(expression, names)

    def _name(self, name: syntax.Name, names: Names) -> None:
        text = name.text
        if names.find(text) is not None or text in self.words:
            return
        help = self._nearest(text, names.visible() | self.words)
        if names.comes(text):
            help = f"`{text}` is declared further down: move this below it"
        elif names.is_part(text):
            help = f"`{text}` is a part of the network; only stages and values can be spoken of"
        self.report.add(
            "OFA020", "unknown name", name.span, f"nothing here is called `{text}`", help
        )

    def _nearest(self, name: str, known: Iterable[str]) -> str:
        """Return the nearest name; none where more are wrong than are shown."""
        return "" if self.report.full else nearest(name, known)

    def _expression(self, expr: syntax.Expression, names: Names) -> None:
        match expr:
            case syntax.Name():
                self._name(expr, names)
            case syntax.SetLit(items=items):
                self._expressions(items, names)
            case syntax.RangeLit(low=low, high=high, step=step):
                self._expressions((low, high, step), names)
            case syntax.Unary(operand=operand):
                self._expression(operand, names)
            case syntax.Binary(left=left, right=right):
                self._expressions((left, right), names)
            case syntax.IfElse(condition=condition, then=then, orelse=orelse):
                self._expressions((condition, then, orelse), names)
            case syntax.Apply():
                self._function(expr, names)
            case syntax.Member(base=base) | syntax.Index(base=base):
                self._expression(base, names)
            case _:
                pass

    def _function(self, expr: syntax.Apply, names: Names) -> None:
        self._expressions(expr.arguments, names)
        name = expr.function
        arity = names.find(name.text)
        if isinstance(arity, int):
            if arity != len(expr.arguments):
                rule = f"`{name.text}` takes {arity} value{'s' if arity != 1 else ''}"
                self.report.add("OFA025", rule, expr.span, f"{len(expr.arguments)} given")
        elif name.text not in BUILTINS or arity is not None:
            label = f"no function is called `{name.text}`"
            known = [n for n in names.visible() if isinstance(names.find(n), int)]
            help = self._nearest(name.text, [*BUILTINS, *known])
            self.report.add("OFA020", "unknown function", name.span, label, help)


def _lists(callee: str, known: tuple[str, ...]) -> str:
    if not known:
        return f"`{callee}` takes no arguments"
    return f"`{callee}` takes {', '.join(f'`{name}`' for name in known)}"


def options(program: Program) -> frozenset[str]:
    """Return the names of all that a `oneof` chooses from: words that a condition can compare."""
    return frozenset(
        option.name.text
        for file in (*program.files, *program.shipped)
        for item in file.items
        if isinstance(item, syntax.SpaceDecl | syntax.BlockDecl)
        for statement in statements(item.body)
        if isinstance(statement, syntax.OneOf)
        for option in statement.options
    )


def resolve(program: Program, report: Report) -> None:
    """Report every name of ``program`` that stands for nothing."""
    parameters = {b.name.text: b.parameters for b, _ in reversed(list(program.blocks()))}
    words = WORDS.union(options(program))
    complete = not report.has("OFA027")
    resolver = Resolver(report=report, parameters=parameters, words=words, complete=complete)
    resolver.defaulted = {
        s.callee.text
        for file in (*program.files, *program.shipped)
        for item in file.items
        if isinstance(item, syntax.SpaceDecl | syntax.BlockDecl)
        for s in statements(item.body)
        if isinstance(s, syntax.Default)
    }
    resolver.program(program)
