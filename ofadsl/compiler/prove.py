"""Prove that a condition holds for every choice, or find choices for which it does not.

In: a condition, what is known to hold where it stands, the requirements of the space. The proof
is by trying all combinations of the dimensions that the condition depends on: nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ofadsl.expr import (
    TRUE,
    UNKNOWN,
    Apply,
    Expr,
    Value,
    Var,
    assignments,
    combinations,
    evaluate,
)

LIMIT = 1 << 17
"""A condition on more combinations than this is not tried."""


class UnprovableError(ValueError):
    """A condition depends on too many dimensions together."""


def counterexample(
    condition: Expr, when: Expr, given: Iterable[Expr]
) -> Mapping[str, Value] | None:
    """Return choices that meet ``when`` and ``given`` but not ``condition``, or None."""
    if condition == TRUE or condition is UNKNOWN:
        return None
    if isinstance(condition, Apply) and condition.op == "and":
        return counterexample(condition.args[0], when, given) or counterexample(
            condition.args[1], when, given
        )
    variables = {var.name: var for var in condition.support}
    if combinations(variables.values()) > LIMIT:
        raise UnprovableError(", ".join(variables))
    facts = [when, *given]
    for fact in facts:  # knowing less is sound, only weaker
        if fact is not when and variables.keys().isdisjoint(v.name for v in fact.support):
            continue
        wider = variables | {var.name: var for var in fact.support}
        if combinations(wider.values()) <= LIMIT:
            variables = wider
    known = [f for f in facts if f != TRUE and all(v.name in variables for v in f.support)]
    for env in assignments(_ordered(variables)):
        if all(evaluate(fact, env) for fact in known) and not evaluate(condition, env):
            return env
    return None


def _ordered(variables: Mapping[str, Var]) -> list[Var]:
    return [variables[name] for name in sorted(variables)]
