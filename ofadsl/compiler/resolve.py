"""Names, before anything is evaluated: each must be known, each argument must have a place.

In: a program. Out: mistakes in the report. Every text is read once here, also a block that is
never called, so that a misspelt name is one message however often its block is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from ofadsl.compiler import syntax
from ofadsl.compiler.declarations import check_declarations, defaulted, options, twice
from ofadsl.compiler.names import BUILTINS, WORDS
from ofadsl.compiler.program import Program
from ofadsl.compiler.references import References
from ofadsl.compiler.report import Report
from ofadsl.compiler.schedule.instructions import DISTIL, INSTRUCTIONS, is_word
from ofadsl.compiler.schedule.instructions import WORDS as SCHEDULE_WORDS
from ofadsl.compiler.visible import Names
from ofadsl.diagnostics import Span

_OF_INPUT = frozenset(("in", "resolution"))
"""What is known of the network once its input is declared."""


@dataclass(slots=True)
class Resolver(References):
    """Checks the names of a program."""

    def program(self, program: Program) -> None:
        """Check every file that the user wrote; the prelude is checked by its own tests."""
        check_declarations(program, self.report)
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
                    case syntax.ScheduleDecl():
                        self._schedule(item, names)
                    case syntax.Import():
                        pass

    def _block(self, block: syntax.BlockDecl, outer: Names) -> None:
        names = Names(parent=outer, values={"in"})
        self._parameters(block.parameters, names)
        self._body(block.body, names, where="block")

    def _space(self, space: syntax.SpaceDecl, outer: Names) -> None:
        names = Names(parent=outer)
        self._parameters(space.parameters, names)
        if not any(isinstance(statement, syntax.Input) for statement in space.body):
            names.values.update(_OF_INPUT)  # that it is missing is said elsewhere
        self._body(space.body, names, where="space")

    def _schedule(self, schedule: syntax.ScheduleDecl, outer: Names) -> None:
        names = Names(parent=outer, values=set(SCHEDULE_WORDS))
        self._parameters(schedule.parameters, names)
        phases: dict[str, Span] = {}
        for phase in schedule.body:
            self._label(phase.name, phases)
            self.expression(phase.epochs, names)
            for instruction in phase.body:
                self._instruction(instruction, names)

    def _instruction(self, node: syntax.Instruction, names: Names) -> None:
        match node:
            case syntax.Unlock(part=syntax.Largest(number=value) | syntax.From(least=value)):
                self.expression(value, names)
            case syntax.Unlock():
                pass  # a dimension is looked up in the space
            case syntax.Distil(teacher=teacher, arguments=arguments):
                self.arguments(arguments, tuple(DISTIL), (), teacher, names)
            case syntax.Setting(word=word, value=value):
                takes = INSTRUCTIONS.get(word.text)  # a word of its own is judged with it
                if value is not None and takes is not None and not is_word(value, takes):
                    self.expression(value, names)
            case _:
                assert_never(node)

    def _parameters(self, parameters: tuple[syntax.Parameter, ...], names: Names) -> None:
        seen: dict[str, Span] = {}
        for parameter in parameters:
            if isinstance(parameter.allowed, syntax.SetLit):
                names.values.update(
                    item.text for item in parameter.allowed.items if isinstance(item, syntax.Name)
                )
            for value in (parameter.default, parameter.allowed):
                if value is not None:
                    self.expression(value, names)
            if parameter.name.text in seen:
                twice(self.report, parameter.name, seen[parameter.name.text])
            seen[parameter.name.text] = parameter.name.span
            names.values.add(parameter.name.text)

    def _body(self, body: tuple[syntax.Statement, ...], names: Names, where: str) -> None:
        taken: dict[str, Span] = {}
        names.later = frozenset(
            s.name.text for s in body if isinstance(s, syntax.Let | syntax.Choice | syntax.Stage)
        ) | (_OF_INPUT if where == "space" else frozenset())
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
                self.expressions((statement.values, statement.allocate), names)
                self._define(statement.name, names, taken)
                if where == "space" and statement.name.text == "resolution":
                    label, help = "the size of the images has this name", "choose another name"
                    span = statement.name.span
                    self.report.add("OFA024", "a name is given once", span, label, help)
            case syntax.Require(condition=condition):
                self.expression(condition, names)
            case syntax.Default():
                self.callee(statement.callee, statement.arguments, names, partial=True)
            case syntax.Input():
                self._input(statement, names, where)
                names.values.update(_OF_INPUT)
            case syntax.Stage():
                self._stage(statement, names, where)
                self._named(statement.name, taken)
            case syntax.Call():
                self._label(statement.label, names.labels)
                self.callee(statement.callee, statement.arguments, names)
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
                self.expression(statement.condition, names)
                self._inner(statement.then, names, where)
                self._inner(statement.orelse, names, where)
            case syntax.Residual():
                self.expressions((statement.condition,), names)
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
            twice(self.report, name, taken[key])
        taken.setdefault(key, name.span)

    def _stage(self, stage: syntax.Stage, names: Names, where: str) -> None:
        if where != "space":
            label, help = "this one is inside another body", "move it out, and give it a depth of 0"
            rule = "stages stand in a space"
            self.report.add(
                "OFA030", rule, stage.name.span, label, help if where == "inside" else ""
            )
        self.expression(stage.depth, names)
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
        self.arguments(node.arguments, ("channels", "size"), {"channels", "size"}, node.kind, names)

    def _let(self, let: syntax.Let, names: Names, taken: dict[str, Span] | None = None) -> None:
        inner = Names(parent=names, values={p.text for p in let.parameters or ()})
        parameters: dict[str, Span] = {}
        for parameter in let.parameters or ():
            self._label(parameter, parameters)
        self.expression(let.value, inner)
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
                twice(self.report, name, taken[key])
            taken[key] = name.span
        names.values.add(name.text)

    def _label(self, label: syntax.Name | None, taken: dict[str, Span]) -> None:
        if label is None:
            return
        if label.text in taken:
            twice(self.report, label, taken[label.text])
        taken.setdefault(label.text, label.span)


def resolve(program: Program, report: Report) -> None:
    """Report every name of ``program`` that stands for nothing."""
    parameters = {b.name.text: b.parameters for b, _ in reversed(list(program.blocks()))}
    resolver = Resolver(
        report=report,
        parameters=parameters,
        words=WORDS.union(options(program)),
        complete=not report.has("OFA027"),
        defaulted=defaulted(program),
    )
    resolver.program(program)
