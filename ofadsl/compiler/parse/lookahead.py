"""What the parser could do and what stands around it: questions only, nothing is changed."""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from ofadsl.compiler.parse.driver import CLOSER, Parser
from ofadsl.compiler.parse.tables import END, Tables
from ofadsl.diagnostics import Span

LOOK = 100  # tokens, to tell a set from a body


def kind(parser: Parser, at: int) -> str:
    """Return the terminal of the token ``at``; beyond the last there are only ends."""
    kinds = parser.tokens.kinds
    return parser.tables.terminals[kinds[at]] if 0 <= at < len(kinds) else END


def after(tables: Tables, states: list[int], terminal: str) -> list[int] | None:
    """Return the states once ``terminal`` is taken, or None where it cannot stand."""
    states, token = list(states), tables.kinds[terminal]
    while True:
        action = tables.actions[states[-1]].get(token)
        if action is None:
            final = terminal == END and any(
                states[-1] == last for _, last in tables.starts.values()
            )
            return states if final else None
        if action >= 0:
            return [*states, action]
        rule = tables.rules[~action]
        del states[len(states) - rule.length :]
        states.append(tables.gotos[states[-1]][rule.origin])


def accepted(tables: Tables, states: list[int]) -> set[str]:
    """Return the terminals that can stand next."""
    candidates = {tables.terminals[token] for token in tables.actions[states[-1]]} | {END}
    return {terminal for terminal in candidates if after(tables, states, terminal) is not None}


def goes_on(parser: Parser, states: list[int], terminals: list[str]) -> bool:
    """Whether all ``terminals``, one after the other, can stand next."""
    for terminal in terminals:
        if terminal == "_NEWLINE":
            return True  # it may mean nothing here
        now = after(parser.tables, states, terminal)
        if now is None:
            return False
        states = now
    return True


def anchor(parser: Parser, below: int | None = None) -> int:
    """Return how much of the stack stands before the innermost statement, item or option."""
    height = len(parser.states) if below is None else below
    while height and parser.states[height - 1] not in parser.tables.anchors:
        height -= 1
    return height


def first_token(parser: Parser, height: int) -> int:
    """Return the token that begins what stands on the stack above ``height``."""
    return parser.symbols[height][1] if height < len(parser.symbols) else parser.at


def starts_line(parser: Parser, at: int) -> bool:
    """Whether a token is the first of its line."""
    return at == 0 or kind(parser, at - 1) == "_NEWLINE"


def indent(parser: Parser, at: int) -> int:
    """Return the indentation of the line on which a token begins."""
    source, start = parser.source.text, parser.tokens.starts[at]
    begin = source.rfind("\n", 0, start) + 1
    end = begin
    while end < start and source[end] in " \t":
        end += 1
    return end - begin


def same_line(parser: Parser, left: int, right: int) -> bool:
    """Whether two tokens begin on one line."""
    starts = parser.tokens.starts
    return parser.source.text.find("\n", starts[left], starts[right]) < 0


def is_body(parser: Parser, at: int) -> bool:
    """Whether the `{` at a token holds statements, as far as its looks say, and no set."""
    depth = 0
    first = at + 1
    while kind(parser, first) == "_NEWLINE":
        first += 1
    if kind(parser, first) == "NUMBER":
        return False
    for other in range(first, first + LOOK):
        name = kind(parser, other)
        if depth == 0 and name in {"COMMA", "__ANON_0"}:
            return False
        if depth == 0 and name in {"_NEWLINE", "SEMICOLON", "COLON", "LBRACE", "RBRACE"}:
            return True
        depth += (name in CLOSER) - (name in CLOSER.values())
    return True


def closes_well(parser: Parser, at: int) -> bool:
    """Whether the `{` at a token has its `}` on the same line, or on a line indented like its."""
    starts = parser.tokens.starts
    if not parser.partners:
        parser.partners.update(partners(parser))
    place = parser.partners.get(starts[at], -1)
    if place < 0:
        return False
    end = bisect.bisect_right(starts, place) - 1
    like = starts_line(parser, end) and indent(parser, end) == indent(parser, at)
    return like or same_line(parser, at, end)


def partners(parser: Parser) -> Iterator[tuple[int, int]]:
    """Yield the places of each `{` and of the `}` that closes it, other brackets apart."""
    opened: list[int] = []
    left, right = parser.tables.kinds["LBRACE"], parser.tables.kinds["RBRACE"]
    for token, place in zip(parser.tokens.kinds, parser.tokens.starts, strict=True):
        if token == left:
            opened.append(place)
        elif token == right and opened:
            yield opened.pop(), place


def token_span(parser: Parser, at: int) -> Span:
    """Return the characters of a token; an end stands right behind what comes before it."""
    tokens = parser.tokens
    start, end = tokens.starts[at], tokens.ends[at]
    if kind(parser, at) in {"_NEWLINE", END}:
        before = at - 1
        while before >= 0 and kind(parser, before) == "_NEWLINE":
            before -= 1
        start = end = tokens.ends[before] if before >= 0 else 0
    return Span(source=parser.source, start=start, end=end)
