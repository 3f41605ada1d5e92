"""How many ops a block is made of, before one is elaborated: too many are refused at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ofadsl.compiler import syntax
from ofadsl.compiler.program import statements

DEEPEST = 256
"""No stage has more blocks."""

MANY = 1 << 40
"""Larger counts are not told apart."""


def tally(body: Iterable[syntax.Statement], counts: Mapping[str, int]) -> int:
    """Return how many ops and blocks a body opens; ``counts`` is of blocks.

    Of the two ways of an `if` the longer one counts, and a stage as often as its text says.
    """
    total = 0
    for statement in body:
        match statement:
            case syntax.Call(callee=callee):
                total += 1 + counts.get(callee.text, 0)
            case syntax.If(then=then, orelse=orelse):
                total += max(tally(then, counts), tally(orelse, counts))
            case syntax.Stage(depth=depth, body=inner):
                total += _times(depth) * tally(inner, counts)
            case syntax.Residual(body=inner):
                total += tally(inner, counts)
            case syntax.Branches(branches=branches):
                total += sum(tally(branch, counts) for branch in branches)
            case syntax.OneOf(options=options):
                total += sum(tally(option.body, counts) for option in options)
            case _:
                pass
    return min(total, MANY)


def _times(depth: syntax.Expression) -> int:
    """Return the largest depth where it is written as a number."""
    last = depth.high if isinstance(depth, syntax.RangeLit) else depth
    if isinstance(last, syntax.Number) and isinstance(last.value, int):
        return max(1, min(last.value, DEEPEST))
    return 1


def tallies(blocks: Mapping[str, syntax.BlockDecl]) -> dict[str, int]:
    """Return how many ops each block is made of; none calls itself."""
    counts: dict[str, int] = {}
    for start in blocks:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            body = statements(blocks[name].body)
            inner = {s.callee.text for s in body if isinstance(s, syntax.Call)}
            missing = [n for n in inner if n in blocks and n not in counts]
            if missing and name not in counts:
                waiting += missing
                continue
            waiting.pop()
            counts.setdefault(name, tally(blocks[name].body, counts))
    return counts
