"""Repairs of brackets: not closed, closed by the wrong one, closed without being open."""

from __future__ import annotations

from ofadsl.compiler.parse.driver import CLOSER, Bracket, Parser
from ofadsl.compiler.parse.lookahead import (
    after,
    anchor,
    closes_well,
    goes_on,
    indent,
    is_body,
    kind,
    same_line,
    starts_line,
    token_span,
)
from ofadsl.compiler.parse.skipping import (
    DECLARATIONS,
    OPENER,
    declares,
    insert,
    report,
    skip_ends,
    skip_statement,
    unwind,
)
from ofadsl.compiler.parse.tables import END
from ofadsl.diagnostics import Span

SIGN = {
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
}
Notes = tuple[tuple[Span, str], ...]


def unclosed_body(parser: Parser) -> bool:
    """Close all bodies where the text ends, or where a declaration begins inside them."""
    bodies = [b for b in parser.brackets[1:] if not b.soft]
    at = parser.at
    if kind(parser, at - 1) in DECLARATIONS:
        at -= 1  # it was taken as a name so far
    if not bodies or parser.brackets[-1].soft:
        return False
    if kind(parser, at) != END and not (declares(parser, at) and indent(parser, at) == 0):
        return False
    say_unclosed_body(parser, bodies)
    unwind(parser, anchor(parser, below=bodies[0].height))
    parser.at = at
    return True


def say_unclosed_body(parser: Parser, bodies: list[Bracket]) -> None:
    """Report the `{` that lacks its end: by the indentation, or else the innermost."""
    for bracket, closer in parser.closings:
        odd = indent(parser, closer) < indent(parser, bracket.token)
        if bracket.token > bodies[0].token and odd and starts_line(parser, closer):
            note = "this `}` closes it, but stands under an earlier line"
            say_unclosed(parser, bracket, ((token_span(parser, closer), note),))
            return
    others = ((token_span(parser, b.token), "this one is not closed either") for b in bodies[:-1])
    say_unclosed(parser, bodies[-1], tuple(others))


def say_unclosed(parser: Parser, bracket: Bracket, notes: Notes = ()) -> None:
    """Report a bracket that is not closed."""
    opener = kind(parser, bracket.token)
    report(
        parser,
        token_span(parser, bracket.token),
        f"this `{SIGN[opener]}` is not closed",
        code="OFA004",
        label=f"no `{SIGN[CLOSER[opener]]}` for it",
        notes=notes,
    )


def unmatched(parser: Parser) -> bool:
    """Drop a closing bracket that closes nothing."""
    name, inner = kind(parser, parser.at), parser.brackets[-1]
    if name not in OPENER or (inner.soft and inner.token >= 0):
        return False
    if name == "RBRACE" and inner.token >= 0:
        return False
    drop(parser)
    if parser.states[-1] in parser.tables.anchors:
        skip_ends(parser)
    return True


def drop(parser: Parser) -> None:
    """Report a closing bracket that closes nothing, and go on behind it."""
    name = kind(parser, parser.at)
    report(
        parser,
        token_span(parser, parser.at),
        f"this `{SIGN[name]}` closes nothing",
        code="OFA005",
        label=f"no `{SIGN[OPENER[name]]}` is open",
    )
    parser.at += 1


def mismatched(parser: Parser) -> bool:
    """Close a bracket that another kind of closing bracket meets."""
    at, inner = parser.at, parser.brackets[-1]
    name = kind(parser, at)
    if inner.token < 0 or not inner.soft or name not in OPENER:
        return False
    needed = CLOSER[kind(parser, inner.token)]
    if name == needed:
        return False
    following = [kind(parser, at + 1), kind(parser, at + 2)]
    outside = belongs_outside(parser, at, OPENER[name])
    meant = goes_on(parser, parser.states, [needed, *following[:1]])
    if not outside and not meant and goes_on(parser, parser.states, following):
        drop(parser)
        return True
    note = (token_span(parser, at), f"found `{SIGN[name]}` instead of `{SIGN[needed]}`")
    say_unclosed(parser, inner, (note,))
    if after(parser.tables, parser.states, needed) is None:
        skip_statement(parser, closed=True)
    elif outside:
        insert(parser, at, needed)
    else:
        parser.tokens.kinds[at] = parser.tables.kinds[needed]
    return True


def belongs_outside(parser: Parser, at: int, opener: str) -> bool:
    """Whether the closing bracket ``at`` closes one around the innermost, and is no slip."""
    for bracket in reversed(parser.brackets[1:-1]):
        if bracket.soft and kind(parser, bracket.token) == opener:
            return True
        if not bracket.soft:
            inner = parser.brackets[-1].token
            one_line = same_line(parser, bracket.token, at)
            return opener == "LBRACE" and (one_line or not same_line(parser, inner, at))
    return False


def unclosed_bracket(parser: Parser) -> bool:
    """Give up a statement whose brackets are still open where the next one begins."""
    at, inner = parser.at, parser.brackets[-1]
    if inner.token < 0 or not inner.soft:
        return False
    name = kind(parser, at)
    line = starts_line(parser, at) and name not in OPENER
    if not (
        name in {END, "SEMICOLON"}
        or (name == "LBRACE" and closes_well(parser, at) and is_body(parser, at))
        or (line and indent(parser, at) <= indent(parser, inner.token))
    ):
        return False
    say_unclosed(parser, inner)
    skip_statement(parser, closed=True)
    return True
