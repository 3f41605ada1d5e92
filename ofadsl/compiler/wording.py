"""What the parser says: from terminals of the grammar to the words of the language."""

from __future__ import annotations

from collections.abc import Iterable

from ofadsl.compiler.driver import Parser, text
from ofadsl.compiler.lookahead import kind

SHOWN = 40  # characters of what was found

# The words that show what is expected where many tokens are: the first that fits is said alone.
GROUPS = (
    ({"LET", "RESIDUAL"}, "a statement"),
    ({"NUMBER"}, "a value"),
    ({"LET", "BLOCK"}, "`block`, `space`, `import` or `let`"),
)
ENDS = {"_NEWLINE", "SEMICOLON"}
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
    "STRING": 'a text such as `"blocks.ofa"`',
}
AFTER_A_VALUE = {"COLON", "LPAR", "EQUAL"}  # what may follow a value, but is not what is missing


def expected(accepted: set[str]) -> str:
    """Return what may stand where ``accepted`` are the terminals that can go on."""
    for terminals, words in GROUPS:
        if terminals <= accepted:
            return words
    hidden: set[str] = set()
    if "NAME" in accepted:
        hidden |= {"WHEN", "DEPTH", "ONEOF"}
    if "PLUS" in accepted and accepted & {*ENDS, "COMMA", "RPAR", "RBRACE"}:
        hidden |= AFTER_A_VALUE
    if accepted & ENDS:
        hidden |= {"ELSE", "RBRACE"}
    words = ["a name"] if "NAME" in accepted else []
    words += [w for t, w in PUNCTUATION.items() if t in accepted and t not in hidden]
    if accepted & ENDS:
        words.append("the end of the statement")
    elif "$END" in accepted:
        words.append("the end")
    return either(words)


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
        return "the end of the text"
    shown = text(parser, at)
    return f"`{shown}`" if len(shown) <= SHOWN else f"`{shown[:SHOWN]}...`"


def advice(parser: Parser, can: set[str]) -> str:
    """Return the repair of an error that was met before, or nothing."""
    at = parser.at
    name, before = kind(parser, at), kind(parser, at - 1)
    shown = text(parser, at) if name != "$END" else ""
    statement = {"LET", "RESIDUAL"} <= can
    if before == "DOT" and kind(parser, at - 2) == "NUMBER":
        return f"write `{text(parser, at - 2)}.0`"
    if name == "DOT" and kind(parser, at + 1) == "NUMBER" and "NUMBER" in can:
        return f"write `0.{text(parser, at + 1)}`"
    if shown == "//" and (statement or can & ENDS):
        return "a comment begins with `#`"
    if shown == "*" and before == "TIMES":
        return "there is no power; write `x * x`"
    if name == "EQUAL" and can & ENDS:
        return "a value is named by `let x = ...`, an operation by `x: conv(...)`"
    if name == "COMPARE" and "AND" in can:
        return "comparisons do not chain; write `a < b and b < c`"
    if name == "ELSE" and statement:
        return "`else` stands on the line of the `}` before it"
    if name == "LBRACE" and statement:
        return "`{` stands on the line of what it belongs to"
    if name == "_NEWLINE" and "NUMBER" in can:
        return "an expression goes on in the next line only inside of brackets"
    if shown.isalpha() and name != "NAME" and "NAME" in can and "NUMBER" not in can:
        return f"`{shown}` is a word of the language; choose another name"
    return ""
