"""Importance sorting: the channels that matter most come first, since narrower subnets keep those.

In: the weights of a supernet, its graph, and the space that has been trained so far. Out: an order
for each tensor that has such channels, to be given to weights, averages and the state of an
optimiser alike. No subnet of that space computes anything else than before (Cai et al. 2020,
section 3.2): where it uses the first n channels, they stay the first n.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ofadsl.expr import assignments, combinations, conjunction, evaluate
from ofadsl.graph import Graph
from ofadsl.space import Space
from ofadsl.train.channels import Group, channel_groups

MOST = 1 << 16
"""So many combinations of choices are tried to learn which widths a space uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The new order of a tensor along an axis: entry i becomes what ``places[i]`` was."""

    axis: int
    places: Tensor


Orders = Mapping[str, tuple[Order, ...]]
"""What is reordered, by the names of a state dict."""


def importance_orders(weights: Mapping[str, Tensor], graph: Graph, trained: Space) -> Orders:
    """Return the orders by importance: the L1 norm of what takes a channel, over all it gives.

    ``weights`` has the names of the supernet's state dict; ``trained`` is the space of the phase
    before, whose subnets keep their functions. Equal weights give equal orders on every process.
    """
    orders: dict[str, tuple[Order, ...]] = {}
    for group in channel_groups(graph):
        uses = widths(group, trained)
        if uses is None:
            continue
        places = _places(weights[group.judge.tensor], group.judge.axis, uses)
        for carrier in group.carriers:
            order = Order(axis=carrier.axis, places=places)
            orders[carrier.tensor] = (*orders.get(carrier.tensor, ()), order)
    return orders


def apply_orders(tensors: Mapping[str, Tensor], orders: Orders) -> None:
    """Reorder tensors in place; those that have no order, or no axis such as a count, stay.

    ``tensors`` are a state dict, an average of weights, or one value of an optimiser by the names
    of the parameters it belongs to.
    """
    with torch.no_grad():
        for name in orders.keys() & tensors.keys():
            tensor = tensors[name]
            for order in orders[name]:
                if tensor.ndim > order.axis:
                    places = order.places.to(tensor.device)
                    tensor.copy_(tensor.index_select(order.axis, places))


def sort_channels(supernet: torch.nn.Module, graph: Graph, trained: Space) -> Orders:
    """Reorder the weights and statistics of a supernet in place, and return the orders."""
    weights = supernet.state_dict()
    orders = importance_orders(weights, graph, trained)
    apply_orders(weights, orders)
    return orders


def widths(group: Group, space: Space) -> tuple[int, ...] | None:
    """Return how many of the channels subnets use; None where that is too much to try."""
    asked = {var.name: var for var in (*group.size.support, *group.when.support)}
    if combinations(asked.values()) > MOST:
        return None
    said = (requirement.condition for requirement in space.requirements)
    known = (c for c in said if all(var.name in asked for var in c.support))
    holds = conjunction([group.when, *known])
    found = {
        evaluate(group.size, values)
        for values in assignments(tuple(asked.values()))
        if evaluate(holds, values)
    }
    return tuple(sorted(width for width in found if isinstance(width, int)))


def _places(weight: Tensor, axis: int, uses: Iterable[int]) -> Tensor:
    """Return channels by falling importance, each within the widths that hold it already."""
    others = [i for i in range(weight.ndim) if i != axis]
    importance = weight.detach().abs().double().sum(others)
    ends = sorted({0, *uses, importance.numel()})
    parts = []
    for start, end in itertools.pairwise(ends):
        order = torch.argsort(importance[start:end], descending=True, stable=True)
        parts.append(order + start)
    return torch.cat(parts)
