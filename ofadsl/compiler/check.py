"""From a program to a space that is valid for every choice, or to all that is wrong with it.

Schedules that stand beside a space are checked against it; those alone for what they say.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields

from ofadsl.compiler import syntax
from ofadsl.compiler.declarations import options
from ofadsl.compiler.elaborate import Elaborator
from ofadsl.compiler.evaluate import Evaluator
from ofadsl.compiler.flow import UNKNOWN_SHAPE, Block, Flow, SpaceTooLargeError, output
from ofadsl.compiler.names import WORDS
from ofadsl.compiler.program import Program, statements
from ofadsl.compiler.prove import Prover
from ofadsl.compiler.report import EnoughError, Report
from ofadsl.compiler.require import requirements
from ofadsl.compiler.resolve import resolve
from ofadsl.compiler.scope import Choices, Place, Scope
from ofadsl.compiler.settings import bind_parameters
from ofadsl.compiler.tally import tallies, tally
from ofadsl.compiler.tree import Checked, IfNode, OpNode, ResidualNode, Seq, inside
from ofadsl.diagnostics import Diagnostic, Span
from ofadsl.elimination import CoupledError
from ofadsl.expr import UNKNOWN, Expr, Var, static
from ofadsl.graph import Shape
from ofadsl.space import Requirement, Space

NOWHERE = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The space to check, and what the user set."""

    program: Program
    space: syntax.SpaceDecl
    settings: Mapping[str, str]
    blocks: Mapping[str, syntax.BlockDecl]
    counts: Mapping[str, int]


def check(program: Program, settings: Mapping[str, str]) -> Checked | None:
    """Return the space of ``program`` with its parameters set, or None where it has none.

    Raises Diagnostics with every mistake found.
    """
    names = program.report
    with suppress(EnoughError):
        resolve(program, names)
    spaces = program.spaces()
    for extra in spaces[1:]:
        label, help = "this is another one", "move it to a file of its own"
        names.add("OFA028", "a file holds one space", extra.name.span, label, help)
    for space in spaces[:1]:
        _package(space, names)
    if not spaces or names.has("OFA026"):  # a block inside itself has no end
        _schedules(program, None, names)
        names.finish()
        return None
    blocks = {block.name.text: block for block, _ in reversed(list(program.blocks()))}
    counts = tallies(blocks)
    task = Task(program=program, space=spaces[0], settings=settings, blocks=blocks, counts=counts)
    values, checked = _attempt(task, ())
    if not values.empty and checked is not None and checked.space.requirements:
        # What is required may stand after what needs it, so the second reading knows it all.
        given = tuple(r.condition for r in checked.space.requirements)
        values, checked = _attempt(task, given)
    values.merge(names)
    _schedules(program, checked, values)
    values.finish()
    assert checked is not None
    _assert_known(checked.body)
    return checked


def _package(space: syntax.SpaceDecl, report: Report) -> None:
    """Report a name that no Python package can have: what is compiled is imported by it."""
    name = space.name.text
    if keyword.iskeyword(name):
        label = f"`{name}` is a word of Python"
    elif name.startswith("__") and name.endswith("__"):
        label = f"Python keeps `{name}` for itself"
    else:
        return
    rule = "a space is named as its Python package"
    own = f"{name.strip('_').lower() or 'own'}_space"
    report.add("OFA032", rule, space.name.span, label, f"name it `{own}`, or otherwise")


def _schedules(program: Program, checked: Checked | None, report: Report) -> None:
    if next(program.schedules(), None) is None:
        return
    from ofadsl.compiler.schedule.check import check_schedules  # most files have none

    check_schedules(program, checked, report)


def _attempt(task: Task, given: tuple[Expr, ...]) -> tuple[Report, Checked | None]:
    """Read the space once; ``given`` is what it requires, where that is known already."""
    report = Report(shipped=frozenset(id(file.span.source) for file in task.program.shipped))
    try:
        return report, _read(task, report, given)
    except EnoughError:
        report.steps.clear()
    except SpaceTooLargeError as error:
        report.steps.clear()
        report.add("OFA054", str(error), error.span, error.label)
    except RecursionError:
        report.steps.clear()
        rule = "blocks and functions nest too deeply"
        report.add("OFA054", rule, task.space.name.span, "deeper than can be read")
    return report, None


