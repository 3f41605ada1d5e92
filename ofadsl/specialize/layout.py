"""Calls as lines of at most 100 columns, broken as a formatter breaks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

WIDTH = 92
"""Columns of a line in the body of a method, where 8 are indented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is called and with what; ``head`` ends in the opening bracket."""

    head: str
    items: tuple[str | Call, ...]
    tail: str = ")"

    def __str__(self) -> str:
        return f"{self.head}{', '.join(map(str, self.items))}{self.tail}"


def lines(prefix: str, call: Call, suffix: str = "", width: int = WIDTH) -> Iterator[str]:
    """Yield ``prefix``, the call and ``suffix``, on one line where they fit."""
    text = f"{prefix}{call}{suffix}"
    if len(text) <= width or not call.items:
        yield text
        return
    yield f"{prefix}{call.head}"
    for item in call.items:
        inner = lines("", item, ",", width - 4) if isinstance(item, Call) else [f"{item},"]
        yield from (f"    {line}" for line in inner)
    yield f"{call.tail}{suffix}"
