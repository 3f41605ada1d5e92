"""What the parser says: from terminals of the grammar to the words of the language."""

from __future__ import annotations

from collections.abc import Iterable

from ofadsl.compiler.parse.driver import Parser, text
from ofadsl.compiler.parse.lookahead import kind

SHOWN = 40  # characters of what was found

# The words that show what is expected where many tokens are: the first that fits is said alone.
GROUPS = (
    ({"LET", "RESIDUAL"}, "a statement"),
    ({"NUMBER"}, "a value"),
    ({"LET", "BLOCK"}, "`block`, `space`, `schedule`, `import` or `let`"),
    ({"PHASE", "SEMICOLON", "RBRACE"}, "`phase`"),
)
ENDS = {"_NEWLINE", "SEMICOLON"}
OPERATORS = {"PLUS", "MINUS", "TIMES", "COMPARE", "AND", "OR"}
BROKEN_LINE = "an expression goes on in the next line only in brackets"
HELP_EQUAL = "a value is named by `let x = ...`, an operation by `x: conv(...)`"
PUNCTUATION = {
    "COLON": "`:`",
    "EQUAL": "`=`",
    "COMMA": "`,`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "WHEN": "`when`",
    "DEPTH": "`depth`",
    "ONEOF": "`oneof`",
    "ELSE": "`else`",
    "EPOCHS": "`epochs`",
    "STRING": 'a text such as `"blocks.ofa"`',
}


def expected(accepted: set[str]) -> str:
    """Return what may stand where ``accepted`` are the terminals that can go on."""
    for terminals, known in GROUPS:
        if terminals <= accepted:
            return known
    words = []
    if "NAME" in accepted:
        # A name can be any word; a callee cannot be one that begins a statement.
        words.append("a name" if "INPUT" in accepted else "an operation")
    hidden = hidden_words(accepted)
    words += [w for t, w in PUNCTUATION.items() if t in accepted and t not in hidden]
    if accepted & ENDS:
        words.append("the end of the statement")
    elif "$END" in accepted:
        words.append("the end")
    return either(words or ["something else"])


def hidden_words(accepted: set[str]) -> set[str]:
    """Return the terminals that could go on, but are not what is missing."""
    hidden: set[str] = set()
    if "NAME" in accepted:
        hidden |= {"WHEN", "DEPTH", "ONEOF", "EPOCHS"}
    if "PLUS" in accepted:
        hidden |= {"COLON", "LPAR", "EQUAL"}
    if accepted & ENDS:
        hidden |= {"ELSE", "RBRACE"}
    return hidden


def either(words: Iterable[str]) -> str:
    """Return ``a, b or c``."""
    *front, last = words
    return f"{', '.join(front)} or {last}" if front else last


def found(parser: Parser, at: int) -> str:
    """Return what stands at a token, as a person would name it."""
    name = kind(parser, at)
    if name == "_NEWLINE":
        return "the end of the line"
    if name == "$END":
        return "the end of the file"
    shown = text(parser, at)
    return f"`{shown}`" if len(shown) <= SHOWN else f"`{shown[:SHOWN]}...`"


def advice(parser: Parser, can: set[str]) -> str:
    """Return the repair of an error that was met before, or nothing."""
    statement, value = {"LET", "RESIDUAL"} <= can, "NUMBER" in can
    name, shown = kind(parser, parser.at), text(parser, parser.at)
    facts = (
        (name == "EQUAL" and "COLON" in can, HELP_EQUAL),
        (name == "EQUAL" and text(parser, parser.at + 1) == ">", "write `>=`"),
        (name == "ELSE" and statement, "`else` stands on the line of the `}` before it"),
        (name == "LBRACE" and statement, "`{` stands on the line of what it belongs to"),
        (shown == "//" and (statement or bool(can & ENDS)), "a comment begins with `#`"),
        (shown == "*" and value, "there is no power; write `x * x`"),
        (statement and name in OPERATORS, BROKEN_LINE),
        (can == {"COLON"}, "an option is written `name: conv(8)`"),
        (name == "RESIDUAL" and "ONEOF" in can, "only an operation and `oneof` have a label"),
    )
    help = next((text for holds, text in facts if holds), "")
    return help or advice_on_numbers(parser, can) or advice_on_words(parser, can)


def advice_on_numbers(parser: Parser, can: set[str]) -> str:
    """Return the repair of `1.` and `.5`."""
    at = parser.at
    if kind(parser, at - 1) == "DOT" and kind(parser, at - 2) == "NUMBER":
        return f"write `{text(parser, at - 2)}.0`"
    if kind(parser, at) == "DOT" and kind(parser, at + 1) == "NUMBER" and "NUMBER" in can:
        return f"write `0.{text(parser, at + 1)}`"
    return ""


def advice_on_words(parser: Parser, can: set[str]) -> str:
    """Return the repair of a name that the language keeps for itself."""
    shown = text(parser, parser.at)
    if shown not in parser.tables.literals or not shown.isalpha():
        return ""
    if "NAME" not in can or can & {"NUMBER", "LET"}:
        return ""
    return f"`{shown}` is a word of the language; choose another name"
