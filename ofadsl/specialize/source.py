"""The text of ``subnet.py``: a subnet as plain torch, as a person would write it.

In: a subnet. Out: a class for each kind of block, and for each tensor of the text the tensor of
the subnet that it gets. Decisions are made here; the layout is the template's.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ofadsl.specialize.columns import Columns
from ofadsl.specialize.forms import Form, Member, form
from ofadsl.specialize.forward import Forward, Groups, attribute, groups
from ofadsl.specialize.layout import Call, lines
from ofadsl.specialize.literals import arguments, defaults
from ofadsl.specialize.scopes import scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassText:
    """One class: the arguments of ``__init__``, and the lines of its methods."""

    name: str
    arguments: Mapping[str, str]
    """Name -> type."""
    init: tuple[str, ...]
    inputs: tuple[str, ...]
    returns: str
    """The type of the result."""
    forward: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetText:
    """The classes in the order of their use, the last one the subnet.

    ``tensors`` is the state dict of an object of the last class: name there -> name in the subnet.
    """

    classes: tuple[ClassText, ...]
    tensors: Mapping[str, str]


def subnet_text(subnet: GraphModule) -> SubnetText:
    """Return the classes of ``subnet``."""
    root = form(scopes(subnet.graph), subnet)
    shared: dict[Hashable, list[Form]] = {}
    for one in _forms(root):
        shared.setdefault(one.shape, []).append(one)
    names: dict[Hashable, str] = {}
    texts: dict[Hashable, tuple[ClassText, Columns]] = {}
    (result,) = (node.args[0] for node in subnet.graph.nodes if node.op == "output")
    for shape, forms in shared.items():
        kind = forms[0].scope.kind
        taken = _TAKEN | set(names.values())
        names[shape] = next(n for n in _class_names(kind) if n not in taken)
        columns = Columns(forms)
        text = _class(names[shape], forms[0], columns, texts, result if forms[0] is root else None)
        texts[shape] = text, columns
    tensors = dict(_tensors(root, ""))
    return SubnetText(classes=tuple(text for text, _ in texts.values()), tensors=tensors)


_TAKEN = {"nn", "torch", "F", "Tensor", "Callable", "Path", "load", "json"}


def _forms(root: Form) -> Iterator[Form]:
    """Yield every form, those inside before those around."""
    for member in root.members.values():
        if isinstance(member.held, Form):
            yield from _forms(member.held)
    yield root


def _class_names(kind: str) -> Iterator[str]:
    name = re.sub(r"\W", "", kind)
    name = name if name.isidentifier() else "Block"
    yield name
    stem = f"{name}_" if name[-1].isdecimal() else name
    yield from (f"{stem}{i}" for i in itertools.count(2))


def _class(
    name: str,
    one: Form,
    columns: Columns,
    texts: Mapping[Hashable, tuple[ClassText, Columns]],
    result: object,
) -> ClassText:
    grouped = groups(one)
    init: list[str] = []
    listed: set[str] = set()
    for member in one.members.values():
        stem = grouped.stem(member)
        if stem is None:
            init += _assigned(attribute(member, grouped), member, columns, texts)
        elif stem not in listed:
            listed.add(stem)
            init += _listed(stem, one, grouped, columns, texts)

    def activation(node: Node) -> str:
        text = columns.text(one.activations[node])
        if not text.isidentifier():  # F.relu, and not an argument
            return text
        init.extend(line for line in (f"self.{text} = {text}",) if line not in init)
        return f"self.{text}"

    value = one.scope.output if result is None else result
    inputs, forward = Forward(one, grouped, activation).write(value)
    returns = "Tensor" if isinstance(value, Node) else "tuple[Tensor, ...]"
    types = {argument: columns.type(argument) for argument in columns.arguments}
    return ClassText(
        name=name,
        arguments=types,
        init=tuple(init),
        inputs=inputs,
        returns=returns,
        forward=forward,
    )


def _listed(
    stem: str,
    one: Form,
    grouped: Groups,
    columns: Columns,
    texts: Mapping[Hashable, tuple[ClassText, Columns]],
) -> Iterator[str]:
    """Yield the lines that make a group of members."""
    chain = stem in grouped.runs
    keys = grouped.runs[stem] if chain else grouped.lists[stem]
    made = tuple(_made(one.members[key], columns, texts) for key in keys)
    head, tail = ("nn.Sequential(", ")") if chain else ("nn.ModuleList([", "])")
    return lines(f"self.{stem} = ", Call(head=head, items=made, tail=tail))


def _assigned(
    name: str,
    member: Member,
    columns: Columns,
    texts: Mapping[Hashable, tuple[ClassText, Columns]],
) -> Iterator[str]:
    """Yield the lines that make a member of its own."""
    if not isinstance(member.held, Tensor):
        return lines(f"self.{name} = ", _made(member, columns, texts))
    size, dtype = columns.text(member.start), str(member.held.dtype)
    empty = Call(head="torch.empty(", items=(size, f"dtype={dtype}"))
    if isinstance(member.held, torch.nn.Parameter):
        return lines(f"self.{name} = ", Call(head="nn.Parameter(", items=(empty,)))
    return lines("", Call(head="self.register_buffer(", items=(f'"{name}"', empty)))


def _made(
    member: Member, columns: Columns, texts: Mapping[Hashable, tuple[ClassText, Columns]]
) -> Call:
    """Return the call of a constructor, with what is not its default."""
    held = member.held
    assert not isinstance(held, Tensor), member.name
    if isinstance(held, Form):
        text, inner = texts[held.shape]
        given = {name: columns.text(member.start + i) for name, i in inner.arguments.items()}
        return Call(head=f"{text.name}(", items=tuple(f"{n}={v}" for n, v in given.items()))
    kind = type(held)
    assert getattr(torch.nn, kind.__name__, None) is kind, kind
    known = defaults(kind)
    items: list[str] = []
    for slot, argument in enumerate(arguments(held), member.start):
        if argument not in known:
            items.append(columns.text(slot))
        elif not columns.constant(slot) or columns.value(slot) != known[argument]:
            items.append(f"{argument}={columns.text(slot)}")
    return Call(head=f"nn.{kind.__name__}(", items=tuple(items))


def _tensors(one: Form, here: str) -> Iterator[tuple[str, str]]:
    """Yield each tensor of an object: its name there, and in the subnet."""
    grouped = groups(one)
    for member in one.members.values():
        name = attribute(member, grouped).replace("[", ".").replace("]", "")
        stem = member.name.rpartition(".")[0]
        path = here + (member.name if stem in grouped.runs else name)
        if isinstance(member.held, Form):
            yield from _tensors(member.held, f"{path}.")
        elif isinstance(member.held, Tensor):
            yield path, member.target
        else:
            for key in member.held.state_dict():
                yield f"{path}.{key}", f"{member.target}.{key}"
