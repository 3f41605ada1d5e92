"""The calls in a graph that passes understand: layers with constant weights.

In: a node. Out: a Layer, its fields named and ordered as the arguments of the torch function, or
None for everything else, which every pass leaves as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

Extent = int | str | tuple[int, ...]


# Not kw_only, because a node's positional arguments are bound as torch binds them.
@dataclass(frozen=True, slots=True)
class Convolution:
    """A call of conv1d, conv2d or conv3d."""

    input: Node
    weight: Node
    bias: Node | None = None
    stride: Extent = 1
    padding: Extent = 0
    dilation: Extent = 1
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Linear:
    """A call of linear."""

    input: Node
    weight: Node
    bias: Node | None = None


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """A call of batch_norm."""

    input: Node
    running_mean: Node | None
    running_var: Node | None
    weight: Node | None = None
    bias: Node | None = None
    training: bool = False
    momentum: float = 0.1
    eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """A call of layer_norm."""

    input: Node
    normalized_shape: tuple[int, ...]
    weight: Node | None = None
    bias: Node | None = None
    eps: float = 1e-5


Layer: TypeAlias = Convolution | Linear | BatchNorm | LayerNorm
_TENSORS = ("weight", "bias", "running_mean", "running_var")
_LAYERS: dict[Any, type[Layer]] = {
    torch.conv1d: Convolution,
    torch.conv2d: Convolution,
    torch.conv3d: Convolution,
    torch.nn.functional.linear: Linear,
    torch.nn.functional.batch_norm: BatchNorm,
    torch.nn.functional.layer_norm: LayerNorm,
}


def layer(node: Node) -> Layer | None:
    """Return what ``node`` calls, where that is a layer whose tensors are all constants."""
    kind = _LAYERS.get(node.target) if node.op == "call_function" else None
    if kind is None:
        return None
    call = kind(*node.args, **node.kwargs)  # type: ignore[arg-type]
    return call if all(node.op == "get_attr" for node in tensors(call).values()) else None


def tensors(call: Layer) -> dict[str, Node]:
    """Return the nodes of the tensors that a layer has, the weight first."""
    found = ((name, getattr(call, name, None)) for name in _TENSORS)
    return {name: node for name, node in found if node is not None}


def constant(subnet: GraphModule, node: Node) -> Tensor:
    """Return the tensor that a get_attr node stands for."""
    found = getattr(subnet, str(node.target))
    assert isinstance(found, Tensor), node.target
    return found
