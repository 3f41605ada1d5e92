"""What a user is told: spans of source text, diagnostics, and their rendered form.

In: a span, a stable code, a sentence. Out: the text that a person reads. Every phase reports
through these types, so that all messages look alike and all mistakes of a file come together.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A named text; ``path`` is shown to the user as it was given."""

    path: str
    text: str = field(repr=False)
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        starts = [0]
        starts.extend(i + 1 for i, c in enumerate(self.text) if c == "\n")
        object.__setattr__(self, "_starts", tuple(starts))

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of ``offset``, both counted from 1."""
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return line ``number`` (from 1) without its newline."""
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters ``start`` up to ``end`` of a source."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line of the first character, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column of the first character, from 1."""
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of ``other``."""
        return Span(source=self.source, start=self.start, end=max(self.end, other.end))

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One mistake: the rule (``message``), the value found (``label``) and the repair (``help``)."""

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    help: str = ""
    notes: tuple[tuple[Span, str], ...] = ()


class Diagnostics(Exception):  # noqa: N818  (it is a report, and every mistake of a user raises it)
    """All mistakes found in one input, in the order of the text."""

    def __init__(self, items: Iterable[Diagnostic]) -> None:
        self.items = tuple(items)
        if not self.items:
            raise AssertionError("an empty report")
        super().__init__(self.items)

    def __str__(self) -> str:
        return render(self.items)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.items)


def fault(
    code: str, message: str, *, span: Span | None = None, label: str = "", help: str = ""
) -> Diagnostics:
    """Return a report of a single mistake, ready to raise."""
    return Diagnostics([Diagnostic(code=code, message=message, span=span, label=label, help=help)])


def ordered(items: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return ``items`` in the order of the text, exact duplicates dropped."""
    unique = dict.fromkeys(items)
    return tuple(sorted(unique, key=lambda item: place(item.span)))


def place(span: Span | None) -> tuple[str, int]:
    """Return what orders reports: the path, the offset; what has no place comes first."""
    return ("", -1) if span is None else (span.source.path, span.start)


def render(items: Iterable[Diagnostic], *, color: bool = False) -> str:
    """Return the text of a report."""
    return "\n\n".join(
        f"error[{i.code}]: {i.message}\n  --> {i.span}\n  {i.label}\n   = help: {i.help}"
        for i in items
    )
