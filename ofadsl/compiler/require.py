"""What `require` narrows a space to.

A condition may name a dimension of a stage's blocks without saying which block: it then speaks of
each of them. It says nothing of what is not part of a subnet.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from ofadsl.compiler import syntax
from ofadsl.compiler.elaborate import Elaborator
from ofadsl.compiler.evaluate import Evaluator
from ofadsl.compiler.members import member_path
from ofadsl.compiler.scope import Place, Scope, StageRef
from ofadsl.expr import FALSE, TRUE, UNKNOWN, TooLargeError, Var
from ofadsl.space import Requirement, effective

MOST = 1 << 12
"""A requirement speaks of so many combinations of blocks."""


def requirements(elaborator: Elaborator) -> list[tuple[Requirement, syntax.Require]]:
    """Return every requirement of the space, one for each block that it speaks of."""
    evaluator = elaborator.evaluator
    evaluator.frozen = True
    result = []
    for statement, scope, place in elaborator.requirements:
        span = statement.condition.span
        for inner in _blocks(elaborator, statement, scope):
            condition = evaluator.truth(statement.condition, inner, place)
            if condition in (UNKNOWN, TRUE):
                continue
            if condition == FALSE:
                rule, help = "a requirement must be possible", _values(evaluator, statement, inner)
                evaluator.report.add("OFA051", rule, span, "this never holds", help)
                continue
            try:
                whole = effective(condition, evaluator.dims.by_name, place.when)
            except TooLargeError:
                rule, label = (
                    "a requirement speaks of too many dimensions",
                    "all of these, together",
                )
                evaluator.report.add("OFA053", rule, span, label)
                continue
            requirement = Requirement(text=span.text, condition=whole, said=condition)
            result.append((requirement, statement))
    return result


def _values(evaluator: Evaluator, statement: syntax.Require, scope: Scope) -> str:
    """Return what the dimensions that a condition speaks of can be."""
    lines = {}
    for part in syntax.walk(statement.condition):
        if isinstance(part, syntax.Member):
            meaning = evaluator.meaning(part, scope, Place(), "")
            if isinstance(meaning, Var):
                values = ", ".join(map(str, meaning.values[:8]))
                more = ", ..." if len(meaning.values) > 8 else ""
                lines[part.span.text] = f"`{part.span.text}` is one of {values}{more}"
    return "\n".join(lines.values())


def _blocks(elaborator: Elaborator, statement: syntax.Require, scope: Scope) -> Iterator[Scope]:
    """Yield a scope for each combination of blocks that the condition speaks of."""
    dims = elaborator.evaluator.dims
    spoken: dict[str, int] = {}
    for part in syntax.walk(statement.condition):
        path = member_path(part, scope) if isinstance(part, syntax.Member) else None
        if path is None or path[0].block is not None:
            continue
        stage, key = path[0].name, path[1]
        if not any(dim.key == key for dim in dims.of_stage(stage)):
            continue  # the beginning of a longer chain, or unknown
        if dims.in_stage(stage, None, key) is None:
            spoken[stage] = dims.blocks[stage]
    if math.prod(spoken.values()) > MOST:
        rule, label = "a requirement speaks of too many blocks", "all of these, each with each"
        span = statement.condition.span
        elaborator.evaluator.report.add("OFA053", rule, span, label, "say which: `s1[0].kernel`")
        return
    for blocks in itertools.product(*(range(count) for count in spoken.values())):
        inner = scope.inner()
        for stage, block in zip(spoken, blocks, strict=True):
            inner.bind(stage, StageRef(name=stage, block=block))
        yield inner
