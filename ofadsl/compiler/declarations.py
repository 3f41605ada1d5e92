"""Declarations of blocks and schedules: each has a name of its own, no block calls itself."""

from __future__ import annotations

from collections.abc import Iterator

from ofadsl.compiler import syntax
from ofadsl.compiler.program import Program, statements
from ofadsl.compiler.report import Report
from ofadsl.diagnostics import Span
from ofadsl.ops import OPS


def check_declarations(program: Program, report: Report) -> None:
    """Report blocks or schedules of one name, and blocks inside themselves."""
    shipped = {id(file) for file in program.shipped}  # a block of the user stands before it
    seen: dict[str, Span] = {}
    for block, file in program.blocks():
        name = block.name
        if name.text in OPS:
            label, help = f"`{name.text}` is an op", "choose another name"
            report.add("OFA024", "a block needs a name of its own", name.span, label, help)
        elif name.text in seen and id(file) not in shipped:
            twice(report, name, seen[name.text])
        seen.setdefault(name.text, name.span)
    schedules: dict[str, Span] = {}
    for schedule, _ in program.schedules():
        if schedule.name.text in schedules:
            twice(report, schedule.name, schedules[schedule.name.text])
        schedules.setdefault(schedule.name.text, schedule.name.span)
    _recursion(program, report)


def _recursion(program: Program, report: Report) -> None:
    graph = {
        block.name.text: [s for s in statements(block.body) if isinstance(s, syntax.Call)]
        for block, _ in reversed(list(program.blocks()))
    }
    done: set[str] = set()
    for start in graph:
        stack: list[tuple[str, Iterator[syntax.Call]]] = [(start, iter(graph[start]))]
        path = {start: None}  # in order, and quick to ask
        while stack and start not in done:
            call = next((c for c in stack[-1][1] if c.callee.text in graph), None)
            if call is None:
                done.add(stack.pop()[0])
                path.popitem()
            elif call.callee.text in path:
                names = list(path)
                chain = [*names[names.index(call.callee.text) :], call.callee.text]
                label = " calls ".join(f"`{name}`" for name in chain)
                rule, help = "a block must not call itself", "a stage repeats what is in it"
                report.add("OFA026", rule, call.callee.span, label, help)
            elif call.callee.text not in done:
                stack.append((call.callee.text, iter(graph[call.callee.text])))
                path[call.callee.text] = None


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


def defaulted(program: Program) -> frozenset[str]:
    """Return the names of all that a `default` gives arguments."""
    return frozenset(
        statement.callee.text
        for file in (*program.files, *program.shipped)
        for item in file.items
        if isinstance(item, syntax.SpaceDecl | syntax.BlockDecl)
        for statement in statements(item.body)
        if isinstance(statement, syntax.Default)
    )


def twice(report: Report, name: syntax.Name, before: Span) -> None:
    """Report a name that is given again."""
    rule, label = "a name is given once", f"`{name.text}` is there already"
    notes = ((before, "first given here"),)
    report.add("OFA024", rule, name.span, label, "choose another name", notes)
