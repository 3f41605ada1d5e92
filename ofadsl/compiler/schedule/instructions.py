"""The words of a phase and the values that they take; an instruction is added here and in `draft`.

The grammar knows a word and a value; which words there are is said here alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ofadsl.compiler import syntax
from ofadsl.expr import LARGEST, Value

MOST_EPOCHS = 10**6
MOST_SUBNETS = 64
"""More subnets in a step than this are a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What an instruction takes, in words, and whether a value is such a one."""

    what: str
    accepts: Callable[[Value], bool]
    words: tuple[str, ...] = ()


def number(low: float, high: float = float("inf"), *, whole: bool = False) -> Takes:
    """Return the rule of numbers from ``low`` to ``high``; an open end is not said."""
    name = "whole number" if whole else "number"
    end = f"from {low} to {high}" if high < float("inf") else f"of at least {low}"

    def accepts(value: Value) -> bool:
        right = isinstance(value, int) if whole else isinstance(value, int | float)
        return right and not isinstance(value, bool | str) and low <= value <= high

    return Takes(what=f"a {name} {end}", accepts=accepts)


def positive(high: float = float("inf")) -> Takes:
    """Return the rule of numbers above 0."""
    end = "" if high == float("inf") else f", at most {high}"

    def accepts(value: Value) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= high

    return Takes(what=f"a number above 0{end}", accepts=accepts)


def words(*known: str) -> Takes:
    """Return the rule of a few words."""
    *front, last = (f"`{word}`" for word in known)
    what = f"{', '.join(front)} or {last}" if front else last
    return Takes(what=what, accepts=lambda value: value in known, words=known)


def is_word(expr: syntax.Expression, takes: Takes) -> bool:
    """Return whether a value is written as one of a few words, be it known or not."""
    return bool(takes.words) and isinstance(expr, syntax.Name)


SAMPLERS: dict[str, Takes | None] = {
    "sample": number(1, MOST_SUBNETS, whole=True),
    "sandwich": number(0, MOST_SUBNETS, whole=True),
    "largest": None,
    "smallest": None,
    "fixed": None,
}
"""Which subnets a step trains; a phase has one of these."""

SETTINGS: dict[str, Takes | None] = {
    "learning_rate": positive(),
    "rate_scale": positive(),
    "warmup": number(0),
    "decay": words("cosine", "constant"),
    "sort": words("channels"),
}

INSTRUCTIONS = SAMPLERS | SETTINGS
"""Every instruction of one word, with what it takes; None where that is nothing."""

EPOCHS = positive(MOST_EPOCHS)
HOW_MANY = number(1, 256, whole=True)
ANY_NUMBER = Takes(what="a number", accepts=number(-LARGEST, LARGEST).accepts)
TEACHERS = words("largest", "in_place")
DISTIL = {"loss": words("kl", "mse", "alpha"), "ratio": positive()}
_TAKES = (*INSTRUCTIONS.values(), *DISTIL.values())
WORDS = frozenset(word for takes in _TAKES if takes is not None for word in takes.words)
"""Values that stand for themselves in a schedule."""
