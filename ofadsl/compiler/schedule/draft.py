"""A schedule before it meets a space: every value computed and checked, no dimension looked up.

In: a declaration and the arguments that the user gives. Out: a draft; mistakes go to the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never, get_args

from ofadsl.compiler import syntax
from ofadsl.compiler.elaborate import Elaborator
from ofadsl.compiler.evaluate import Evaluator
from ofadsl.compiler.flow import UNKNOWN_SHAPE, Flow
from ofadsl.compiler.names import WORDS, nearest
from ofadsl.compiler.report import Report
from ofadsl.compiler.schedule import instructions
from ofadsl.compiler.schedule.dimensions import address_of
from ofadsl.compiler.schedule.instructions import INSTRUCTIONS, SAMPLERS, Takes, is_word
from ofadsl.compiler.schedule.plan import Distil
from ofadsl.compiler.scope import Choices, Place, Scope
from ofadsl.compiler.settings import bind_parameters
from ofadsl.diagnostics import Span
from ofadsl.expr import UNKNOWN, Expr, Value, static

NOWHERE = Place()
Sampling = Literal["sample", "sandwich", "largest", "smallest", "fixed"]
FLAG = "--schedule-set"
"""How the command line gives a schedule its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An `unlock`: all values of a dimension, the ``largest`` so many, or those from ``least``."""

    node: syntax.Unlock
    largest: int | None = None
    least: int | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A phase as it is written: ``sampler`` and ``number`` are its word and value.

    What follows are the fields of a Phase; where nothing is written they have its defaults.
    """

    name: syntax.Name
    epochs: float
    openings: tuple[Opening, ...]
    sampler: Sampling
    number: int
    distil: Distil | None
    learning_rate: float | None
    rate_scale: float
    warmup: float
    decay: Literal["cosine", "constant"]
    sort: bool


def draft(
    schedule: syntax.ScheduleDecl, file: syntax.File, arguments: Mapping[str, str], report: Report
) -> tuple[Draft, ...]:
    """Return the phases of a schedule of ``file``, whose `let`s it can use."""
    reader = _reader(schedule, file, report)
    bind_parameters(schedule, arguments, reader.scope, reader.evaluator, flag=FLAG)
    return reader.phases(schedule)


def draft_without_arguments(
    schedule: syntax.ScheduleDecl, file: syntax.File, report: Report
) -> tuple[Draft, ...]:
    """Return the phases for the defaults; what depends on a parameter without one is not judged."""
    reader = _reader(schedule, file, report)
    for parameter in schedule.parameters:
        reader.scope.bind(parameter.name.text, UNKNOWN)
    known = tuple(p for p in schedule.parameters if p.default is not None)
    bind_parameters(replace(schedule, parameters=known), {}, reader.scope, reader.evaluator)
    return reader.phases(schedule)


def _reader(schedule: syntax.ScheduleDecl, file: syntax.File, report: Report) -> _Reader:
    evaluator = Evaluator(report=report, words=WORDS | instructions.WORDS)
    lets = tuple(item for item in file.items if isinstance(item, syntax.Let))
    scope = Scope()
    flow = Flow(x=UNKNOWN_SHAPE, scope=scope, place=NOWHERE, defaults={}, names={}, prefix="")
    Elaborator(evaluator=evaluator, blocks={}).body(lets, flow)
    return _Reader(report=report, evaluator=evaluator, scope=scope.inner())


@dataclass(slots=True)
class _Found:
    """What was found in a phase so far."""

    openings: list[Opening] = field(default_factory=list)
    distil: tuple[syntax.Distil, Distil] | None = None
    settings: dict[str, tuple[Span, Value | None]] = field(default_factory=dict)

    def value(self, word: str) -> Value | None:
        """Return the value of an instruction; None where there is none, or it was reported."""
        return self.settings[word][1] if word in self.settings else None

    def number(self, word: str) -> int | float | None:
        """Return the value of an instruction that takes a number."""
        value = self.value(word)
        return None if isinstance(value, str) else value


