"""What the writers of a supernet pass on: signatures of classes, their text, where features are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ofadsl.expr import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a caller needs to know of a class: the values of its arguments for each copy."""

    name: str
    init: Mapping[str, Mapping[int, object]]
    defaults: Mapping[str, object]
    forward: Mapping[str, Mapping[int, object]]
    written: Mapping[str, str]
    """Argument of ``forward`` -> parameter of the block that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassText:
    """A class as lines: what ``__init__`` and ``forward`` take and do."""

    name: str
    source: str
    """Where the block is declared."""
    init_head: tuple[str, ...]
    forward_head: tuple[str, ...]
    stored: tuple[str, ...]
    init: tuple[str, ...]
    forward: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Where the features are: read from ``source``, written to ``target``; how many channels."""

    source: str = "x"
    target: str = "x"
    channels: Code | None = None
    indent: int = 8
    init_indent: int = 8

    def moved(self, channels: Code | None) -> Flow:
        """Return the flow after a call wrote to the target."""
        return replace(self, source=self.target, channels=channels)

    def inside(self) -> Flow:
        """Return the flow one level further in."""
        return replace(self, indent=self.indent + 4)

    def branch(self, name: str) -> Flow:
        """Return the flow of a branch that writes to a variable of its own."""
        return replace(self, target=name)
