"""How operators are written in Python: where parentheses stand, and where none need to.

In: the texts of the operands, each with how tightly it binds. Out: the same for the whole.
"""

from __future__ import annotations

from ofadsl.expr.arithmetic import FUNCTIONS, Value

Spelling = tuple[str, int]
"""A text, and its precedence: the higher, the tighter it binds."""

_PRECEDENCE = {"if": 1, "or": 2, "and": 3, "not": 4, "+": 6, "-": 6, "neg": 8}
_PRECEDENCE |= dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 5)
_PRECEDENCE |= dict.fromkeys(("*", "/", "//", "%"), 7)
ATOM = 9


def spelt_value(value: Value) -> Spelling:
    """Return a literal."""
    text = repr(value)
    return text, _PRECEDENCE["neg"] if text.startswith("-") else ATOM


def spelt(op: str, parts: list[Spelling]) -> Spelling:
    """Return ``op`` of its operands."""
    own = _PRECEDENCE.get(op, ATOM)
    return _text(op, own, parts), own


def _text(op: str, own: int, parts: list[Spelling]) -> str:
    first, *rest = parts
    if op == "if":
        then, orelse = rest
        return f"{_part(then, 2)} if {_part(first, 2)} else {_part(orelse, 1)}"
    if op in FUNCTIONS:
        return f"{op}({', '.join(text for text, _ in parts)})"
    if op in ("not", "neg"):
        return f"{'not ' if op == 'not' else '-'}{_part(first, own)}"
    last = rest[0]
    if op == "+" and last[0].startswith("-") and last[0][1:].isdigit():
        op, last = "-", (last[0][1:], ATOM)
    if own == _PRECEDENCE["=="]:  # comparisons do not chain
        return f"{_part(first, own + 1)} {op} {_part(last, own + 1)}"
    return f"{_part(first, own)} {op} {_part(last, own + 1)}"


def _part(part: Spelling, least: int) -> str:
    text, precedence = part
    return text if precedence >= least else f"({text})"
