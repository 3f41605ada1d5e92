"""The parser's engine: tokens through the table, onto a stack.

It knows no rule by name; `build` makes the nodes and `recovery` decides what to do with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ofadsl.compiler.parse.build import BUILDERS
from ofadsl.compiler.parse.tables import END, Rule, Tables
from ofadsl.compiler.parse.tokens import Tokens
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


Symbol = tuple[Any, int, int]  # a value, the token it begins with, the depth of its tree


@dataclass(slots=True, kw_only=True)
class Parser:
    """A parse that is going on; its stack is in `states` and `symbols`, side by side."""

    source: Source
    tables: Tables
    tokens: Tokens
    mistakes: list[Diagnostic]
    brackets: list[Bracket]
    states: list[int]
    openers: frozenset[int]
    closers: frozenset[int]
    symbols: list[Symbol] = field(default_factory=lambda: [(None, 0, 0)])
    at: int = 0  # the token that is looked at
    last: int = 0  # the token that was taken last
    closed: Bracket | None = None  # by the token that was taken last
    closings: list[tuple[Bracket, int]] = field(default_factory=list)  # bodies, and their `}`
    stand_ins: set[int] = field(default_factory=set)  # tokens `{` whose body is a stand-in
    partners: dict[int, int] = field(default_factory=dict)  # places of `{` and of their `}`
    resumed: int = 0  # the token at which the parse went on after the last error
    synced: bool = False  # by giving up the statement with the error
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
        openers=frozenset(tables.kinds[name] for name in CLOSER),
        closers=frozenset(tables.kinds[name] for name in CLOSER.values()),
    )


def run(parser: Parser, final: int, recover: Callable[[Parser], bool]) -> Any:
    """Take tokens up to the end; return the value, or None where ``recover`` gives up."""
    tables, kinds, states = parser.tables, parser.tokens.kinds, parser.states
    actions, gotos, rules = tables.actions, tables.gotos, tables.rules
    newline, end = tables.kinds["_NEWLINE"], tables.kinds[END]
    while True:
        kind = kinds[parser.at]
        if kind == newline and parser.brackets[-1].soft:
            parser.at += 1
            continue
        action = actions[states[-1]].get(kind)
        if action is None:
            if kind == end and states[-1] == final:
                return parser.symbols[-1][0]
            if not recover(parser):
                return None
        elif action >= 0:
            shift(parser, action, kind)
        elif rules[~action].unit:
            states.pop()
            states.append(gotos[states[-1]][rules[~action].origin])
        else:
            reduce(parser, rules[~action])


def shift(parser: Parser, state: int, kind: int) -> None:
    """Take the token that is looked at."""
    at = parser.at
    parser.states.append(state)
    parser.symbols.append((at, at, 0))
    parser.last = at
    parser.closed = None
    parser.at = at + 1
    if kind in parser.openers:
        opened(parser, parser.tables.kinds["_NEWLINE"] not in parser.tables.actions[state])
    elif kind in parser.closers:
        closed(parser)


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


def reduce(parser: Parser, rule: Rule) -> None:
    """Replace the symbols of a rule, on the top of the stack, by what they make."""
    states, symbols = parser.states, parser.symbols
    base = len(states) - rule.length
    parts = symbols[base:]
    first = parts[0][1] if parts else parser.at
    depth = rule.nests
    for part in parts:
        if part[2] + rule.nests > depth:
            depth = part[2] + rule.nests
    if depth > NESTING:
        raise TooDeep(first)
    values = chosen(parser, rule, parts)
    value: Any = values
    if rule.passes:
        value = values[0]
    elif rule.name in BUILDERS:
        tokens = parser.tokens
        start = tokens.starts[first]
        end = max(start, tokens.ends[parser.last]) if parts else start
        value = BUILDERS[rule.name](values, Span(source=parser.source, start=start, end=end))
    del states[base:], symbols[base:]
    states.append(parser.tables.gotos[states[-1]][rule.origin])
    symbols.append((value, first, depth))


def chosen(parser: Parser, rule: Rule, parts: list[Symbol]) -> list[Any]:
    """Return the values of those symbols of a rule that have one; tokens are their text."""
    values: list[Any] = []
    for offset, spliced in rule.keep:
        value = parts[offset][0]
        if not spliced:
            values.append(text(parser, value) if type(value) is int else value)
        elif values:
            values.extend(value)
        else:
            values = value  # nobody else holds it: a list grows in linear time
    return values


def text(parser: Parser, token: int) -> str:
    """Return the characters of a token; there are none behind the last."""
    if token >= len(parser.tokens.kinds):
        return ""
    return parser.source.text[parser.tokens.starts[token] : parser.tokens.ends[token]]
