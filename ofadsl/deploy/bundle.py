"""Several subnets of one supernet in one process, sharing weights, switched while requests run.

In: a folder that `ofadsl bundle` wrote. A request that has begun ends with the subnet it began
with; a switch changes which subnet the next request sees, and allocates nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ofadsl.deploy.folding import fold_at_run_time
from ofadsl.deploy.sharing import Place, view
from ofadsl.diagnostics import fault

INDEX, SHARED = "bundle.json", "shared.safetensors"
_LEAST = 1e-9
"""A limit below this counts as this: where no time is left, the cheapest is the nearest."""
_LARGEST = 1 << 14
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One subnet of a bundle: what it is and what it costs."""

    name: str
    resolution: int
    costs: Mapping[str, float]
    """By the name of the cost: ``macs``, ``params``, ``latency[pixel]`` in ms..."""
    accuracy: float | None
    places: Mapping[str, Place]

    @property
    def worth(self) -> tuple[float, float]:
        """What makes one subnet better than another: accuracy, then size."""
        return (self.accuracy or 0.0, self.costs.get("macs", 0.0))


class Bundle:
    """Subnets that share weights. Call it as a network; ``use`` and ``choose`` switch.

    Safe under threads: a call takes the chosen subnet once, at its start.
    """

    def __init__(self, members: Sequence[Member], subnets: Mapping[str, nn.Module]) -> None:
        """Hold ``subnets`` by name; the best of ``members`` is the first in use."""
        self.members = tuple(sorted(members, key=lambda member: member.worth, reverse=True))
        self._subnets = dict(subnets)
        self._known = {member.name: member for member in members}
        self._chosen = (self.members[0], self._subnets[self.members[0].name])

    @classmethod
    def load(cls, folder: Path | str) -> Bundle:
        """Return the bundle of ``folder``; OFA270 where it cannot be read."""
        path = Path(folder)
        try:
            members = [_member(one) for one in _read(path / INDEX)["subnets"]]
            masters = _laid_out(safetensors.torch.load_file(path / SHARED))
            shared = _shared(members)
            nets = {one.name: _subnet(path, one, masters, shared) for one in members}
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise _broken(path, reason) from error
        except Exception as error:  # programs of the folder are run: any error is possible
            reason = " ".join(str(error).split())[:160]
            raise _broken(path, f"{type(error).__name__}: {reason}") from error
        if not members or len(nets) < len(members):
            raise _broken(path, "its subnets have no names of their own" if nets else "it is empty")
        return cls(members, nets)

    @property
    def current(self) -> str:
        """The name of the subnet that the next request sees."""
        return self._chosen[0].name

    def __getitem__(self, name: str) -> nn.Module:
        """Return a subnet by name; OFA271 for one that is not there."""
        return self._subnets[self._member(name).name]

    def use(self, name: str) -> Member:
        """Let requests that begin from now on see the subnet ``name``."""
        member = self._member(name)
        self._chosen = (member, self._subnets[name])  # one assignment: no thread sees half of it
        return member

    def choose(
        self, *, latency_ms: float | None = None, device: str | None = None, **limits: float
    ) -> Member:
        """Use the best subnet within limits: of latency on a device, or of any cost by name.

        Where none is within, the one nearest to the limits is used. OFA272 for a cost that the
        bundle does not know.
        """
        named = dict(limits)
        if latency_ms is not None:
            named[f"latency[{device}]" if device else self._only_latency()] = latency_ms
        excess = {member.name: self._excess(member, named) for member in self.members}
        least = min(excess.values())
        best = next(member for member in self.members if excess[member.name] == least)
        return self.use(best.name)

    def __call__(self, images: Tensor) -> Tensor:
        """Return the logits of images (n, channels, height, width), resized where needed."""
        member, subnet = self._chosen
        with torch.inference_mode():
            size = (member.resolution, member.resolution)
            if tuple(images.shape[-2:]) != size:
                images = F.interpolate(images, size, mode="bilinear", antialias=True)
            logits: Tensor = subnet(images)
            return logits

    def nbytes(self) -> int:
        """Return the bytes of all tensors, each memory once."""
        found = {}
        for subnet in self._subnets.values():
            for tensor in (*subnet.parameters(), *subnet.buffers()):
                storage = tensor.untyped_storage()
                found[storage.data_ptr()] = storage.nbytes()
        return sum(found.values())

    def _member(self, name: str) -> Member:
        if name not in self._known:
            listed = ", ".join(self._known)
            raise fault("OFA271", f"the bundle has no subnet {name[:40]}", help=f"it has {listed}")
        return self._known[name]

    def _only_latency(self) -> str:
        """Return the one latency that is known; OFA272 where it is not one."""
        known = sorted({cost for one in self.members for cost in one.costs if _is_latency(cost)})
        if len(known) != 1:
            listed = ", ".join(known) or "none"
            message = f"the bundle knows the latency of {len(known)} devices: {listed}"
            raise fault("OFA272", message, help="say which with device=...")
        return known[0]

    def _excess(self, member: Member, limits: Mapping[str, float]) -> float:
        """Return by which part a subnet passes its limits; 0 within them."""
        if any(math.isnan(limit) for limit in limits.values()):
            raise ValueError(f"a limit is a number, not NaN: {dict(limits)}")
        unknown = [cost for cost in limits if cost not in member.costs]
        if unknown:
            listed = ", ".join(member.costs)
            message = f"the bundle does not know {unknown[0]} of {member.name}"
            raise fault("OFA272", message, help=f"it knows {listed}")
        return max(
            (
                max(0.0, member.costs[cost] / max(limit, _LEAST) - 1)
                for cost, limit in limits.items()
            ),
            default=0.0,
        )


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _member(data: Any) -> Member:
    name = str(data["name"])
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name[:40]}")
    resolution = int(data["arch"]["resolution"])
    if not 1 <= resolution <= _LARGEST:
        raise ValueError(f"the resolution {resolution}")
    return Member(
        name=name,
        resolution=resolution,
        costs={str(name): _finite(cost) for name, cost in data["costs"].items()},
        accuracy=None if data["accuracy"] is None else _finite(data["accuracy"]),
        places={
            str(name): Place(name=str(master), shape=tuple(map(int, shape)))
            for name, (master, shape) in data["tensors"].items()
        },
    )


