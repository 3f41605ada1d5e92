"""From a source to its tokens; what is no token is reported here and replaced by what was meant.

The tokens themselves are declared in the grammar. Comments are kept aside, for the formatter.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ofadsl.compiler.parse.tables import BAD, END, Tables
from ofadsl.compiler.syntax import Comment
from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span

MISTAKES = 100  # more of them in one file say no more
TOKENS = 300_000  # 2,000 blocks of the usual size
NAME_LENGTH = 80
NUMBER_LENGTH = 40
LARGEST = 10**15  # below 2**53, so that every count is exact as a float too

# Tab, newline and carriage return apart; also what makes a text look different from what it says.
CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)"
)
NUMBER_TAIL = re.compile(r"(?:\.(?=\d))?\w+(?:\.\w+)*")
FOREIGN = re.compile(
    r"\w+|\"[^\n]*|'[^'\n]*'?|“[^”\n]*”?|[^\s\w(){}\[\]#;,:.\"+*/%<>=-]+|.", re.DOTALL
)

# What people write for a token of the language: the token, and how to say so.
MEANT = {
    "&&": ("AND", "write `and`"),
    "||": ("OR", "write `or`"),
    "!": ("NOT", "write `not`"),
    "\N{MINUS SIGN}": ("MINUS", "write the minus of the keyboard, `-`"),
    "\N{EN DASH}": ("MINUS", "write the minus of the keyboard, `-`"),
    "\N{MULTIPLICATION SIGN}": ("TIMES", "write `*`"),
    "\N{LESS-THAN OR EQUAL TO}": ("COMPARE", "write `<=`"),
    "\N{GREATER-THAN OR EQUAL TO}": ("COMPARE", "write `>=`"),
    "\N{NOT EQUAL TO}": ("COMPARE", "write `!=`"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Kinds and places, side by side; the lists are the parser's to mend while it recovers."""

    kinds: list[int]
    starts: list[int]
    ends: list[int]
    comments: tuple[Comment, ...]
    mistakes: list[Diagnostic]


def tokenize(source: Source, tables: Tables) -> Tokens:
    """Return the tokens of ``source``, the last of them the end of the text."""
    check_characters(source)
    text, match = source.text, tables.pattern.match
    kinds, literals, ignored = tables.kinds, tables.literals, tables.ignored
    name, number = kinds["NAME"], kinds["NUMBER"]
    tokens = Tokens(kinds=[], starts=[], ends=[], comments=(), mistakes=[])
    comments: list[Comment] = []
    position = 1 if text.startswith("\ufeff") else 0
    size = len(text)
    while position < size and len(tokens.mistakes) < MISTAKES:
        found = match(text, position)
        if found is None:
            position = foreign(source, position, tokens, kinds)
            continue
        start, position = position, found.end()
        terminal = found.lastgroup or ""
        if terminal in ignored:
            if terminal == "COMMENT":
                comments.append(Comment(span=place(source, start, position), text=found.group()))
            continue
        kind = kinds[terminal]
        if kind == name:
            kind = literals.get(found.group(), name)
            if position - start > NAME_LENGTH:
                tokens.mistakes.append(long_name(source, start, position))
        elif kind == number:
            position = check_number(source, start, position, tokens.mistakes)
        tokens.kinds.append(kind)
        tokens.starts.append(start)
        tokens.ends.append(position)
        if len(tokens.kinds) > TOKENS:
            raise Diagnostics([too_many(source, start)])
    tokens.kinds.append(kinds[END])
    tokens.starts.append(size)
    tokens.ends.append(size)
    return Tokens(
        kinds=tokens.kinds,
        starts=tokens.starts,
        ends=tokens.ends,
        comments=tuple(comments),
        mistakes=tokens.mistakes,
    )


def place(source: Source, start: int, end: int) -> Span:
    """Return the span of the characters ``start`` up to ``end``."""
    return Span(source=source, start=start, end=end)


def check_characters(source: Source) -> None:
    """Refuse a text with control characters: it is no text, or not what it looks like."""
    found = CONTROL.search(source.text)
    if found is None:
        return
    code = f"U+{ord(found.group()):04X}"
    raise Diagnostics(
        [
            Diagnostic(
                code="OFA011",
                message="the file holds a control character",
                span=place(source, found.start(), found.start() + 1),
                label=code if code != "U+000D" else "U+000D, a carriage return without a newline",
                help="remove it; a line ends with a newline, or with a carriage return and one",
            )
        ]
    )


