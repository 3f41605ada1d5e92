"""From the name of a schedule to the schedule itself, for one space.

In: `progressive`, `mine.ofa` or `mine.ofa:fast`, as the command line says it. Out: a schedule. A
name alone is one of the space's own file, of those it imports, or of the prelude, in this order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ofadsl.compiler import syntax
from ofadsl.compiler.names import nearest
from ofadsl.compiler.parse.parser import read_source
from ofadsl.compiler.program import PRELUDE, Program, load
from ofadsl.compiler.report import EnoughError
from ofadsl.compiler.resolve import resolve
from ofadsl.compiler.schedule.build import build
from ofadsl.compiler.schedule.draft import draft
from ofadsl.compiler.schedule.plan import Schedule
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Source, fault

SUFFIX = ".ofa"
SHIPPED = PRELUDE / "schedules.ofa"
Found = tuple[Program, syntax.ScheduleDecl, syntax.File]


def schedules_of(
    path_or_name: str,
    checked: Checked,
    arguments: Mapping[str, str] | None = None,
    arch: tuple[int, ...] | None = None,
) -> Schedule:
    """Return the schedule of that name for a space.

    ``arguments`` are the values of its parameters, as text; ``arch`` is the subnet that its `fixed`
    phases train, as choice indices. Raises Diagnostics with every mistake that is found.
    """
    program, declaration, file = _find(path_or_name, checked)
    report = program.report
    with suppress(EnoughError):
        resolve(program, report)
        drafts = draft(declaration, file, arguments or {}, report)
        return build(declaration.name.text, drafts, checked, arch, report)
    report.finish()
    raise AssertionError("a report that is full is empty")


def scaled(schedule: Schedule, epochs: float) -> Schedule:
    """Return the schedule stretched so that its phases sum to ``epochs``, warm-up included."""
    if not 0 < epochs < float("inf"):
        raise fault("OFA170", f"a training has a positive number of epochs, not {epochs}")
    factor = epochs / schedule.epochs
    phases = (
        replace(phase, epochs=phase.epochs * factor, warmup=phase.warmup * factor)
        for phase in schedule.phases
    )
    return replace(schedule, phases=tuple(phases))


def _find(path_or_name: str, checked: Checked) -> Found:
    path, name = _parted(path_or_name)
    if path:
        program = load(read_source(path), Path(path).parent)
        return _chosen(path, name, program)
    own = checked.declaration.span.source
    shipped = load(Source(path=f"prelude/{SHIPPED.name}", text=_shipped_text()), None)
    programs = (load(own, Path(own.path).parent), shipped)
    for program in programs:
        for declaration, file in program.schedules():
            if declaration.name.text == name:
                return program, declaration, file
    known = [d.name.text for program in programs for d, _ in program.schedules()]
    help = f"{nearest(name, known)}\n{_list(known)}".strip()
    raise fault("OFA160", f"there is no schedule `{name}`", help=help)


def _parted(text: str) -> tuple[str, str]:
    """Return the path and the name of `path.ofa:name`; one of them may be missing."""
    if text.endswith(SUFFIX):
        return text, ""
    path, _, name = text.rpartition(":")
    return (path, name) if path.endswith(SUFFIX) else ("", text)


def _chosen(path: str, name: str, program: Program) -> Found:
    """Return the schedule of a file that has the name, or its only one that is not imported."""
    every = [(d.name.text, d, file) for d, file in program.schedules()]
    own = [found for found in every if found[2] is program.main] or every
    known = [found[0] for found in every]
    if not every:
        help = "name a file with `schedule ... { }`"
        raise fault("OFA160", f"`{path}` holds no schedule", help=help)
    if not name and len(own) > 1:
        help = f"write `{path}:{own[0][0]}`\n{_list(known)}"
        raise fault("OFA160", f"`{path}` holds {len(own)} schedules", help=help)
    for text, declaration, file in every if name else own:
        if text == (name or text):
            return program, declaration, file
    help = f"{nearest(name, known)}\n{_list(known)}".strip()
    raise fault("OFA160", f"`{path}` holds no schedule `{name}`", help=help)


def _list(names: Sequence[str]) -> str:
    return f"there are {', '.join(f'`{name}`' for name in dict.fromkeys(names))}"


def _shipped_text() -> str:
    return SHIPPED.read_text(encoding="utf-8")
