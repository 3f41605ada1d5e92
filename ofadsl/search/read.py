"""From the text of an option to a tree of the language's expressions, with units and chains.

The language has no units (`256 kB`), no chains of comparisons (`10 <= x <= 20`) and no names with
numbers inside (`s1.0.kernel`, `latency[2080ti]`). They are replaced by what it has, in texts of the
same length: so its own parser reads the rest, and every span is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ofadsl.compiler.parse.parser import parse_expression
from ofadsl.compiler.syntax import Expression, Name
from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span

_WORDS = frozenset({"and", "or", "not", "if", "else", "step"})
_DEVICE = re.compile(r"(?<![\w.])[A-Za-z_]\w*\s*\[\s*(\d+[A-Za-z_]\w*)\s*\]")
_DOTTED = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)+")
_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?+)([ \t]*)([^\W\d_]\w*)")
_SCAN = re.compile(r"\b(?:and|or|not|if|else)\b|[=!<>]=|[<>()\[\]{},]")
_COMPARE = re.compile(r"[=!<>]=|[<>]")
_LONGEST = 8  # characters of a name that stands for a chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """``10 <= x <= 20``: operands, and the comparisons between them."""

    operands: tuple[Expression, ...]
    comparisons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """An expression as it was read; units and chains are found by where they begin."""

    source: Source
    tree: Expression
    units: Mapping[int, Span]
    """The unit of a number, by the place of the number."""
    chains: Mapping[int, Chain]
    """What a name stands for, by its place."""

    def chain(self, tree: Expression) -> Chain | None:
        """Return the chain that a name stands for; the chain's first operand begins there too."""
        if isinstance(tree, Name) and not tree.text.strip("_"):
            return self.chains.get(tree.span.start)
        return None

    def span(self, tree: Expression) -> Span:
        """Return where a part of the tree was written."""
        return Span(source=self.source, start=tree.span.start, end=tree.span.end)

    def name(self, tree: Expression) -> str:
        """Return what was written for a part of the tree."""
        return self.source.text[tree.span.start : tree.span.end]


def read(source: Source) -> Text:
    """Return the expression of a text; raise Diagnostics with every syntax error in it."""
    text = re.sub(r"[\r\n]", " ", source.text)
    text = _DEVICE.sub(_without_digits, text)
    text = _DOTTED.sub(lambda found: found[0].replace(".", "_"), text)
    units = {}
    for found in _NUMBER.finditer(text):
        if found[3] not in _WORDS:
            units[found.start()] = Span(source=source, start=found.start(3), end=found.end())
    for span in units.values():
        text = text[: span.start] + " " * (span.end - span.start) + text[span.end :]
    chains: dict[int, Chain] = {}
    try:
        tree = _parsed(text, 0, len(text), source, chains)
    except Diagnostics as report:
        raise Diagnostics(_moved(item, source) for item in report) from None
    return Text(source=source, tree=tree, units=units, chains=chains)


def _without_digits(found: re.Match[str]) -> str:
    start, end = found.start(1) - found.start(), found.end(1) - found.start()
    return found[0][:start] + "_" * (end - start) + found[0][end:]


def _parsed(
    text: str, start: int, end: int, source: Source, chains: dict[int, Chain]
) -> Expression:
    """Return the tree of a part of the text, after its chains are replaced by names."""
    part = " " * start + text[start:end]
    for begin, stop, comparisons in _chains(part):
        bounds = [begin, *(edge for span in comparisons for edge in span), stop]
        operands = [
            _parsed(part, bounds[i], bounds[i + 1], source, chains)
            for i in range(0, len(bounds), 2)
        ]
        chains[begin] = Chain(
            operands=tuple(operands),
            comparisons=tuple(part[low:high] for low, high in comparisons),
        )
        name = "_" * min(stop - begin, _LONGEST)
        part = part[:begin] + name.ljust(stop - begin) + part[stop:]
    return parse_expression(Source(path=source.path, text=part))


_Segment = tuple[int, int, list[tuple[int, int]]]


def _chains(text: str) -> Iterator[_Segment]:
    """Yield the outermost stretches with more than one comparison: start, end, comparisons."""
    found = [segment for segment in _segments(text) if _is_chain(text, *segment)]
    for start, end, comparisons in found:
        if not any(a <= start and end <= b and (a, b) != (start, end) for a, b, _ in found):
            yield start, end, comparisons


def _is_chain(text: str, start: int, end: int, comparisons: list[tuple[int, int]]) -> bool:
    """Whether there is an operand on each side of each comparison: else the parser reports it."""
    bounds = [start, *(edge for span in comparisons for edge in span), end]
    parts = [text[bounds[i] : bounds[i + 1]] for i in range(0, len(bounds), 2)]
    return len(comparisons) > 1 and all(map(str.strip, parts))


def _segments(text: str) -> Iterator[_Segment]:
    """Yield the stretches between brackets, commas and the words that bind less."""
    opened: list[tuple[int, list[tuple[int, int]]]] = [(0, [])]
    for found in _SCAN.finditer(text):
        token = found[0]
        if _COMPARE.fullmatch(token):
            opened[-1][1].append(found.span())
        elif token in "([{":
            opened.append((found.end(), []))
        elif token in ")]}" and len(opened) > 1:
            yield _trimmed(text, *opened.pop(), found.start())
        else:
            yield _trimmed(text, *opened.pop(), found.start())
            opened.append((found.end(), []))
    while opened:
        yield _trimmed(text, *opened.pop(), len(text))


def _trimmed(text: str, start: int, comparisons: list[tuple[int, int]], end: int) -> _Segment:
    own = text[start:end]
    return start + len(own) - len(own.lstrip()), start + len(own.rstrip()), comparisons


def _moved(item: Diagnostic, source: Source) -> Diagnostic:
    """Return a message about the text as it was written."""
    notes = tuple((replace(span, source=source), text) for span, text in item.notes)
    span = None if item.span is None else replace(item.span, source=source)
    return replace(item, span=span, notes=notes)
