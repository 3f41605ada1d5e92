"""Makes a space smaller that shows a fault, as long as it shows it.

In: a space and a question, whether it still shows the fault. Out: a smaller one that does: parts
are left out, bodies stand for what they are in, values for what is made of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from random_spaces import RandomSpace
from random_values import flag, name, number
from trees import NOWHERE

from ofadsl.compiler import syntax

LEAST = {"branches": 2, "items": 1}
"""How many parts a field keeps; of a set, its members, of a file nothing is kept."""


def shrunk(
    space: RandomSpace, shows: Callable[[RandomSpace], bool], most: int = 2000
) -> RandomSpace:
    """Return a space as small as was found in ``most`` tries."""
    tries = 0
    while True:
        for smaller in smaller_spaces(space):
            tries += 1
            if tries > most:
                return space
            if shows(smaller):
                space = smaller
                break
        else:
            return space


def smaller_spaces(space: RandomSpace) -> Iterator[RandomSpace]:
    """Yield spaces with one thing less, those that lose most first."""
    for path in space.imports:
        rest = {p: file for p, file in space.imports.items() if p != path}
        imports = tuple(
            item
            for item in space.main.items
            if not (isinstance(item, syntax.Import) and item.path == path)
        )
        yield replace(space, imports=rest, main=replace(space.main, items=imports))
        moved = (*space.imports[path].items, *imports)
        yield replace(space, imports=rest, main=replace(space.main, items=moved))
    for path, file in space.imports.items():
        for smaller in smaller_nodes(file):
            yield replace(space, imports={**space.imports, path: smaller})
    for smaller in smaller_nodes(space.main):
        names = {
            p.name.text
            for item in smaller.items
            if isinstance(item, syntax.SpaceDecl)
            for p in item.parameters
        }
        kept = {key: value for key, value in space.settings.items() if key in names}
        yield replace(space, main=smaller, settings=kept)


def smaller_nodes(node: Any) -> Iterator[Any]:  # noqa: C901  (one case a kind of field)
    """Yield copies of a node with one thing less in it."""
    fields = [f.name for f in dataclasses.fields(node) if f.name != "span"]
    for key in fields:
        value = getattr(node, key)
        if isinstance(value, tuple):
            for part in _fewer(value, key, isinstance(node, syntax.File)):
                yield replace(node, **{key: part})
        elif isinstance(value, syntax.Node) and (type(node), key) in _OPTIONAL:
            yield replace(node, **{key: None})
    for key in fields:
        value = getattr(node, key)
        if isinstance(value, tuple):
            for i, part in enumerate(value):
                for smaller in _inside(part):
                    yield replace(node, **{key: (*value[:i], smaller, *value[i + 1 :])})
        elif isinstance(value, syntax.Node) and not _is_name(node, key):
            for other in (*_simpler(value), *smaller_nodes(value)):
                yield replace(node, **{key: other})


_OPTIONAL: set[tuple[type[syntax.Node], str]] = {
    (syntax.Call, "label"),
    (syntax.OneOf, "label"),
    (syntax.Residual, "condition"),
    (syntax.Choice, "allocate"),
    (syntax.RangeLit, "step"),
    (syntax.Parameter, "default"),
    (syntax.Parameter, "allowed"),
    (syntax.Unlock, "part"),
}


def _inside(part: Any) -> Iterator[Any]:
    if isinstance(part, tuple):
        yield from _fewer(part, "body", False)
        for i, statement in enumerate(part):
            for smaller in _inside(statement):
                yield (*part[:i], smaller, *part[i + 1 :])
        return
    if isinstance(part, syntax.Node):
        yield from _simpler(part)
        yield from smaller_nodes(part)


def _is_name(node: Any, key: str) -> bool:
    """Return whether a field is a name that something is called by, not a value."""
    return key in ("name", "label", "callee", "function", "kind", "word", "teacher", "base")


def _fewer(parts: tuple[Any, ...], key: str, file: bool) -> Iterator[tuple[Any, ...]]:
    """Yield a tuple without some of its parts, or with what stands in one of them."""
    least = 0 if file else LEAST.get(key, 0)
    if len(parts) > 3 and not least:
        yield parts[: len(parts) // 2]
        yield parts[len(parts) // 2 :]
    for i, part in enumerate(parts):
        if len(parts) > least:
            yield (*parts[:i], *parts[i + 1 :])
        for body in _bodies(part):
            yield (*parts[:i], *body, *parts[i + 1 :])


def _bodies(part: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the bodies inside a statement."""
    match part:
        case syntax.If(then=then, orelse=orelse):
            yield then
            yield orelse
        case syntax.Residual(body=body):
            yield body
        case syntax.Stage(body=body):
            yield tuple(s for s in body if not isinstance(s, syntax.Choice)) or body
        case syntax.Branches(branches=branches):
            yield from branches
        case syntax.OneOf(options=options):
            for option in options:
                yield option.body


def _simpler(value: Any) -> Iterator[Any]:
    """Yield simpler expressions in place of one."""
    if isinstance(value, syntax.Number):
        if value.value not in (1, 2, 4, 8):
            yield from (number(n) for n in (1, 2, 4, 8))
        return
    if isinstance(value, syntax.Bool | syntax.Argument | syntax.Option):
        return
    if isinstance(value, syntax.Name):
        return
    if isinstance(value, syntax.Expression):
        yield from syntax.parts(value)
        yield from (number(n) for n in (1, 4))
        yield from (flag(True), flag(False))
        if not isinstance(value, syntax.SetLit):
            yield syntax.SetLit(span=NOWHERE, items=(number(4), number(8)))
            yield name("in")
