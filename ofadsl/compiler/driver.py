"""The parser's engine: tokens through the table, onto a stack.

It knows no rule by name; `build` makes the nodes and `recovery` decides what to do with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ofadsl.compiler.build import BUILDERS
from ofadsl.compiler.tables import END, Tables
from ofadsl.compiler.tokens import Tokens
from ofadsl.diagnostics import Diagnostic, Source, Span

NESTING = 100  # levels of brackets, and of the tree: what reads it may recurse

CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}


@dataclass(slots=True, kw_only=True)
class Bracket:
    """An open bracket: its token, and the height of the stack without it."""

    token: int
    height: int
    soft: bool  # a newline inside it means nothing
    stand_in: bool = False  # it opens the body of a statement that has been reported


@dataclass(slots=True, kw_only=True)
class Parser:
    """The stack of a parse that is going on, one entry a symbol in each list."""

    source: Source
    tables: Tables
    tokens: Tokens
    mistakes: list[Diagnostic]
    brackets: list[Bracket]
    states: list[int]
    values: list[Any] = field(default_factory=lambda: [None])
    firsts: list[int] = field(default_factory=lambda: [0])  # the token that a symbol begins with
    depths: list[int] = field(default_factory=lambda: [0])  # of the tree below a symbol
    at: int = 0  # the token that is looked at
    last: int = 0  # the token that was taken last
    closed: Bracket | None = None  # by the token that was taken last
    closings: list[tuple[Bracket, int]] = field(default_factory=list)  # bodies, and their `}`
    stand_ins: set[int] = field(default_factory=set)  # tokens `{` whose body is a stand-in
    errors: list[int] = field(default_factory=list)  # the tokens at which errors were met


class TooDeep(Exception):
    """The tree is deeper than what reads it may recurse."""

    def __init__(self, token: int) -> None:
        self.token = token


def begin(source: Source, tables: Tables, tokens: Tokens, start: str) -> Parser:
    """Return a parser before its first token."""
    state = tables.starts[start][0]
    soft = tables.kinds["_NEWLINE"] not in tables.actions[state]
    return Parser(
        source=source,
        tables=tables,
        tokens=tokens,
        mistakes=list(tokens.mistakes),
        brackets=[Bracket(token=-1, height=0, soft=soft)],
        states=[state],
    )


def run(parser: Parser, final: int, recover: Callable[[Parser], bool]) -> Any:
    """Take tokens up to the end; return the value, or None where ``recover`` gives up."""
    tables, kinds, states = parser.tables, parser.tokens.kinds, parser.states
    actions, newline, end = tables.actions, tables.kinds["_NEWLINE"], tables.kinds[END]
    openers = {tables.kinds[name] for name in CLOSER}
    closers = {tables.kinds[name] for name in CLOSER.values()}
    while True:
        kind = kinds[parser.at]
        if kind == newline and parser.brackets[-1].soft:
            parser.at += 1
            continue
        action = actions[states[-1]].get(kind)
        if action is None:
            if kind == end and states[-1] == final:
                return parser.values[-1]
            if not recover(parser):
                return None
        elif action < 0:
            reduce(parser, ~action)
        else:
            shift(parser, action)
            if kind in openers:
                opened(parser, newline not in actions[action])
            elif kind in closers:
                closed(parser)


def shift(parser: Parser, state: int) -> None:
    """Take the token that is looked at."""
    parser.states.append(state)
    parser.values.append(parser.at)
    parser.firsts.append(parser.at)
    parser.depths.append(0)
    parser.last = parser.at
    parser.closed = None
    parser.at += 1


def opened(parser: Parser, soft: bool) -> None:
    """Note the bracket that was just taken."""
    token = parser.last
    stand_in = token in parser.stand_ins
    height = len(parser.states) - 1
    parser.brackets.append(Bracket(token=token, height=height, soft=soft, stand_in=stand_in))
    if len(parser.brackets) > NESTING + 1:
        raise TooDeep(token)


def closed(parser: Parser) -> None:
    """Note that the innermost bracket was just closed."""
    parser.closed = parser.brackets.pop()
    if not parser.closed.soft:
        parser.closings.append((parser.closed, parser.last))


def reduce(parser: Parser, number: int) -> None:
    """Replace the symbols of a rule, on the top of the stack, by what they make."""
    tables, states = parser.tables, parser.states
    rule = tables.rules[number]
    if rule.length == 1 and rule.passes:
        states.pop()
        states.append(tables.gotos[states[-1]][rule.origin])
        return
    base = len(states) - rule.length
    first = parser.firsts[base] if rule.length else parser.at
    depth = max(parser.depths[base:], default=0) + rule.nests
    if depth > NESTING:
        raise TooDeep(first)
    value = make(parser, number, base, first)
    del states[base:], parser.values[base:], parser.firsts[base:], parser.depths[base:]
    states.append(tables.gotos[states[-1]][rule.origin])
    parser.values.append(value)
    parser.firsts.append(first)
    parser.depths.append(depth)


def make(parser: Parser, number: int, base: int, first: int) -> Any:
    """Return the value of a rule, from the values of its symbols from ``base`` on."""
    rule = parser.tables.rules[number]
    values: list[Any] = []
    for offset, spliced in rule.keep:
        value = parser.values[base + offset]
        if not spliced:
            values.append(text(parser, value) if type(value) is int else value)
        elif values:
            values.extend(value)
        else:
            values = value  # nobody else holds it: a list grows in linear time
    if rule.passes:
        return values[0]
    builder = BUILDERS.get(rule.name)
    if builder is None:
        return values
    start = parser.tokens.starts[first]
    end = max(start, parser.tokens.ends[parser.last] if rule.length else start)
    return builder(values, Span(source=parser.source, start=start, end=end))


def text(parser: Parser, token: int) -> str:
    """Return the characters of a token; there are none behind the last."""
    if token >= len(parser.tokens.kinds):
        return ""
    return parser.source.text[parser.tokens.starts[token] : parser.tokens.ends[token]]
