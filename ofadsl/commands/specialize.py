"""The road of `ofadsl specialize`: files in, a subnet's folder out, and what to say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ofadsl.choices import Arch
from ofadsl.commands.answer import Answer
from ofadsl.commands.images import preprocessing
from ofadsl.commands.packages import Loaded, find_package, load_package
from ofadsl.commands.pick import picked
from ofadsl.diagnostics import fault
from ofadsl.specialize.archs import decode, read_json, space_of
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.verify import verify
from ofadsl.specialize.weights import load_weights
from ofadsl.specialize.write import Record, write_subnet
from ofadsl.train.data.fit import check_classes
from ofadsl.train.data.open import open_data
from ofadsl.train.statistics import has_statistics, recomputed, statistics_batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for."""

    arch: Path | None = None
    front: Path | None = None
    pick: str | None = None
    space: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    weights: Path | None = None
    recompute_bn: str | None = None
    """The data set whose training images give the batch norm statistics."""
    output: Path | None = None
    fold_bn: bool = True
    verify: bool = True
    resolution: int | None = None
    generated: Path = Path("generated")


def run(request: Request) -> Answer:
    """Specialise, verify and write; raise Diagnostics where the input is at fault."""
    request, file, chosen = _chosen(request)
    form = read_json(file)
    package = _package(request, file, form)
    arch_class: type[Arch] = package.module.Arch
    decoded = decode(form, arch_class, resolution=request.resolution)
    arch: Any = decoded.arch
    supernet = package.supernet()
    origin = None if request.weights is None else load_weights(supernet, request.weights)
    notes = [*chosen, *decoded.notes, *(origin.notes if origin else ())]
    warnings = []
    channels = package.module.CHANNELS
    data = None
    if request.recompute_bn is not None:
        data = open_data(request.recompute_bn, channels=channels)
        check_classes(supernet, arch, data)
        supernet = recomputed(supernet, arch, statistics_batches(data, size=arch.resolution))
    elif origin is not None and origin.trained and has_statistics(supernet):
        warnings.append(f"warning: {_OTHER_STATISTICS}")
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, channels, arch.resolution, arch.resolution, generator=generator)
    subnet = specialize(supernet, arch, fold_bn=request.fold_bn)
    error = 0.0
    if request.verify:
        error = verify(subnet, supernet, arch, image, exact=not request.fold_bn)
    folder = request.output or Path("subnets") / file.stem
    record = Record(
        source=package.source,
        arch=arch,
        space_hash=package.module.cost.SPACE_HASH,
        weights=origin,
        folded=request.fold_bn,
        statistics=request.recompute_bn,
        error=error,
        preprocessing=preprocessing(channels, data),
        classes=None if data is None else data.classes,
    )
    size = write_subnet(folder, subnet, image, record)
    lines = [*warnings, *(f"note: {note}" for note in notes)]
    if origin is None:
        lines.append("note: the weights are random; give a checkpoint with --weights")
    lines += [
        f"{arch.space} at {arch.resolution}: {size.params:,} parameters, {size.macs:,} MACs",
        _verified(request, error),
        f"wrote {folder}/subnet.py, weights.safetensors and subnet.json",
    ]
    return Answer(lines=tuple(lines), data=json.loads((folder / "subnet.json").read_text()))


_OTHER_STATISTICS = (
    "the batch norm statistics are the supernet's, not this subnet's, and its accuracy is wrong "
    "with them; recompute them from training images: --recompute-bn DIR"
)


def _verified(request: Request, error: float) -> str:
    if not request.verify:
        return "not verified against the supernet"
    if error == 0:
        return "verified: equal to the supernet, bit for bit"
    return f"verified: differs from the supernet by {error:.1e} of its mean output"


def _chosen(request: Request) -> tuple[Request, Path, tuple[str, ...]]:
    """Return the file of the arch, with the space that its front is of, and what to say of it."""
    if request.front is None:
        assert request.arch is not None, "neither an arch nor a front"
        return request, request.arch, ()
    found = picked(request.front, request.pick, request.generated)
    if request.space is None:
        request = replace(request, space=found.space, settings=found.settings)
    return request, found.arch, (found.note,)


def _package(request: Request, file: Path, data: object) -> Loaded:
    if request.space is not None:
        return load_package(request.space, request.settings)
    name = space_of(data)
    if name is None:
        message = f"{file} names no space"
        raise fault("OFA100", message, help="say which with --space FILE.ofa")
    if request.settings:
        message = "--set needs --space: a generated package has its settings already"
        raise fault("OFA101", message, help="add --space FILE.ofa")
    return find_package(name, request.generated)
