"""The pass that turns calls with constant weights into modules, named as in the supernet.

What no torch.nn module does exactly, and what has no weights, stays a function.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable
from dataclasses import fields
from functools import cache
from typing import Any, assert_never

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ofadsl.specialize.channels_last import is_channels_last
from ofadsl.specialize.layers import (
    BatchNorm,
    Convolution,
    Layer,
    LayerNorm,
    Linear,
    constant,
    layer,
    tensors,
)
from ofadsl.specialize.names import nested, numbered
from ofadsl.specialize.ranks import ranks


def raise_modules(subnet: GraphModule) -> GraphModule:
    """Return a new GraphModule that holds what the graph uses, and nothing else."""
    graph = subnet.graph
    known = ranks(graph)
    calls = {node: call for node in graph.nodes if (call := layer(node)) is not None}
    attributes: dict[str, Any] = {}
    paths: dict[Hashable, str] = {}
    for node, call in calls.items():
        key = _tied(call)
        if key not in paths:
            module = _module(call, known.get(node), subnet)
            if module is None:
                continue
            paths[key] = _path(node, call, attributes)
            attributes[paths[key]] = module
        node.op, node.target, node.args, node.kwargs = "call_module", paths[key], (call.input,), {}
    for node in reversed(graph.nodes):
        if node.op == "get_attr" and not node.users:
            graph.erase_node(node)
        elif node.op == "get_attr":
            held = constant(subnet, node)
            node.target = nested(str(node.target))
            trained = isinstance(held._base, torch.nn.Parameter)
            own = _owned(held)
            attributes[node.target] = torch.nn.Parameter(own) if trained else own
        elif node.op == "call_module" and node not in calls:
            attributes[str(node.target)] = subnet.get_submodule(str(node.target))
    return GraphModule(attributes, graph, "Subnet").eval()


def _tied(call: Layer) -> Hashable:
    """Return what two calls have in common that can be one module."""
    names = [field.name for field in fields(call) if field.name != "input"]
    return type(call), *(getattr(call, name) for name in names)


def _path(node: Node, call: Layer, taken: Collection[str]) -> str:
    """Return a free name: ``s1.0.se.reduce`` for the constant ``s1.0.se.reduce_weight``.

    A weight that was computed has no such name, so that the bias may have to tell it.
    """
    targets = [nested(str(constant.target)) for constant in tensors(call).values()] or [""]
    parents, names = zip(*(target.rpartition(".")[::2] for target in targets), strict=True)
    prefixes = (re.fullmatch(r"(.+)_(?:weight|bias)(?:_\d+)?", name) for name in names)
    prefix = next((match[1] for match in prefixes if match), "")
    path = ".".join(filter(None, (parents[0], prefix))) or node.name
    return next(name for name in numbered(path) if name not in taken)


def _module(call: Layer, rank: int | None, subnet: GraphModule) -> torch.nn.Module | None:
    """Return the module that does what ``call`` does, to the bit; None where none does."""
    held = {name: constant(subnet, node) for name, node in tensors(call).items()}
    match call:
        case Convolution():
            c_out, c_in, *kernel = held["weight"].shape
            sizes = (call.stride, call.padding, call.dilation, call.groups, call.bias is not None)
            kind = _CONVOLUTIONS[len(kernel)]
            module = _empty(kind, c_in * call.groups, c_out, tuple(kernel), *sizes)
        case Linear():
            c_out, c_in = held["weight"].shape
            module = _empty(torch.nn.Linear, c_in, c_out, call.bias is not None)
        case BatchNorm():
            if rank not in _NORMS or call.training or len(held) != 4:
                return None
            kind = _NORMS[rank]
            module = _empty(kind, len(held["weight"]), call.eps, call.momentum)
        case LayerNorm():
            if "weight" not in held:
                return None
            module = torch.nn.LayerNorm(call.normalized_shape, call.eps, bias="bias" in held)
        case _:
            assert_never(call)
    for name, tensor in held.items():
        held_here = _owned(tensor)
        statistic = name.startswith("running")
        setattr(module, name, held_here if statistic else torch.nn.Parameter(held_here))
    return module


def _owned(tensor: Tensor) -> Tensor:
    """Return ``tensor`` itself where it was computed, or a copy where it is part of another."""
    whole = tensor._base is None and (tensor.is_contiguous() or is_channels_last(tensor))
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)


_CONVOLUTIONS: dict[int, type[torch.nn.Module]] = {
    1: torch.nn.Conv1d,
    2: torch.nn.Conv2d,
    3: torch.nn.Conv3d,
}
_NORMS: dict[int | None, type[torch.nn.Module]] = {
    2: torch.nn.BatchNorm1d,
    3: torch.nn.BatchNorm1d,
    4: torch.nn.BatchNorm2d,
    5: torch.nn.BatchNorm3d,
}


def _empty(kind: Any, *args: Any) -> torch.nn.Module:
    """Return a module without initial values, which would cost more than the rest of the pass."""
    module: torch.nn.Module = _without_values(kind)(*args)
    module.__class__ = kind
    return module


@cache
def _without_values(kind: Hashable) -> Any:
    assert isinstance(kind, type)
    return type(kind.__name__, (kind,), {"reset_parameters": lambda self: None})
