"""What a user is told: spans of source text, diagnostics, and their rendered form.

In: a span, a stable code, a sentence. Out: the text that a person reads. Every phase reports
through these types, so that all messages look alike and all mistakes of a file come together.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

NEWLINE = re.compile("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A named text; ``path`` is shown to the user as it was given."""

    path: str
    text: str = field(repr=False)
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        starts = [0, *(found.end() for found in NEWLINE.finditer(self.text))]
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
    """One mistake: the rule (``message``), the value found (``label``), the repair (``help``).

    A warning is not a mistake: what it speaks of works, and is hardly what was meant.
    """

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    help: str = ""
    notes: tuple[tuple[Span, str], ...] = ()
    severity: Literal["error", "warning"] = "error"


class Diagnostics(Exception):
    """All mistakes found in one input, in the order of the text: a report, not one error."""

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
    """Return the text of a report, in the manner of rustc; ``color`` adds ANSI escapes."""
    text = "\n\n".join("\n".join(lines(item)) for item in items)
    return re.sub(MARK, lambda found: ANSI[found.group()] if color else "", text)


# Styles are single characters of a private range until the end, so that they are easy to leave out.
RED, YELLOW, BLUE, BOLD, PLAIN = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004"
ANSI = {RED: "\x1b[1;31m", YELLOW: "\x1b[1;33m", BLUE: "\x1b[1;34m"}
ANSI |= {BOLD: "\x1b[1m", PLAIN: "\x1b[0m"}
MARK = re.compile(f"[{RED}-{PLAIN}]")
TAB = 4
WIDTH = 100  # columns of a source line that are shown
BEFORE = 40  # columns of them before the span, where the line is cut


def lines(item: Diagnostic) -> Iterator[str]:
    """Yield the lines of one report."""
    spans = [span for span in (item.span, *(span for span, _ in item.notes)) if span is not None]
    gutter = max((len(str(span.line)) for span in spans), default=1)
    style = RED if item.severity == "error" else YELLOW
    head = f"{item.severity}[{visible(item.code)}]"
    yield f"{style}{head}{PLAIN}{BOLD}: {visible(item.message)}{PLAIN}"
    if item.span is not None:
        yield from snippet(item.span, item.label, style, gutter)
    for i, line in enumerate(item.help.splitlines()):
        head = f"{BLUE}={PLAIN} {BOLD}help{PLAIN}:" if i == 0 else "       "
        yield f"{' ' * gutter} {head} {visible(line)}"
    for span, text in item.notes:
        yield f"{BOLD}note{PLAIN}: {visible(text)}"
        yield from snippet(span, "", BLUE, gutter)


def snippet(span: Span, label: str, style: str, gutter: int) -> Iterator[str]:
    """Yield the place of a span, its first line and a line of carets below it."""
    number, column = span.source.position(span.start)
    line = span.source.line(number)
    last = span.source.position(max(span.start, span.end - 1))[0]
    if last > number:
        label = f"{label} (up to line {last})".strip()
    shown, start, carets = cut(line, column - 1, column - 1 + span.end - span.start)
    bar = f"{BLUE}{' ' * gutter} |{PLAIN}"
    yield f"{BLUE}{' ' * gutter}-->{PLAIN} {visible(span.source.path)}:{number}:{column}"
    yield bar
    yield f"{BLUE}{number:>{gutter}} |{PLAIN} {shown}".rstrip()
    yield f"{bar} {' ' * start}{style}{'^' * carets} {visible(label)}".rstrip() + PLAIN


def cut(line: str, start: int, end: int) -> tuple[str, int, int]:
    """Return the part of ``line`` to show, the column where the span begins in it, its carets."""
    line, end = line.rstrip("\r"), min(end, len(line))
    first = max(0, start - WIDTH)  # a line can be a megabyte
    cells = [cell(c) for c in line[first : end if end < start + WIDTH else start + WIDTH]]
    cells += [cell(c) for c in line[first + len(cells) : first + len(cells) + WIDTH]]
    columns = [0]
    for i, (shown, width) in enumerate(cells):
        if shown == "\t":
            width = TAB - columns[-1] % TAB
            cells[i] = (" " * width, width)
        columns.append(columns[-1] + width)
    begin, stop = start - first, min(end - first, len(cells))
    low = bisect.bisect_left(columns, columns[begin] - BEFORE) if columns[-1] > WIDTH else 0
    high = bisect.bisect_right(columns, columns[low] + WIDTH) - 1
    left = "..." if first + low else ""
    right = "..." if first + high < len(line) else ""
    text = "".join(shown for shown, _ in cells[low:high])
    carets = columns[max(begin, min(stop, high))] - columns[begin]
    return left + text + right, len(left) + columns[begin] - columns[low], max(1, carets)


def cell(character: str) -> tuple[str, int]:
    """Return what to show of a character, and how many columns it takes."""
    if character == "\t":
        return character, 0
    character = visible(character)
    if unicodedata.combining(character):
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def visible(text: str) -> str:
    """Return ``text`` without what a terminal would obey: a text of others is shown, not run."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else PICTURES.get(c, "\N{REPLACEMENT CHARACTER}") for c in text
    )


PICTURES = {chr(code): chr(0x2400 + code) for code in range(32)} | {"\xa0": " ", "\u3000": "\u3000"}