def _read(task: Task, report: Report, given: tuple[Expr, ...]) -> Checked | None:
    words = WORDS.union(options(task.program))
    evaluator = Evaluator(report=report, prover=Prover(given=given), words=words)
    everything = (*task.program.files, *task.program.shipped)
    files = {id(file): Scope() for file in everything}
    elaborator = Elaborator(evaluator=evaluator, blocks={}, counts=task.counts)
    for file in everything:
        lets = tuple(item for item in file.items if isinstance(item, syntax.Let))
        elaborator.body(lets, _flow(UNKNOWN_SHAPE, files[id(file)]))
    elaborator.blocks = {
        block.name.text: Block(declaration=block, scope=files[id(file)])
        for block, file in reversed(list(task.program.blocks()))
    }
    scope = files[id(task.program.main)].inner()
    params = bind_parameters(task.space, task.settings, scope, evaluator)
    x = _images(task.space, scope, evaluator)
    scope.bind("resolution", x.spatial[0])
    ops = 0
    for statement in task.space.body:
        ops += tally((statement,), task.counts)
        named = statement.name if isinstance(statement, syntax.Stage) else statement
        elaborator.room(named.span, ops)
    flow = _flow(x, scope, elaborator.labels(task.space.body))
    body = elaborator.body(task.space.body, flow)
    if not body.nodes:
        report.add("OFA058", "a space needs an operation", task.space.name.span, "none here")
    found = requirements(elaborator)
    space = Space(
        name=task.space.name.text,
        params=params,
        dims=tuple(evaluator.dims.by_name.values()),
        stages=tuple(elaborator.stages),
        requirements=tuple(requirement for requirement, _ in found),
    )
    if report.empty and task.program.report.empty:
        _unused(elaborator, space)
        _count(space, tuple(statement for _, statement in found), report, task.space.name.span)
    resolution = x.spatial[0]
    if not isinstance(resolution, Var):
        return None  # reported with the input
    return Checked(
        space=space,
        declaration=task.space,
        resolution=resolution,
        body=body,
        warnings=tuple(_never_taken(task, elaborator)),
    )


def _flow(x: Shape, scope: Scope, names: Mapping[int, str] | None = None) -> Flow:
    return Flow(x=x, scope=scope, place=NOWHERE, defaults={}, names=names or {}, prefix="")


def _images(space: syntax.SpaceDecl, scope: Scope, evaluator: Evaluator) -> Shape:
    """Return the shape of the images, and make the resolution a dimension."""
    report = evaluator.report
    inputs = [s for s in space.body if isinstance(s, syntax.Input)]
    help = "write `input image(channels: 3, size: 224)` at its beginning"
    if not inputs:
        report.add("OFA030", "a space says what comes in", space.name.span, "no input here", help)
        return UNKNOWN_SHAPE
    for extra in inputs[1:]:
        report.add("OFA030", "a space has one input", extra.span, "this is another one")
    given = dict(
        zip(("channels", "size"), (a for a in inputs[0].arguments if not a.name), strict=False)
    )
    given |= {a.name.text: a for a in inputs[0].arguments if a.name}
    if not {"channels", "size"} <= given.keys():
        return UNKNOWN_SHAPE  # reported where names are resolved
    before = space.body[: space.body.index(inputs[0])]
    if any(not isinstance(s, syntax.Let | syntax.Default) for s in before):
        label = "this comes after an operation or a choice"
        report.add("OFA030", "the input comes first", inputs[0].span, label, help)
        return UNKNOWN_SHAPE
    return _image(given["channels"].value, given["size"].value, before, scope, evaluator)


def _image(
    channels: syntax.Expression,
    size: syntax.Expression,
    before: tuple[syntax.Statement, ...],
    scope: Scope,
    evaluator: Evaluator,
) -> Shape:
    reader = Elaborator(evaluator=evaluator, blocks={})
    inner = scope.inner()
    reader.body(before, _flow(UNKNOWN_SHAPE, inner))
    count = evaluator.value(channels, inner, NOWHERE)
    number = static(count)
    if count is not UNKNOWN and not (isinstance(number, int) and number > 0):
        label = "this depends on choices" if count.support else f"{count} here"
        rule = "images have a fixed, positive number of channels"
        evaluator.report.add("OFA048", rule, channels.span, label)
        count = UNKNOWN
    sizes = evaluator.choices(size, inner, NOWHERE) or Choices(values=())
    wrong = [v for v in sizes.values if not isinstance(v, int) or v < 1]
    if wrong or not sizes.values:
        if wrong:
            rule = "a resolution is a positive number of pixels"
            evaluator.report.add("OFA048", rule, size.span, f"{wrong[0]} here")
        return Shape(channels=count, spatial=(UNKNOWN, UNKNOWN))
    resolution = evaluator.dims.make("resolution", sizes.values, NOWHERE, size.span)
    return Shape(channels=count, spatial=(resolution, resolution))


