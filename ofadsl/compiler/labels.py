"""Names for the parts of a body: what a checkpoint calls its tensors.

A call that has no label is named after the labelled one before it and its op, as `expand_bn`;
without one before it, after its op. The names follow from the text alone, so that a part keeps
its name in every copy, whichever ways of an `if` are taken. An option of a `oneof` gives its name
to the one call that it holds, or stands before the names of several.
"""

from __future__ import annotations

from collections.abc import Iterator

from ofadsl.compiler import syntax

Body = tuple[syntax.Statement, ...]
Named = syntax.Call | syntax.OneOf


def labels(body: Body) -> dict[int, str]:
    """Return a name for each call and `oneof` of a body, by the identity of the statement."""
    result: dict[int, str] = {}
    taken: set[str] = set()
    unnamed: list[tuple[Named, str]] = []
    last = ""
    for part, given, prefix in _parts(body, ""):
        if given:
            last = given
            taken.add(given)
            result[id(part)] = given
            continue
        own = part.callee.text if isinstance(part, syntax.Call) else "op"
        unnamed.append(
            (part, f"{last}_{own}" if last.startswith(prefix) and last else prefix + own)
        )
    for part, base in unnamed:
        name, number = base, 2
        while name in taken:
            name = f"{base}_{number}"
            number += 1
        taken.add(name)
        result[id(part)] = name
    return result


def _parts(body: Body, prefix: str) -> Iterator[tuple[Named, str, str]]:
    """Yield each part with the name it is given, if any, and what stands before its name."""
    for statement in body:
        match statement:
            case syntax.Call() | syntax.OneOf():
                yield statement, prefix + statement.label.text if statement.label else "", prefix
                if isinstance(statement, syntax.OneOf):
                    for option in statement.options:
                        yield from _option(option, prefix)
            case syntax.If(then=then, orelse=orelse):
                yield from _parts(then, prefix)
                yield from _parts(orelse, prefix)
            case syntax.Residual(body=inner):
                yield from _parts(inner, prefix)
            case syntax.Branches(branches=branches):
                for branch in branches:
                    yield from _parts(branch, prefix)
            case _:
                pass


def _option(option: syntax.Option, prefix: str) -> Iterator[tuple[Named, str, str]]:
    name = prefix + option.name.text
    if len(option.body) == 1 and isinstance(call := option.body[0], syntax.Call):
        yield call, name, prefix
    else:
        yield from _parts(option.body, f"{name}_")
