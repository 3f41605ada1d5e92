"""What a class for a scope would say, with a slot for every number and activation in it.

In: a tree of scopes. Out: forms. Scopes whose forms have the same ``shape`` share a class, and the
slots in which they differ are its arguments.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ofadsl.specialize.literals import ACTIVATIONS, arguments, literal
from ofadsl.specialize.scopes import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A value in a class: ``argument`` of ``member``, such as the stride of ``depthwise``."""

    member: str
    argument: str
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What an object of the class holds: a module, a tensor or an object of another class.

    ``name`` is its path below the scope; its slots are ``start`` and those that follow.
    """

    name: str
    target: str
    held: torch.nn.Module | Tensor | Form
    start: int


@dataclass(slots=True, kw_only=True)
class Form:
    """A scope and what its class holds."""

    scope: Scope
    members: dict[Hashable, Member] = field(default_factory=dict)
    """By the target of a module or a constant, or by the output of the child's scope."""
    slots: list[Slot] = field(default_factory=list)
    activations: dict[Node, int] = field(default_factory=dict)
    """The slot of each call of an activation."""
    shape: Hashable = ()


def form(scope: Scope, subnet: GraphModule) -> Form:
    """Return the form of ``scope``, and with it those of the scopes inside."""
    made = Form(scope=scope)
    values: dict[Node, int] = {node: i for i, node in enumerate(scope.inputs)}
    shapes: list[Hashable] = [len(scope.inputs)]
    for item in scope.items:
        if isinstance(item, Scope):
            child = form(item, subnet)
            assert item.output is not None, item.path
            member = _add(made, item.output, item.path, child)
            refs = tuple(values[node] for node in item.inputs)
            shapes.append(("scope", member.name, child.shape, refs))
            values[item.output] = len(values)
            continue
        shapes.append(_node_shape(made, item, values, subnet))
        values[item] = len(values)
    made.shape = (*shapes, None if scope.output is None else values[scope.output])
    return made


def _node_shape(made: Form, node: Node, values: dict[Node, int], subnet: GraphModule) -> Hashable:
    for constant in node.all_input_nodes:
        if constant.op == "get_attr" and constant.target not in made.members:
            path = str(constant.target)
            owner, _, name = path.rpartition(".")
            _add(made, path, path, getattr(subnet.get_submodule(owner), name))
    args = _args_shape(made, (node.args, tuple(said(node).items())), values)
    if node.op == "call_module":
        path = str(node.target)
        if path not in made.members:
            _add(made, path, path, subnet.get_submodule(path))
        member = made.members[path]
        return "module", member.name, type(member.held).__name__, args
    if node.target in ACTIVATIONS and len(node.args) == 1 and said(node).keys() <= {"inplace"}:
        made.activations[node] = len(made.slots)
        made.slots.append(Slot(member="", argument="act", value=node.target))
        return "activation", args
    return node.op, node.target, args


def said(node: Node) -> dict[str, Any]:
    """Return the keyword arguments that say something."""
    return {k: v for k, v in node.kwargs.items() if not (k == "inplace" and v is False)}


def _add(made: Form, key: Hashable, path: str, held: torch.nn.Module | Tensor | Form) -> Member:
    prefix = f"{made.scope.path}."
    name = path.removeprefix(prefix) if made.scope.path else path
    member = Member(name=name, target=path, held=held, start=len(made.slots))
    made.members[key] = member
    match held:
        case Form():
            for slot in held.slots:
                inner = ".".join(filter(None, (name, slot.member)))
                made.slots.append(Slot(member=inner, argument=slot.argument, value=slot.value))
        case Tensor():
            made.slots.append(Slot(member=name, argument="shape", value=tuple(held.shape)))
        case _:
            for argument, value in arguments(held).items():
                made.slots.append(Slot(member=name, argument=argument, value=value))
    return member


def _args_shape(made: Form, value: object, values: dict[Node, int]) -> Hashable:
    match value:
        case Node() if value.op == "get_attr":
            tensor = made.members[str(value.target)]
            kind = type(tensor.held).__name__
            dtype = str(tensor.held.dtype) if isinstance(tensor.held, Tensor) else ""
            return "constant", tensor.name, kind, dtype
        case Node():
            return "value", values[value]
        case tuple() | list():
            inner = (_args_shape(made, v, values) for v in value)
            return type(value).__name__, tuple(inner)
        case slice():
            return "slice", _args_shape(made, (value.start, value.stop, value.step), values)
    return "literal", literal(value)
