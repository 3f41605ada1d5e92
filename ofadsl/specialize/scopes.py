"""The modules of a supernet that a subnet still shows: a tree of scopes over its graph.

In: a graph whose nodes know, as fx records it, in which modules they were made. Out: scopes, each
a run of nodes with one result, so that it can be written as a class and a call of it. A module
that is not like that is dissolved into the one around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from torch.fx import Graph, Node

from ofadsl.nn import Elastic


@dataclass(slots=True, kw_only=True)
class Scope:
    """One call of a module: what it does, in order, and the values it takes from outside."""

    path: str
    kind: str
    items: list[Item] = field(default_factory=list)
    inputs: list[Node] = field(default_factory=list)
    output: Node | None = None
    primitive: bool = False
    """Whether it is one op of the language."""

    @property
    def plain(self) -> bool:
        """Whether a class for it would say no more than the code itself."""
        held = [i for i in self.items if isinstance(i, Scope) or i.op == "call_module"]
        return len(self.items) < 2 or (self.primitive and len(held) < 2)

    def nodes(self) -> Iterator[Node]:
        """Yield every node in it, in order."""
        for item in self.items:
            if isinstance(item, Scope):
                yield from item.nodes()
            else:
                yield item


Item: TypeAlias = Node | Scope

_CALLS = ("call_function", "call_method", "call_module")


def scopes(graph: Graph) -> Scope:
    """Return the whole graph as a scope of scopes."""
    root = Scope(path="", kind="Subnet")
    stack: list[tuple[str, Scope]] = [("", root)]
    for node in graph.nodes:
        if node.op not in _CALLS:
            continue
        origin = [e for e in node.meta.get("nn_module_stack", {}).items() if e[1][0]]
        shared = 0
        while shared < min(len(origin), len(stack) - 1) and (
            origin[shared][0] == stack[shared + 1][0]
        ):
            shared += 1
        del stack[shared + 1 :]
        for key, (path, kind) in origin[shared:]:
            scope = Scope(path=path, kind=str(getattr(kind, "__name__", kind)))
            scope.primitive = isinstance(kind, type) and issubclass(kind, Elastic)
            stack[-1][1].items.append(scope)
            stack.append((key, scope))
        stack[-1][1].items.append(node)
    tied = _tied(root)
    root.items = list(_dissolved(root, tied))
    root.inputs = [node for node in graph.nodes if node.op == "placeholder"]
    return root


def _dissolved(scope: Scope, tied: set[object]) -> Iterator[Item]:
    """Yield the items of ``scope``, those scopes dissolved that cannot be a class."""
    for item in scope.items:
        if isinstance(item, Node):
            yield item
            continue
        item.items = list(_dissolved(item, tied))
        inside = dict.fromkeys(item.nodes())
        results = [n for n in inside if any(user not in inside for user in n.users)]
        if not item.plain and len(results) == 1 and not any(n.target in tied for n in inside):
            item.output = results[0]
            outside = (a for n in inside for a in n.all_input_nodes if a.op != "get_attr")
            item.inputs = [a for a in dict.fromkeys(outside) if a not in inside]
            yield item
        else:
            yield from item.items


def _tied(root: Scope) -> set[object]:
    """Return the modules and constants that more than one scope uses."""
    owner: dict[object, int] = {}
    tied: set[object] = set()

    def visit(scope: Scope) -> None:
        for item in scope.items:
            if isinstance(item, Scope):
                visit(item)
                continue
            held = [a.target for a in item.all_input_nodes if a.op == "get_attr"]
            for target in [*held, *([item.target] if item.op == "call_module" else [])]:
                if owner.setdefault(target, id(scope)) != id(scope):
                    tied.add(target)

    visit(root)
    return tied
