"""What a person sees of a training: a bar on a terminal, a line for each epoch everywhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import rich.console
import rich.markup
import rich.progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What was measured of an epoch; accuracies are parts of 1, None where not measured."""

    phase: str
    epoch: int
    epochs: int
    step: int
    loss: float
    learning_rate: float
    images_per_second: float
    largest: float | None
    smallest: float | None


class Watch(Protocol):
    """Who is told of a training."""

    def begin(self, *, steps: int, done: int) -> None:
        """Learn how many steps there are, and how many are behind."""
        ...

    def step(self, *, phase: str, epoch: int, epochs: int, loss: float, speed: float) -> None:
        """Learn of a step; ``speed`` is in images a second."""
        ...

    def epoch(self, found: Epoch) -> None:
        """Learn of the end of an epoch."""
        ...

    def say(self, line: str) -> None:
        """Print a line."""
        ...


class Silent:
    """Tells nobody: what ranks other than the first use."""

    def begin(self, *, steps: int, done: int) -> None:
        """Do nothing."""

    def step(self, *, phase: str, epoch: int, epochs: int, loss: float, speed: float) -> None:
        """Do nothing."""

    def epoch(self, found: Epoch) -> None:
        """Do nothing."""

    def say(self, line: str) -> None:
        """Do nothing."""


class Printed:
    """Prints a line for each epoch, and on a terminal a bar below them."""

    def __init__(self, console: rich.console.Console | None = None) -> None:
        self._console = console or rich.console.Console(stderr=True, highlight=False)
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=None),
            rich.progress.TextColumn("{task.fields[speed]}"),
            rich.progress.TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,  # what is left of it would repeat the last line
        )
        self._task: rich.progress.TaskID | None = None
        self._accuracies = ""
        self._steps = self._done = self._first = 0
        self._began = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, *, steps: int, done: int) -> None:
        """Show an empty bar."""
        self._steps, self._done, self._first = steps, done, done
        self._began = time.monotonic()
        self._task = self._bar.add_task("", total=steps, completed=done, speed="")

    def step(self, *, phase: str, epoch: int, epochs: int, loss: float, speed: float) -> None:
        """Move the bar."""
        assert self._task is not None
        self._done += 1
        text = rich.markup.escape(f"{phase} {epoch}/{epochs}  loss {loss:.3f}{self._accuracies}")
        self._bar.update(self._task, advance=1, description=text, speed=f"{speed:,.0f} images/s")

    def epoch(self, found: Epoch) -> None:
        """Print what was measured."""
        self._accuracies = accuracies(found)
        line = f"{found.phase} {found.epoch}/{found.epochs}  loss {found.loss:.3f}"
        line += f"{self._accuracies}  {found.images_per_second:,.0f} images/s"
        self.say(f"{line}  {self._remaining()} left" if self._done < self._steps else line)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, markup=False, soft_wrap=True)

    def _remaining(self) -> str:
        taken = time.monotonic() - self._began
        seconds = taken / max(1, self._done - self._first) * (self._steps - self._done)
        minutes, seconds = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def accuracies(found: Epoch) -> str:
    """Return the accuracies of an epoch, as they stand in a line."""
    shown = ((name, getattr(found, name)) for name in ("largest", "smallest"))
    return "".join(f"  {name} {value:.1%}" for name, value in shown if value is not None)
