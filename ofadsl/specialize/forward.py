"""The lines of a ``forward``: one statement a node, and as few names as a person would use."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from torch.fx import Node

from ofadsl.specialize.forms import Form, Member, said
from ofadsl.specialize.literals import OPERATORS, function, literal
from ofadsl.specialize.scopes import Item, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Members that are numbered below one name: ``runs`` are chains, called as a whole."""

    runs: Mapping[str, tuple[Hashable, ...]]
    lists: Mapping[str, tuple[Hashable, ...]]

    def stem(self, member: Member) -> str | None:
        """Return the name below which a member is numbered."""
        stem = member.name.rpartition(".")[0]
        return stem if stem in self.runs or stem in self.lists else None


def groups(form: Form) -> Groups:
    """Return the members named ``s1.0``, ``s1.1`` and so on, all from 0."""
    found: dict[str, list[Hashable]] = {}
    broken = set()
    for key, member in form.members.items():
        stem, _, number = member.name.rpartition(".")
        if not stem.isidentifier() or not number.isdecimal():
            broken.add(member.name.partition(".")[0])
        elif int(number) != len(found.setdefault(stem, [])):
            broken.add(stem)
        else:
            found[stem].append(key)
    whole = {stem: tuple(keys) for stem, keys in found.items() if stem not in broken}
    runs = {stem: keys for stem, keys in whole.items() if _is_chain(form, keys)}
    lists = {stem: keys for stem, keys in whole.items() if stem not in runs}
    return Groups(runs=runs, lists=lists)


def _is_chain(form: Form, keys: tuple[Hashable, ...]) -> bool:
    """Return whether each member is called once, on the result of the one before and no other."""
    calls = [i for i, item in enumerate(form.scope.items) if key_of(item) in keys]
    if len(calls) != len(keys) or calls != list(range(calls[0], calls[0] + len(keys))):
        return False
    items = [form.scope.items[i] for i in calls]
    for before, after in itertools.pairwise(items):
        value = _result(before)
        inside = set(after.nodes()) if isinstance(after, Scope) else {after}
        if _inputs(after) != [value] or not set(value.users) <= inside:
            return False
    return all(len(_inputs(item)) == 1 and not _has_constants(item) for item in items)


def _has_constants(item: Item) -> bool:
    return isinstance(item, Node) and (
        item.op != "call_module" or len(item.args) != 1 or bool(item.kwargs)
    )


def key_of(item: Item) -> Hashable:
    """Return the key of the member that an item calls, or of the value that it makes."""
    if isinstance(item, Scope):
        return item.output
    return str(item.target) if item.op == "call_module" else item


def _result(item: Item) -> Node:
    if isinstance(item, Scope):
        assert item.output is not None, item.path
        return item.output
    return item


def _inputs(item: Item) -> list[Node]:
    if isinstance(item, Scope):
        return item.inputs
    return [node for node in item.all_input_nodes if node.op != "get_attr"]


def attribute(member: Member, grouped: Groups) -> str:
    """Return the attribute that holds a member: ``expand``, ``s1[0]`` or ``se_reduce``."""
    stem, _, number = member.name.rpartition(".")
    if stem in grouped.lists:
        return f"{stem}[{number}]"
    name = re.sub(r"\W", "_", member.name)
    return name if name.isidentifier() else f"layer_{name}"


