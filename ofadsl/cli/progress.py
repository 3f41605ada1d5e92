"""How far a long command is: a bar with the remaining time on a terminal, plain lines elsewhere.

All of it goes to stderr, so that what a command prints stays what it answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ofadsl.commands.steps import Step, Watch

_QUIET = 10.0  # seconds between two plain lines


@contextmanager
def watching(what: str) -> Iterator[Watch]:
    """Yield what shows each step of a command."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(what)
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=1.0, left="")

        def watch(step: Step) -> None:
            said = f"{what} {step.done} of {step.total}"
            left = "" if step.seconds_left is None else f"{duration(step.seconds_left)} left"
            progress.update(task, completed=step.share, description=said, left=left)

        yield watch


def _plain(what: str) -> Watch:
    last = (-1, False)  # how many were done, and whether the time was known
    before = -_QUIET

    def watch(step: Step) -> None:
        nonlocal last, before
        stands = (step.done, last[1] or step.seconds_left is not None)
        if stands == last and time.monotonic() - before < _QUIET:
            return
        last, before = stands, time.monotonic()
        left = step.seconds_left
        about = "" if left is None else f", about {duration(left)} left"
        click.echo(f"{what}: {step.done} of {step.total}{about}", err=True)

    return watch


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
