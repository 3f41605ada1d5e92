"""Names for the parts of a body: what a checkpoint calls its tensors.

A call that has no label is named after the labelled one before it and its op, as `expand_bn`;
without one before it, after its op. The names follow from the text alone, so that a part keeps
its name in every copy, whichever ways of an `if` are taken. An option of a `oneof` gives its name
to the one call that it holds, or stands before the names of several. Equal names are numbered.
"""

from __future__ import annotations

from collections.abc import Iterator

from ofadsl.compiler import syntax

Body = tuple[syntax.Statement, ...]
Named = syntax.Call | syntax.OneOf


def labels(body: Body) -> dict[int, str]:
    """Return a name for each call and `oneof` of a body, by the identity of the statement."""
    parts = list(_parts(body, "", ""))
    result = {id(part): name for part, name, given in parts if given}
    taken = {*result.values(), *(s.name.text for s in body if isinstance(s, syntax.Stage))}
    numbers: dict[str, int] = {}
    for part, base, given in parts:
        if given:
            continue
        name, number = base, numbers.get(base, 2)
        while name in taken:
            name = f"{base}_{number}"
            number += 1
        numbers[base] = number
        taken.add(name)
        result[id(part)] = name
    return result


def _parts(body: Body, prefix: str, last: str) -> Iterator[tuple[Named, str, bool]]:
    """Yield each part with its name, and whether the user gave it.

    ``prefix`` stands before given names, ``last`` is the given name that came before.
    """
    for statement in body:
        match statement:
            case syntax.Call(label=label) | syntax.OneOf(label=label):
                if label is not None:
                    last = prefix + label.text
                own = statement.callee.text if isinstance(statement, syntax.Call) else "op"
                name = last if label else f"{last}_{own}" if last else own
                yield statement, name, label is not None
                if isinstance(statement, syntax.OneOf):
                    for option in statement.options:
                        yield from _option(option, prefix)
            case syntax.If(then=then, orelse=orelse):
                yield from _parts(then, prefix, last)
                yield from _parts(orelse, prefix, last)
                last = _last(then, prefix) or last
            case syntax.Residual(body=inner):
                yield from _parts(inner, prefix, last)
                last = _last(inner, prefix) or last
            case syntax.Branches(branches=branches):
                for branch in branches:
                    yield from _parts(branch, prefix, last)
            case _:
                pass


def _last(body: Body, prefix: str) -> str:
    """Return the last name given in a body."""
    names = [s.label.text for s in body if isinstance(s, syntax.Call | syntax.OneOf) and s.label]
    return prefix + names[-1] if names else ""


def _option(option: syntax.Option, prefix: str) -> Iterator[tuple[Named, str, bool]]:
    name = prefix + option.name.text
    if len(option.body) == 1 and isinstance(call := option.body[0], syntax.Call):
        yield call, name, False  # two `oneof` of a body may have options of one name
    else:
        yield from _parts(option.body, f"{name}_", name)
