"""What to do with a syntax error: report it once, mend what can be mended, go on.

Each repair looks at the parser, which stands before a token that it cannot take. One that knows
the mistake reports it and edits the tokens or the stack so that the parse goes on as if the text
had been right; the others leave it alone. The last repair gives up the statement.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from ofadsl.compiler.parse.brackets import (
    Notes,
    mismatched,
    unclosed_body,
    unclosed_bracket,
    unmatched,
)
from ofadsl.compiler.parse.driver import Parser, reduce, text
from ofadsl.compiler.parse.lookahead import (
    accepted,
    after,
    anchor,
    first_token,
    goes_on,
    indent,
    kind,
    token_span,
)
from ofadsl.compiler.parse.skipping import DECLARATIONS, insert, report, skip_statement, unwind
from ofadsl.compiler.parse.tables import BAD, END
from ofadsl.compiler.parse.tokens import MISTAKES
from ofadsl.compiler.parse.wording import BROKEN_LINE, advice, expected, found

Repair = Callable[[Parser], bool]
SOON = 2  # tokens without an error, before a new one is believed
ALIKE = 0.7  # of difflib's ratio, for a misspelt word


def recover(parser: Parser) -> bool:
    """Report and mend the error at the token that is looked at; False where nothing is left."""
    stuck = parser.errors[-3:] == [parser.at] * 3
    parser.errors.append(parser.at)
    if stuck or len(parser.mistakes) >= MISTAKES:
        return False
    settle(parser)
    parser.synced = False
    for repair in REPAIRS:
        if repair(parser):
            break
    parser.resumed = parser.at - (SOON + 1 if parser.synced else 0)
    over = kind(parser, parser.at) == END and parser.at in parser.errors
    return not over and anchor(parser) > 0  # an expression alone has nothing to go on with


def settle(parser: Parser) -> None:
    """Reduce what is complete, whatever comes next: a body, the newlines before a statement."""
    tables = parser.tables
    while len(moves := set(tables.actions[parser.states[-1]].values())) == 1 and max(moves) < 0:
        reduce(parser, tables.rules[~moves.pop()])
    for token in (tables.kinds["LET"], tables.kinds["NAME"]):
        while (action := tables.actions[parser.states[-1]].get(token, 0)) < 0:
            reduce(parser, tables.rules[~action])


def reported(parser: Parser) -> bool:
    """Skip what is a consequence of a mistake that is known already."""
    start = parser.tokens.starts[parser.at]
    known = kind(parser, parser.at) == BAD or any(
        mistake.span is not None and mistake.span.start == start
        for mistake in parser.tokens.mistakes
    )
    if not known and not (parser.closed and parser.closed.stand_in) and not too_soon(parser):
        return False
    skip_statement(parser)
    return True


def too_soon(parser: Parser) -> bool:
    """Whether the last mistake was reported on this line, hardly a token ago."""
    last = parser.mistakes[-1].span if parser.mistakes else None
    if last is None or parser.at - parser.resumed > SOON or kind(parser, parser.at) == END:
        return False
    start = parser.tokens.starts[parser.at]
    return last.start < start and "\n" not in parser.source.text[last.start : start]


def misspelt(parser: Parser) -> bool:
    """Read a name that is nearly a word of the language as that word."""
    at = parser.at
    if kind(parser, at) == "NAME" and misspelt_at(parser, at, len(parser.states)):
        return True
    # `stge s1 depth 2 {`: a call of `stge` so far, and the error comes one token later.
    height = anchor(parser)
    before = at - 1
    if kind(parser, before) != "NAME" or first_token(parser, height) > before:
        return False
    base = max(i for i, (_, first, _) in enumerate(parser.symbols) if first <= before)
    begins = base >= max(height, 1) and parser.symbols[base][1] == before
    return begins and misspelt_at(parser, before, base)


def misspelt_at(parser: Parser, at: int, height: int) -> bool:
    """Read the token ``at``, which comes after ``height`` symbols, as the word it is like."""
    states = parser.states[:height]
    tables = parser.tables
    words = {
        word: tables.terminals[token]
        for word, token in tables.literals.items()
        if word.isalpha() and after(tables, states, tables.terminals[token]) is not None
    }
    near = difflib.get_close_matches(text(parser, at), words, n=1, cutoff=ALIKE)
    if not near or not goes_on(parser, states, [words[near[0]], kind(parser, at + 1)]):
        return False
    report(
        parser,
        token_span(parser, at),
        f"expected {expected(accepted(tables, states))}",
        label=f"found `{text(parser, at)}`",
        help=f"did you mean `{near[0]}`?",
    )
    unwind(parser, height)
    parser.tokens.kinds[at] = tables.kinds[words[near[0]]]
    parser.at = at
    return True


def confused(parser: Parser) -> bool:
    """Read `=` as `:` or `==`, and `:` as `=`, where only the other can stand."""
    at, can = parser.at, accepted(parser.tables, parser.states)
    name = kind(parser, at)
    if name == "EQUAL" and "COLON" in can:
        meant, help = "COLON", "did you mean `:`? an argument is written `name: value`"
        if len(parser.states) == anchor(parser) + 1:
            return False  # `x = ...`: a statement, which a `:` would not save
    elif name == "EQUAL" and "COMPARE" in can:
        meant, help = "COMPARE", "did you mean `==`?"
    elif name == "COLON" and "EQUAL" in can:
        meant, help = "EQUAL", "did you mean `=`?"
    else:
        return False
    if not goes_on(parser, parser.states, [meant, kind(parser, at + 1)]):
        return False
    say_expected(parser, help)
    parser.tokens.kinds[at] = parser.tables.kinds[meant]
    return True


def broken_line(parser: Parser) -> bool:
    """Go on with an expression that goes on in the next line, though it is in no brackets."""
    at = parser.at
    if kind(parser, at) != "_NEWLINE" or "NUMBER" not in accepted(parser.tables, parser.states):
        return False
    height = anchor(parser)
    if after(parser.tables, parser.states[:height], kind(parser, at + 1)) is not None:
        deeper = indent(parser, at + 1) > indent(parser, first_token(parser, height))
        if not deeper:
            return False
    if not goes_on(parser, parser.states, [kind(parser, at + 1)]):
        return False
    say_expected(parser, BROKEN_LINE)
    parser.at += 1
    return True


def missing_body(parser: Parser) -> bool:
    """Go on with a body whose `{` is missing, or stands on the next line."""
    at, can = parser.at, accepted(parser.tables, parser.states)
    if kind(parser, at) != "_NEWLINE" or "LBRACE" not in can or "NUMBER" in can:
        return False
    if kind(parser, at + 1) == "LBRACE":
        say_expected(parser, "`{` stands on the line of what it belongs to")
        parser.at += 1
        return True
    if kind(parser, at - 1) == "RBRACE" or kind(parser, at + 1) == END:
        return False
    if indent(parser, at + 1) <= indent(parser, first_token(parser, anchor(parser))):
        return False
    say_expected(parser, "")
    insert(parser, at, "LBRACE")
    return True


def misplaced(parser: Parser) -> bool:
    """Skip a declaration inside of a body, where its first word was taken as a label."""
    at = parser.at - 1
    height = anchor(parser)
    if kind(parser, at) not in DECLARATIONS or first_token(parser, height) != at:
        return False
    if parser.tables.anchors.get(parser.states[height - 1]) == "item":
        return False
    report(
        parser,
        token_span(parser, at),
        "expected a statement",
        label=f"found {found(parser, at)}",
        help=f"`{text(parser, at)}` stands outside of blocks and spaces",
    )
    skip_statement(parser)
    return True


def chained(parser: Parser) -> bool:
    """Give up a condition such as `a < b < c`."""
    at = parser.at
    if kind(parser, at) != "COMPARE" or "AND" not in accepted(parser.tables, parser.states):
        return False
    report(
        parser,
        token_span(parser, at),
        "comparisons do not chain",
        code="OFA014",
        label="a second comparison",
        help="write `a < b and b < c`",
    )
    skip_statement(parser)
    return True


def abandoned(parser: Parser) -> bool:
    """Say what was expected, and give up the statement."""
    can = accepted(parser.tables, parser.states)
    notes: Notes = ()
    outside = {"LET", "BLOCK"} <= can and "RESIDUAL" not in can
    if outside and parser.closings and indent(parser, parser.at) > 0:
        notes = ((token_span(parser, parser.closings[-1][1]), "the last body ends here"),)
    say_expected(parser, advice(parser, can), notes)
    skip_statement(parser)
    return True


def say_expected(parser: Parser, help: str, notes: Notes = ()) -> None:
    """Report what was expected and what was found at the token that is looked at."""
    at = parser.at
    report(
        parser,
        token_span(parser, at),
        f"expected {expected(accepted(parser.tables, parser.states))}",
        label=f"found {found(parser, at)}",
        help=help,
        notes=notes,
    )


REPAIRS: tuple[Repair, ...] = (
    reported,
    unclosed_body,
    unmatched,
    mismatched,
    unclosed_bracket,
    misplaced,
    misspelt,
    confused,
    broken_line,
    missing_body,
    chained,
    abandoned,
)
