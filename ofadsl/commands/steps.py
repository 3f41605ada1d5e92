"""What a long command says of its progress, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias


class Step(Protocol):
    """How far the work is."""

    @property
    def done(self) -> int: ...  # noqa: D102
    @property
    def total(self) -> int: ...  # noqa: D102
    @property
    def share(self) -> float: ...  # noqa: D102
    @property
    def seconds_left(self) -> float | None: ...  # noqa: D102


Watch: TypeAlias = Callable[[Step], None]
Watching: TypeAlias = Callable[[str], AbstractContextManager[Watch]]
"""What makes a bar, or what stands for one, of the name of the work."""
