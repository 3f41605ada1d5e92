"""Tensors of several subnets, stored once where one is the first part of another.

In: the state of each subnet, under the names of its space. Out: masters, and for each tensor of
each subnet the master whose first rows, columns... it is. Subnets of one supernet take prefixes of
the same weights, so what differs is their batch norm and their transformed kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a tensor is: the first ``shape`` of the master ``name``."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Masters by name, and for each subnet the place of each of its tensors."""

    masters: Mapping[str, Tensor]
    places: tuple[Mapping[str, Place], ...]


@dataclass(slots=True)
class _Growing:
    """A master while tensors are laid over one another; ``known`` says what is written."""

    values: Tensor
    known: Tensor
    users: list[int] = field(default_factory=list)

    def takes(self, tensor: Tensor) -> bool:
        """Return whether ``tensor`` agrees with what is known of its part, and lay it there."""
        part = _first(tuple(tensor.shape))
        known = self.known[part]
        if not torch.equal(self.values[part][known], tensor[known]):
            return False
        self.values[part] = tensor
        self.known[part] = True
        return True


def share(states: Sequence[State]) -> Shared:
    """Return the tensors of ``states`` with each value stored once where prefixes agree."""
    masters: dict[str, Tensor] = {}
    places: tuple[dict[str, Place], ...] = tuple({} for _ in states)
    for name in dict.fromkeys(name for state in states for name in state):
        for number, master in enumerate(_masters([state.get(name) for state in states])):
            key = f"{name}#{number}" if number else name
            used = [states[user][name].shape for user in master.users]
            # what grew for nothing is cut off: a tensor that joined no other is stored as it is
            extent = tuple(max(sizes) for sizes in zip(*used, strict=True))
            masters[key] = master.values[_first(extent)].contiguous()
            for user in master.users:
                places[user][name] = Place(name=key, shape=tuple(states[user][name].shape))
    return Shared(masters=masters, places=places)


def view(shared: Mapping[str, Tensor], place: Place) -> Tensor:
    """Return a tensor of a subnet, memory of its master; ValueError where that is smaller."""
    master = shared[place.name]
    fits = len(place.shape) == master.ndim
    if not fits or any(not 0 <= a <= b for a, b in zip(place.shape, master.shape, strict=True)):
        raise ValueError(f"{place.shape} is no part of {place.name}, {tuple(master.shape)}")
    return master[_first(place.shape)]


def _masters(tensors: Sequence[Tensor | None]) -> list[_Growing]:
    """Return the fewest masters that a greedy choice finds, the largest tensor first."""
    found: dict[tuple[object, ...], list[_Growing]] = {}
    present = [(i, tensor) for i, tensor in enumerate(tensors) if tensor is not None]
    for user, tensor in sorted(present, key=lambda pair: -pair[1].numel()):
        kind = _kind(tensor)
        alike = [one for _, one in present if _kind(one) == kind]
        group = found.setdefault(kind, [])
        for master in group:
            if master.takes(tensor):
                master.users.append(user)
                break
        else:
            shape = [max(sizes) for sizes in zip(*(one.shape for one in alike), strict=True)]
            values = torch.zeros(shape, dtype=tensor.dtype)
            master = _Growing(values, torch.zeros(shape, dtype=torch.bool), [user])
            master.takes(tensor)
            group.append(master)
    return [master for group in found.values() for master in group]


def _kind(tensor: Tensor) -> tuple[object, ...]:
    return (tensor.dtype, tensor.ndim, tuple(tensor.shape[2:]))


def _first(shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(0, size) for size in shape)
