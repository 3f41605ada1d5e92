"""From the text of a `.ofa` file to its syntax tree, or to a report of all its syntax errors."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

from ofadsl.compiler.parse import driver
from ofadsl.compiler.parse.reading import read_source
from ofadsl.compiler.parse.tables import load
from ofadsl.compiler.parse.tokens import MISTAKES, place, tokenize
from ofadsl.compiler.syntax import Expression, File
from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, ordered

__all__ = ["parse", "parse_expression", "read_source"]


def parse(source: Source) -> File:
    """Return the tree of a whole file; raise `Diagnostics` with every syntax error in it."""
    tree, comments = read(source, "file")
    if not isinstance(tree, File):
        raise AssertionError(f"a file gave a {type(tree).__name__}")
    return File(span=place(source, 0, len(source.text)), items=tree.items, comments=comments)


def parse_expression(source: Source) -> Expression:
    """Return the tree of a single expression; raise `Diagnostics` where it is none."""
    tree: Expression = read(source, "value")[0]
    return tree


def read(source: Source, start: str) -> tuple[Any, Any]:
    """Return the value of the rule ``start`` over the whole source, and the comments."""
    tables = load()
    tokens = tokenize(source, tables)
    if len(tokens.mistakes) >= MISTAKES:
        raise report(source, tokens.mistakes)
    parser = driver.begin(source, tables, tokens, start)
    value = None
    with no_collection():
        try:
            value = driver.run(parser, tables.starts[start][1], recover)
        except driver.TooDeep as deep:
            parser.mistakes.append(too_deep(source, tokens.starts[deep.token]))
    if parser.mistakes:
        raise report(source, parser.mistakes)
    return value, tokens.comments


def recover(parser: driver.Parser) -> bool:
    """Report what the parser cannot go on with; say whether it can from somewhere else."""
    from ofadsl.compiler.parse import recovery  # on a mistake only: most texts have none

    return recovery.recover(parser)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Pause the collector: a tree that grows has no garbage, but takes it half of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def too_deep(source: Source, start: int) -> Diagnostic:
    """Return the report of what begins at ``start`` and nests too deeply."""
    return Diagnostic(
        code="OFA008",
        message=f"the nesting is at most {driver.NESTING} levels deep",
        span=place(source, start, start + 1),
        label="deeper from here on",
        help="name a part of it with `let`",
    )


def report(source: Source, mistakes: list[Diagnostic]) -> Diagnostics:
    """Return the report of ``mistakes``, in the order of the text."""
    items = ordered(mistakes)
    if len(items) < MISTAKES:
        return Diagnostics(items)
    message = f"the first {MISTAKES} mistakes are shown; there may be more"
    return Diagnostics((*items[:MISTAKES], Diagnostic(code="OFA013", message=message)))