def too_many(source: Source, start: int) -> Diagnostic:
    """Return the report of a file that would take too long to read."""
    return Diagnostic(
        code="OFA009",
        message=f"a file has at most {TOKENS:,} words and signs",
        span=place(source, start, start + 1),
        label="too many from here on",
        help="divide it: `import` brings in the blocks of other files",
    )


def long_name(source: Source, start: int, end: int) -> Diagnostic:
    """Return the report of a name that is too long to show or to generate."""
    return Diagnostic(
        code="OFA015",
        message=f"a name has at most {NAME_LENGTH} characters",
        span=place(source, start, end),
        label=f"it has {end - start}",
    )


def check_number(source: Source, start: int, end: int, mistakes: list[Diagnostic]) -> int:
    """Report a number that is malformed or too large; return where it ends."""
    tail = NUMBER_TAIL.match(source.text, end)
    if tail is not None:
        text = source.text[start : tail.end()]
        digits = text.replace("_", "")
        mistakes.append(
            Diagnostic(
                code="OFA006",
                message="a number is written in decimal digits, such as `128`, `0.5` or `1e-5`",
                span=place(source, start, tail.end()),
                label="not a number",
                help=f"write `{digits}`" if digits.isdecimal() and len(digits) < 16 else "",
            )
        )
        return tail.end()
    text = source.text[start:end]
    if len(text) > NUMBER_LENGTH:
        label = f"it has {len(text)} characters"
    elif number_value(text) > LARGEST:
        label = "too large"
    elif number_value(text) == 0 and any(c in "123456789" for c in text.lower().split("e")[0]):
        label = "too small, it would be 0"
    else:
        return end
    mistakes.append(
        Diagnostic(
            code="OFA007",
            message=f"a number is at most 1e15, in at most {NUMBER_LENGTH} characters",
            span=place(source, start, end),
            label=label,
        )
    )
    return end


def number_value(text: str) -> int | float:
    """Return the value of a number token: infinity where it is too long, 0 where it is none."""
    if len(text) > NUMBER_LENGTH:
        return math.inf
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return 0


def foreign(source: Source, start: int, tokens: Tokens, kinds: dict[str, int]) -> int:
    """Report the characters at ``start``, which begin no token, and return where they end."""
    found = FOREIGN.match(source.text, start)
    assert found is not None
    text = found.group()
    message, help, kind = "this is no character of the language", "", BAD
    label = " ".join(f"U+{ord(c):04X}" for c in text[:4]) if hidden(text) else ""
    meant = next((m for m in MEANT if text.startswith(m)), None)
    if text[0] == '"':
        message, label, kind = (
            'a text ends with `"` on the line it begins on',
            "not closed",
            "STRING",
        )
    elif text[0] in "'“":
        message, kind = 'a text stands between two `"`', "STRING"
    elif text[0].isalnum():
        message, kind = "a name is made of the letters a to z, digits and `_`", "NAME"
        start = unread(start, tokens, kinds)
    elif meant is not None:
        text = meant
        kind, help = MEANT[meant]
    end = max(start, found.start()) + len(text)
    span = place(source, start, end)
    code = "OFA003" if text[0] == '"' else "OFA002"
    tokens.mistakes.append(
        Diagnostic(code=code, message=message, span=span, label=label, help=help)
    )
    if not hidden(text):
        tokens.kinds.append(kinds[kind])
        tokens.starts.append(start)
        tokens.ends.append(end)
    return end


def hidden(text: str) -> bool:
    """Whether ``text`` cannot be seen, so that its code has to be shown."""
    return text.isspace() or not text.isprintable()


def unread(start: int, tokens: Tokens, kinds: dict[str, int]) -> int:
    """Take back a name that ends at ``start``, whose rest is foreign; return its start."""
    if not tokens.kinds or tokens.ends[-1] != start or tokens.kinds[-1] != kinds["NAME"]:
        return start
    tokens.kinds.pop()
    tokens.ends.pop()
    return tokens.starts.pop()