@dataclass(slots=True)
class _Reader:
    report: Report
    evaluator: Evaluator
    scope: Scope

    def phases(self, schedule: syntax.ScheduleDecl) -> tuple[Draft, ...]:
        if not schedule.body:
            help = "write `phase all epochs 10 { unlock all; sample 1 }`"
            rule = "a schedule has at least one phase"
            self.report.add("OFA169", rule, schedule.name.span, "none here", help)
        return tuple(self.phase(phase) for phase in schedule.body)

    def phase(self, phase: syntax.Phase) -> Draft:
        epochs = self.value(phase.epochs, instructions.EPOCHS, "epochs")
        found = _Found()
        for node in phase.body:
            match node:
                case syntax.Unlock():
                    self.unlock(node, found)
                case syntax.Distil():
                    self.distil(node, found)
                case syntax.Setting():
                    self.setting(node, found)
                case _:
                    assert_never(node)
        said = (word for word in get_args(Sampling) if word in found.settings)
        sampler: Sampling = next(said, "sample")
        number = found.number(sampler)
        self.taught(found, sampler)
        return Draft(
            name=phase.name,
            epochs=1.0 if epochs is None or isinstance(epochs, str) else float(epochs),
            openings=tuple(found.openings),
            sampler=sampler,
            number=1 if number is None else int(number),
            distil=found.distil[1] if found.distil else None,
            learning_rate=found.number("learning_rate"),
            rate_scale=found.number("rate_scale") or 1.0,
            warmup=found.number("warmup") or 0.0,
            decay="constant" if found.value("decay") == "constant" else "cosine",
            sort="sort" in found.settings,
        )

    def unlock(self, node: syntax.Unlock, found: _Found) -> None:
        if address_of(node.dimension) is None:
            rule, label = "a dimension is named", "this is no name of one"
            help = "write `kernel`, `s1.depth`, `s1[0].kernel` or `all`"
            self.report.add("OFA164", rule, node.dimension.span, label, help)
            return
        match node.part:
            case None:
                found.openings.append(Opening(node=node))
            case syntax.Largest(number=expr):
                number = self.value(expr, instructions.HOW_MANY, "largest")
                if isinstance(number, int):
                    found.openings.append(Opening(node=node, largest=number))
            case syntax.From(least=expr):
                least = self.value(expr, instructions.ANY_NUMBER, "from")
                if isinstance(least, int | float):
                    found.openings.append(Opening(node=node, least=least))
            case _:
                assert_never(node.part)

    def distil(self, node: syntax.Distil, found: _Found) -> None:
        if found.distil is not None:
            self.again(node.span, found.distil[0].span)
        teacher = node.teacher
        if not instructions.TEACHERS.accepts(teacher.text):
            label = f"nobody is called `{teacher.text}`"
            help = nearest(teacher.text, ["largest", "in_place"]) or "write `distil largest`"
            rule = f"a teacher is {instructions.TEACHERS.what}"
            self.report.add("OFA166", rule, teacher.span, label, help)
            return
        values: dict[str, Any] = {}
        names = iter(instructions.DISTIL)
        for argument in node.arguments:
            name = argument.name.text if argument.name else next(names, "")
            if name in instructions.DISTIL:  # else reported where names are resolved
                value = self.value(argument.value, instructions.DISTIL[name], name)
                values |= {name: value} if value is not None else {}
        made = Distil(teacher="largest" if teacher.text == "largest" else "in_place", **values)
        found.distil = (node, made)

    def setting(self, node: syntax.Setting, found: _Found) -> None:
        word = node.word.text
        if word not in INSTRUCTIONS:
            help = nearest(word, [*INSTRUCTIONS, "unlock", "distil"])
            help = help or f"there are {', '.join(f'`{name}`' for name in INSTRUCTIONS)}"
            label = f"nothing is called `{word}`"
            self.report.add("OFA161", "unknown instruction", node.word.span, label, help)
            return
        before = found.settings.get(word)
        rival = next((w for w in found.settings if w in SAMPLERS and word in SAMPLERS), None)
        if before is not None:
            self.again(node.span, before[0])
        elif rival is not None:
            rule, label = "a phase samples in one way", f"`{rival}` is there already"
            notes = ((found.settings[rival][0], "first said here"),)
            self.report.add("OFA163", rule, node.span, label, "leave one of them out", notes)
        found.settings.setdefault(word, (node.span, self.of_setting(node)))

    def of_setting(self, node: syntax.Setting) -> Value | None:
        word, takes = node.word.text, INSTRUCTIONS[node.word.text]
        if takes is None:
            if node.value is not None:
                rule, label = f"`{word}` takes no value", "one is given"
                self.report.add("OFA162", rule, node.value.span, label, f"write `{word}`")
            return None
        if node.value is None:
            rule, label = f"`{word}` takes {takes.what}", "none is given"
            self.report.add("OFA162", rule, node.span, label)
            return None
        return self.value(node.value, takes, word)

    def again(self, span: Span, before: Span) -> None:
        rule, label = "an instruction is given once in a phase", "this is there already"
        notes = ((before, "first said here"),)
        self.report.add("OFA163", rule, span, label, "leave one of them out", notes)

    def taught(self, found: _Found, sampler: str) -> None:
        """Check that there is a teacher where one is asked for."""
        if found.distil is None or found.distil[1].teacher != "in_place" or sampler == "sandwich":
            return
        rule, label = "a teacher in place is the largest subnet of the same step", "there is none"
        help = "add `sandwich 2`, or write `distil largest`"
        self.report.add("OFA166", rule, found.distil[0].teacher.span, label, help)

    def value(self, expr: syntax.Expression, takes: Takes, word: str) -> Value | None:
        """Return what an expression comes to; None where that is reported, or not known."""
        meaning = self.evaluator.meaning(expr, self.scope, NOWHERE, "value")
        if meaning is UNKNOWN:
            self.strange(expr, takes, word)
            return None
        fixed = static(meaning) if isinstance(meaning, Expr) else None
        if fixed is not None and takes.accepts(fixed):
            return fixed
        label = "this is a function or a stage"
        if isinstance(meaning, Choices):
            label = "this is a set"
        elif fixed is not None:
            label = f"{str(fixed).lower() if isinstance(fixed, bool) else fixed} here"
        elif isinstance(meaning, Expr):
            label = "this is made of a set"
        self.report.add("OFA162", f"`{word}` takes {takes.what}", expr.span, label)
        return None

    def strange(self, expr: syntax.Expression, takes: Takes, word: str) -> None:
        """Report a word that stands for nothing, where it is no name but one of a few words."""
        if is_word(expr, takes) and self.scope.find(expr.span.text) is None:
            label, help = f"`{expr.span.text}` is none", nearest(expr.span.text, takes.words)
            self.report.add("OFA162", f"`{word}` takes {takes.what}", expr.span, label, help)
