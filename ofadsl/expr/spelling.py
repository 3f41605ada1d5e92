"""How operators are written: one table of precedence, and what joins texts by it.

In: the texts of the operands, each with its precedence. Out: the same for the whole, with
parentheses only where they are needed. Whatever puts texts of expressions together, in generated
Python or in the language itself, does it here: Python and the language bind alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ofadsl.expr.arithmetic import FUNCTIONS, Value


class Code(NamedTuple):
    """The text of an expression, and its precedence: the higher, the tighter it binds."""

    text: str
    precedence: int

    def within(self, least: int) -> str:
        """Return the text, in parentheses where it binds less than ``least``."""
        return self.text if self.precedence >= least else f"({self.text})"


LOOSEST, IF, OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, ATOM = range(10)

PRECEDENCE = {"if": IF, "or": OR, "and": AND, "not": NOT, "neg": SIGN, "+": SUM, "-": SUM}
PRECEDENCE |= dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), COMPARISON)
PRECEDENCE |= dict.fromkeys(("*", "/", "//", "%"), PRODUCT)


def atom(text: str) -> Code:
    """Return a name, a call or whatever else never needs parentheses."""
    return Code(text, ATOM)


def spelt_value(value: Value) -> Code:
    """Return a literal."""
    text = repr(value)
    return Code(text, SIGN if text.startswith("-") else ATOM)


def operands(op: str) -> tuple[int, int]:
    """Return how tightly the first operand of an operator and the later ones have to bind.

    Operators lean to the left; comparisons do not chain.
    """
    own = PRECEDENCE[op]
    return own + (own == COMPARISON), own + 1


def joined(op: str, parts: Sequence[Code]) -> Code:
    """Return ``op`` of its operands; those of ``if`` are the condition and the two ways."""
    if op in FUNCTIONS:
        return atom(f"{op}({', '.join(part.text for part in parts)})")
    own = PRECEDENCE[op]
    if op == "if":
        condition, then, orelse = parts
        text = f"{then.within(OR)} if {condition.within(OR)} else {orelse.within(IF)}"
        return Code(text, own)
    first, *rest = parts
    if op in ("not", "neg"):
        return Code(f"{'not ' if op == 'not' else '-'}{first.within(own)}", own)
    least, later = operands(op)
    text = first.within(least)
    return Code(text + "".join(f" {op} {part.within(later)}" for part in rest), own)
