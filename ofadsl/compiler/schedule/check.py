"""The schedules of a program that is checked: what they say, and what they name of its space."""

from __future__ import annotations

from contextlib import suppress

from ofadsl.compiler.program import Program
from ofadsl.compiler.report import EnoughError, Report
from ofadsl.compiler.schedule.draft import draft_without_arguments
from ofadsl.compiler.schedule.opening import opened
from ofadsl.compiler.schedule.order import order_of
from ofadsl.compiler.tree import Checked


def check_schedules(program: Program, checked: Checked | None, report: Report) -> None:
    """Add the mistakes of all schedules to ``report``.

    Those of the main file are for its space; imported ones may be for others, so that what they
    unlock is looked up where they are used.
    """
    with suppress(EnoughError):
        for schedule, file in program.schedules():
            drafts = draft_without_arguments(schedule, file, report)
            if checked is not None and report.empty and file is program.main:
                opened(drafts, checked.space, order_of(checked), report)
