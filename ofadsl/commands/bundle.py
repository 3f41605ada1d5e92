"""The road of `ofadsl bundle`: a front and weights in, subnets that share their tensors out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from ofadsl.choices import Arch
from ofadsl.commands.answer import Answer
from ofadsl.commands.images import preprocessing
from ofadsl.commands.packages import Loaded, load_package
from ofadsl.deploy.bundle import INDEX, SHARED
from ofadsl.deploy.sharing import Shared, share
from ofadsl.diagnostics import fault
from ofadsl.folders import written_whole
from ofadsl.search.front import Front, arch_name, read_front
from ofadsl.specialize.pipeline import sharable
from ofadsl.specialize.verify import verify
from ofadsl.specialize.weights import Origin, load_weights
from ofadsl.specialize.write import Record, Size, write_subnet
from ofadsl.tensors import tensor_bytes
from ofadsl.train.data.fit import check_classes
from ofadsl.train.data.open import open_data
from ofadsl.train.data.source import Data
from ofadsl.train.statistics import IMAGES, recomputed, statistics_batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to bundle."""

    front: Path
    weights: Path | None = None
    data: str | None = None
    number: int = 5
    names: tuple[str, ...] = ()
    space: Path | None = None
    output: Path = Path("bundle")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Supply:
    """What subnets are made of."""

    front: Front
    package: Loaded
    supernet: torch.nn.Module
    origin: Origin | None
    data: Data | None

    def arch(self, row: int) -> Any:
        """Return a row of the front as an arch of the package."""
        return self.package.module.Arch.from_dict(self.front.archs[row])


def bundle(request: Request) -> Answer:
    """Specialise the chosen archs of a front, and write them with each tensor once."""
    front = read_front(request.front)
    rows = _chosen(front, request)
    supply = _supply(front, request)
    with written_whole(request.output, "a bundle", lambda found: INDEX in found) as draft:
        made = [_subnet(draft, supply, row) for row in rows]
        shared = share([state for state, _ in made])
        (draft / SHARED).write_bytes(tensor_bytes(shared.masters))
        index = _index(front, rows, shared, [size for _, size in made])
        (draft / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    apart = [_nbytes(state) for state, _ in made]
    stored = _nbytes(shared.masters)
    notes = [f"note: {note}" for note in (supply.origin.notes if supply.origin else ())]
    if supply.origin is None:
        notes.append("note: the weights are random; give a checkpoint with --weights")
    elif supply.data is None:
        notes.append("note: statistics are the supernet's, so the accuracy is not its; give --data")
    lines = (
        *notes,
        f"{len(rows)} subnets of {front.space}: {stored / 1e6:.2f} MB of tensors, "
        f"{stored / max(apart):.2f} of the largest alone, {stored / sum(apart):.2f} of all apart",
        f"wrote {request.output}/{INDEX}, {SHARED} and {len(rows)} subnets",
    )
    names = [arch_name(row) for row in rows]
    data = {"folder": str(request.output), "subnets": names, "bytes": stored, "apart": apart}
    return Answer(lines=lines, data=data)


def _chosen(front: Front, request: Request) -> list[int]:
    """Return the rows of a front to bundle: those named, or some that are evenly apart."""
    known = {arch_name(row): row for row in range(len(front.archs))}
    if not known:
        raise fault("OFA274", f"the front {request.front} is empty", help="search again")
    for name in request.names:
        if name not in known:
            help = f"it has {arch_name(0)} to {arch_name(len(known) - 1)}"
            raise fault("OFA274", f"{request.front} has no {name[:40]}", help=help)
    if request.names:
        return sorted({known[name] for name in request.names})
    number = min(request.number, len(known))
    return sorted({int(row) for row in np.linspace(0, len(known) - 1, number).round()})


def _supply(front: Front, request: Request) -> Supply:
    package = load_package(request.space or Path(front.source), front.settings)
    if front.space_hash != package.module.cost.SPACE_HASH:
        message = f"{request.front} was found in another {front.space}"
        raise fault("OFA273", message, help="search again, or give the space with --space")
    supernet = package.supernet()
    origin = None if request.weights is None else load_weights(supernet, request.weights)
    data = None
    if request.data is not None:
        data = open_data(request.data, channels=package.module.CHANNELS)
        check_classes(supernet, package.module.Arch.largest(), data)
    return Supply(front=front, package=package, supernet=supernet, origin=origin, data=data)


def _subnet(draft: Path, supply: Supply, row: int) -> tuple[Mapping[str, Tensor], Size]:
    """Write one subnet but for its tensors, which are returned: they are stored together."""
    arch: Arch = supply.arch(row)
    resolution: int = arch.resolution  # type: ignore[attr-defined]
    supernet = supply.supernet
    if supply.data is not None:
        images = statistics_batches(supply.data, size=resolution, images=IMAGES)
        supernet = recomputed(supernet, arch, images)
    generator = torch.Generator().manual_seed(0)
    channels = supply.package.module.CHANNELS
    image = torch.randn(2, channels, resolution, resolution, generator=generator)
    subnet = sharable(supernet, arch)
    record = Record(
        source=supply.package.source,
        arch=arch,
        space_hash=supply.front.space_hash,
        weights=supply.origin,
        folded=False,
        error=verify(subnet, supernet, arch, image, exact=False),
        preprocessing=preprocessing(channels, supply.data),
        classes=None if supply.data is None else supply.data.classes,
    )
    folder = draft / arch_name(row)
    size = write_subnet(folder, subnet, image, record)
    weights = folder / "weights.safetensors"
    state = safetensors.torch.load_file(weights)
    weights.unlink()
    return state, size


def _index(
    front: Front, rows: Sequence[int], shared: Shared, sizes: Sequence[Size]
) -> dict[str, Any]:
    """Return what `bundle.json` says."""
    subnets = []
    for row, places, size in zip(rows, shared.places, sizes, strict=True):
        costs = {name: float(column[row]) for name, column in front.costs.items()}
        accuracy = costs.pop("accuracy", None)
        subnets.append(
            {
                "name": arch_name(row),
                "arch": front.archs[row],
                "costs": {"macs": size.macs, "params": size.params} | costs,
                "accuracy": accuracy,
                "tensors": {
                    name: [place.name, list(place.shape)] for name, place in places.items()
                },
            }
        )
    return {"space": front.space, "space_hash": front.space_hash, "subnets": subnets}


def _nbytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(one.numel() * one.element_size() for one in tensors.values())