def _finite(value: Any) -> float:
    """Return a number that can be compared with others."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"the cost {number}")
    return number


def _laid_out(masters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the masters, those of images with the channels of a pixel side by side."""
    last = torch.channels_last
    return {
        name: one.contiguous(memory_format=last) if one.ndim == 4 else one
        for name, one in masters.items()
    }


def _subnet(
    folder: Path, member: Member, masters: Mapping[str, Tensor], shared: Collection[str]
) -> nn.Module:
    """Return a subnet as its ``subnet.py`` says, with the memory of the masters."""
    path = folder / member.name / "subnet.py"
    scope: dict[str, Any] = {"__name__": "subnet", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    with torch.device("meta"):
        subnet: nn.Module = scope["Subnet"]()
    state = {name: view(masters, place) for name, place in member.places.items()}
    subnet.load_state_dict(state, assign=True)
    missing = [key for key, one in subnet.state_dict().items() if one.is_meta]
    if missing:
        raise ValueError(f"{member.name} has no {missing[0]}")
    kept = {name for name, place in member.places.items() if place.name in shared}
    return fold_at_run_time(subnet.eval(), kept)


def _shared(members: Sequence[Member]) -> set[str]:
    """Return the masters that more than one subnet uses."""
    users = Counter(place.name for member in members for place in member.places.values())
    return {name for name, count in users.items() if count > 1}


def _is_latency(cost: str) -> bool:
    return cost.startswith("latency[")


def _broken(path: Path, reason: str) -> Exception:
    return fault("OFA270", f"the bundle {path} cannot be read: {reason}", help="write it again")