class Forward:
    """Writes the statements of one scope, naming each value."""

    def __init__(self, form: Form, grouped: Groups, activation: Callable[[Node], str]) -> None:
        self._form = form
        self._groups = grouped
        self._activation = activation
        self._names: dict[Node, str] = {}
        self._last: dict[Node, int] = {}

    def write(self, result: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the inputs and the lines, the last one a return."""
        items = self._steps()
        for i, (inputs, _, _) in enumerate(items):
            self._last |= dict.fromkeys(inputs, i)
        kept = [result] if isinstance(result, Node) else list(_nodes(result))
        self._last |= dict.fromkeys(kept, len(items))
        inputs = self._form.scope.inputs
        names = ("x",) if len(inputs) == 1 else tuple(f"x{i}" for i in range(len(inputs)))
        self._names |= dict(zip(inputs, names, strict=True))
        lines = []
        for i, (inputs, made, write) in enumerate(items):
            text = write()
            self._names[made] = self._free(i, inputs)
            lines.append(f"{self._names[made]} = {text}")
        if lines and kept == [items[-1][1]] and result is kept[0]:
            lines[-1] = f"return {lines[-1].partition(' = ')[2]}"
        else:
            lines.append(f"return {self._text(result)}")
        return names, tuple(lines)

    def _steps(self) -> list[tuple[list[Node], Node, Callable[[], str]]]:
        """Return for each statement what it needs, what it makes and how it is written."""
        steps: list[tuple[list[Node], Node, Callable[[], str]]] = []
        in_run = {key: stem for stem, keys in self._groups.runs.items() for key in keys}
        for item in self._form.scope.items:
            stem = in_run.get(key_of(item))
            made, inputs = _result(item), _inputs(item)
            if stem is None:
                steps.append((inputs, made, lambda item=item: self._call(item)))  # type: ignore[misc]
            elif key_of(item) == self._groups.runs[stem][0]:
                start = inputs[0]
                write = lambda stem=stem, x=start: f"self.{stem}({self._names[x]})"  # noqa: E731
                steps.append((inputs, made, write))
            else:
                steps[-1] = (steps[-1][0], made, steps[-1][2])
        return steps

    def _free(self, step: int, inputs: list[Node]) -> str:
        """Return the name of an input that is not needed any more, or a new one."""
        for node in inputs:
            if self._last.get(node, step) <= step:
                return self._names[node]
        alive = {name for node, name in self._names.items() if self._last.get(node, -1) > step}
        return next(n for n in ("x", "y", "z", *(f"v{i}" for i in range(999))) if n not in alive)

    def _call(self, item: Item) -> str:
        if isinstance(item, Scope) or item.op == "call_module":
            held = attribute(self._form.members[key_of(item)], self._groups)
            if isinstance(item, Scope):
                return f"self.{held}({', '.join(self._names[n] for n in item.inputs)})"
            return f"self.{held}({self._arguments(item)})"
        if item in self._form.activations:
            return f"{self._activation(item)}({self._arguments(item)})"
        if item.op == "call_method":
            first, *rest = item.args
            return (
                f"{self._text(first)}.{_checked(str(item.target))}({self._arguments(item, rest)})"
            )
        if item.target in OPERATORS and len(item.args) == 2:
            left, right = map(self._text, item.args)
            return f"{left} {OPERATORS[item.target]} {right}"
        if getattr(item.target, "__name__", "") == "getitem":
            return f"{self._text(item.args[0])}[{self._index(item.args[1])}]"
        assert callable(item.target), item.target
        return f"{function(item.target)}({self._arguments(item)})"

    def _arguments(self, node: Node, args: object = None) -> str:
        given = node.args if args is None else args
        assert isinstance(given, tuple | list)
        positional = [self._text(arg) for arg in given]
        named = [f"{_checked(k)}={self._text(v)}" for k, v in said(node).items()]
        return ", ".join([*positional, *named])

    def _text(self, value: object) -> str:
        match value:
            case Node() if value.op == "get_attr":
                return f"self.{attribute(self._form.members[str(value.target)], self._groups)}"
            case Node():
                return self._names[value]
            case tuple():
                inner = ", ".join(map(self._text, value))
                return f"({inner},)" if len(value) == 1 else f"({inner})"
            case list():
                return f"[{', '.join(map(self._text, value))}]"
            case slice():
                raise AssertionError("a slice stands in an index only")
        return literal(value)

    def _index(self, index: object) -> str:
        if isinstance(index, tuple):
            return ", ".join(map(self._index, index))
        if isinstance(index, slice):
            ends = ("" if e is None else self._text(e) for e in (index.start, index.stop))
            step = "" if index.step is None else f":{self._text(index.step)}"
            return ":".join(ends) + step
        return "..." if index is Ellipsis else self._text(index)


def _nodes(value: object) -> list[Node]:
    if isinstance(value, Node):
        return [value]
    return [n for v in value for n in _nodes(v)] if isinstance(value, tuple | list) else []


def _checked(name: str) -> str:
    assert name.isidentifier(), name
    return name