def _never_taken(task: Task, elaborator: Elaborator) -> Iterator[Diagnostic]:
    """Yield a warning for each way of an `if` that no subnet takes, whatever the parameters.

    A condition that speaks of parameters, or of what comes into a block, may hold elsewhere.
    """
    own = [block for block, file in task.program.blocks() if file in task.program.files]
    declarations: tuple[syntax.SpaceDecl | syntax.BlockDecl, ...] = (task.space, *own)
    for declaration in declarations:
        general = {parameter.name.text for parameter in declaration.parameters}
        general.update(() if declaration is task.space else ("in",))
        for statement in statements(declaration.body):
            if isinstance(statement, syntax.Let) and _mentions(statement.value, general):
                general.add(statement.name.text)
            if not isinstance(statement, syntax.If) or _mentions(statement.condition, general):
                continue
            taken = elaborator.ways.get(id(statement), {True, False})
            for way, body, said in (
                (True, statement.then, "this never holds"),
                (False, statement.orelse, "this always holds"),
            ):
                if body and way not in taken:
                    yield Diagnostic(
                        code="OFA076",
                        message="no subnet has one way of this `if`",
                        span=statement.condition.span,
                        label=said,
                        help=f"leave out what stands {'here' if way else 'behind `else`'}",
                        severity="warning",
                    )


def _mentions(expression: syntax.Expression, names: set[str]) -> bool:
    parts = list(syntax.walk(expression))
    found = {e.text for e in parts if isinstance(e, syntax.Name)}
    found |= {e.function.text for e in parts if isinstance(e, syntax.Apply)}
    return not names.isdisjoint(found)


def _assert_known(seq: Seq) -> None:
    """Raise AssertionError where an unknown value is left though no mistake was reported."""
    for shape in (seq.x, seq.y):
        assert UNKNOWN not in (shape.channels, *shape.spatial), shape
    for node in seq.nodes:
        match node:
            case OpNode(op=op, name=name):
                assert all(getattr(op, f.name) is not UNKNOWN for f in fields(op)), name
            case ResidualNode(condition=condition) | IfNode(condition=condition):
                assert condition is not UNKNOWN, node
            case _:
                pass
        y = output(node)
        assert UNKNOWN not in (y.channels, *y.spatial), node
        for inner in inside(node):
            _assert_known(inner)


def _unused(elaborator: Elaborator, space: Space) -> None:
    """Report dimensions that change nothing: they would count each subnet several times."""
    used = {*elaborator.used, "resolution"}
    used.update(v.name for dim in space.dims for v in dim.live.support)
    evaluator = elaborator.evaluator
    for dim in space.dims:
        if dim.var.name not in used and len(dim.var.values) > 1:
            span = evaluator.dims.spans[dim.var.name]
            label = f"nothing depends on `{dim.var.name}`"
            help = "use it, or give it one value"
            rule = "a dimension changes the network"
            evaluator.report.add("OFA055", rule, span, label, help)


def _count(
    space: Space, statements: tuple[syntax.Require, ...], report: Report, name: Span
) -> None:
    """Report requirements that leave no subnet, or too many combinations to count."""
    try:
        if space.size():
            return
        low, high = 0, len(statements)  # so many leave something, so many leave nothing
        while high - low > 1:
            middle = (low + high) // 2
            if _with(space, space.requirements[:middle]).size():
                low = middle
            else:
                high = middle
        rule, label = "the requirements leave no subnet", "after this one nothing is left"
        help = "loosen it, or one of those before it"
        report.add("OFA052", rule, statements[low].condition.span, label, help)
    except CoupledError as error:
        rule = "too many dimensions are tied together to count the subnets"
        names = ", ".join(f"`{var.name}`" for var in error.variables[:6])
        span = statements[0].condition.span if statements else name
        report.add("OFA053", rule, span, f"{names} and others, together")


def _with(space: Space, part: tuple[Requirement, ...]) -> Space:
    return Space(
        name=space.name,
        params=space.params,
        dims=space.dims,
        stages=space.stages,
        requirements=part,
    )
