"""What a person sees of an evaluation: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import rich.console
import rich.progress

_BETWEEN = 10.0
"""Seconds between lines where there is no terminal."""


class Progress:
    """Counts archs that are done, and tells how long the rest will take."""

    def __init__(
        self, total: int, *, console: rich.console.Console | None = None, silent: bool = False
    ) -> None:
        self._console = console or rich.console.Console(stderr=True, highlight=False, quiet=silent)
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn("evaluating"),
            rich.progress.BarColumn(bar_width=None),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeRemainingColumn(),
            console=self._console,
            disable=silent or not self._console.is_terminal,
        )
        self._total, self._done = total, 0
        self._task = self._bar.add_task("", total=total)
        self._began = self._said = time.monotonic()

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

    def advance(self, number: int) -> None:
        """Count archs that are done."""
        self._done += number
        self._bar.update(self._task, advance=number)
        now = time.monotonic()
        if self._console.is_terminal or self._done >= self._total or now < self._said + _BETWEEN:
            return
        self._said = now
        left = (now - self._began) / self._done * (self._total - self._done)
        minutes, seconds = divmod(round(left), 60)
        line = f"{self._done} of {self._total} archs, {minutes}:{seconds:02} left"
        self._console.print(line, markup=False)
