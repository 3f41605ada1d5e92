"""Expressions over the dimensions of a space: numbers that depend on choices.

In: constants, variables (a variable takes one of a few values), operators. Out: three readings of
the same expression: ``upper`` says how much to allocate, ``evaluate`` what a given arch needs,
``source`` the Python text for generated code. The names below are all imported from here.
"""

from ofadsl.expr.arithmetic import FUNCTIONS, LARGEST, TooLargeError, Value, divisible
from ofadsl.expr.building import DEEPEST, bounded, conjunction, negate, select
from ofadsl.expr.nodes import (
    FALSE,
    TRUE,
    UNKNOWN,
    Apply,
    Const,
    Expr,
    Var,
    apply,
    combinations,
    const,
    static,
)
from ofadsl.expr.readings import assignments, evaluate, source, tabulate, upper

__all__ = [
    "DEEPEST",
    "FALSE",
    "FUNCTIONS",
    "LARGEST",
    "TRUE",
    "UNKNOWN",
    "Apply",
    "Const",
    "Expr",
    "TooLargeError",
    "Value",
    "Var",
    "apply",
    "assignments",
    "bounded",
    "combinations",
    "conjunction",
    "const",
    "divisible",
    "evaluate",
    "negate",
    "select",
    "source",
    "static",
    "tabulate",
    "upper",
]
