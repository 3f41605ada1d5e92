"""Giving up a statement: unwind the stack to where it began, skip the tokens to where it ends."""

from __future__ import annotations

from ofadsl.compiler.parse.driver import CLOSER, Parser
from ofadsl.compiler.parse.lookahead import (
    anchor,
    closes_well,
    first_token,
    indent,
    is_body,
    kind,
    starts_line,
)
from ofadsl.compiler.parse.tables import END
from ofadsl.compiler.syntax import BlockDecl, ScheduleDecl, SpaceDecl
from ofadsl.diagnostics import Diagnostic, Span

OPENER = {closer: opener for opener, closer in CLOSER.items()}
ENDS = ("_NEWLINE", "SEMICOLON")
DECLARATIONS = ("BLOCK", "SPACE", "SCHEDULE", "IMPORT")

# What to put before a `{` so that its body is read, though its statement is given up.
STAND_INS = {
    "item": ("BLOCK", "NAME"),
    "statement": ("RESIDUAL",),
    "option": ("NAME", "COLON"),
    "phase": ("PHASE", "NAME", "EPOCHS", "NAME"),
}


def report(
    parser: Parser,
    span: Span,
    message: str,
    *,
    code: str = "OFA001",
    label: str = "",
    help: str = "",
    notes: tuple[tuple[Span, str], ...] = (),
) -> None:
    """Add a mistake to those of the parser."""
    parser.mistakes.append(
        Diagnostic(code=code, message=message, span=span, label=label, help=help, notes=notes)
    )


def unwind(parser: Parser, height: int) -> None:
    """Drop what stands on the stack above ``height``, and the brackets opened there."""
    del parser.states[height:], parser.symbols[height:]
    while len(parser.brackets) > 1 and parser.brackets[-1].height >= height:
        parser.brackets.pop()


def insert(parser: Parser, at: int, *terminals: str) -> None:
    """Put tokens of no characters before the token ``at``."""
    tokens = parser.tokens
    tokens.kinds[at:at] = [parser.tables.kinds[terminal] for terminal in terminals]
    tokens.ends[at:at] = [tokens.starts[at]] * len(terminals)
    tokens.starts[at:at] = [tokens.starts[at]] * len(terminals)


def skip_statement(parser: Parser, *, closed: bool = False) -> None:
    """Give up the innermost statement; ``closed`` where its brackets are known to have no end."""
    parser.synced = True
    height = anchor(parser)
    if height == 0:
        parser.at = len(parser.tokens.kinds) - 1
        return
    where = parser.tables.anchors[parser.states[height - 1]]
    first = first_token(parser, height)
    opened = [kind(parser, b.token) for b in parser.brackets[1:] if b.height >= height]
    whole = isinstance(parser.symbols[-1][0], BlockDecl | SpaceDecl | ScheduleDecl)
    unwind(parser, height)
    if closed and starts_line(parser, parser.at):
        return
    if where == "item" and (whole or kind(parser, first) not in DECLARATIONS):
        skip_to_declaration(parser)
    else:
        skip(parser, first, where, [] if closed else opened)


def skip_to_declaration(parser: Parser) -> None:
    """Skip all that is no part of a file, up to a line that looks like one."""
    parser.at += kind(parser, parser.at) != END
    while kind(parser, parser.at) != END and not declares(parser, parser.at):
        parser.at += 1


def declares(parser: Parser, at: int) -> bool:
    """Whether a block, a space, a schedule, an import or a let of the file begins at a token."""
    if not starts_line(parser, at):
        return False
    if kind(parser, at) in DECLARATIONS:
        return kind(parser, at + 1) in {"NAME", "STRING"}
    return kind(parser, at) == "LET" and indent(parser, at) == 0


def skip(parser: Parser, first: int, where: str, opened: list[str]) -> None:
    """Skip to the end of the statement that began at ``first``, or to the body in it."""
    margin = indent(parser, first)
    while kind(parser, parser.at) != END:
        at, name = parser.at, kind(parser, parser.at)
        if starts_line(parser, at) and at > first and resumes(parser, at, margin, opened):
            return
        well = name != "LBRACE" or bool(opened) or closes_well(parser, at)
        inner = name == "LBRACE" and not opened and has_body(parser, first, where)
        if inner and well and is_body(parser, at):
            stand_in(parser, first, where)
            return
        if ends(name, opened):
            go_on(parser, where)
            return
        if name in CLOSER and well:
            opened.append(name)
        elif name in OPENER and OPENER[name] in opened:
            while opened.pop() != OPENER[name]:
                pass
        parser.at += 1


def has_body(parser: Parser, first: int, where: str) -> bool:
    """Whether what began at ``first`` can have a body whose statements are worth reading."""
    misplaced = where != "item" and kind(parser, first) == "SCHEDULE"
    return where in STAND_INS and not misplaced


def ends(name: str, opened: list[str]) -> bool:
    """Whether a statement ends at a token, with those brackets open."""
    if "LBRACE" in opened:
        return False
    return name in {"RBRACE", "SEMICOLON"} or (name == "_NEWLINE" and not opened)


def go_on(parser: Parser, where: str) -> None:
    """Go to where the next statement, item or option begins."""
    if where == "item":
        skip_to_declaration(parser)
    elif kind(parser, parser.at) != "RBRACE":
        skip_ends(parser)


def resumes(parser: Parser, at: int, margin: int, opened: list[str]) -> bool:
    """Whether something new begins at a token that begins a line, open brackets or not."""
    if declares(parser, at) and indent(parser, at) == 0:
        return True
    return bool(opened) and kind(parser, at) not in OPENER and indent(parser, at) <= margin


def skip_ends(parser: Parser) -> None:
    """Skip newlines and semicolons."""
    while kind(parser, parser.at) in ENDS:
        parser.at += 1


def stand_in(parser: Parser, first: int, where: str) -> None:
    """Put before the `{` at hand what makes it the body of some statement."""
    at = parser.at
    names = STAND_INS[where]
    if where == "statement" and "ONEOF" in {kind(parser, i) for i in range(first, at)}:
        names = ("ONEOF",)
    elif kind(parser, first) == "SCHEDULE":
        names = ("SCHEDULE", "NAME")
    insert(parser, at, *names)
    parser.stand_ins.add(at + len(names))
