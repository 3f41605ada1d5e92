"""The road of `ofadsl specialize`: files in, a subnet's folder out, and what to say of it."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ofadsl.choices import Arch
from ofadsl.compiler.emit.package import compile_space, recorded, write
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault
from ofadsl.specialize.archs import decode, read_json, space_of
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.verify import verify
from ofadsl.specialize.weights import load_weights
from ofadsl.specialize.write import Record, write_subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for."""

    arch: Path
    space: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    weights: Path | None = None
    output: Path | None = None
    fold_bn: bool = True
    verify: bool = True
    resolution: int | None = None
    generated: Path = Path("generated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was done, as lines for a person and as data for a program."""

    lines: tuple[str, ...]
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A generated package, imported."""

    module: Any
    source: str

    def supernet(self) -> torch.nn.Module:
        """Return a supernet with initial weights, in eval mode."""
        net: torch.nn.Module = self.module.Supernet()
        return net.eval()


def run(request: Request) -> Result:
    """Specialise, verify and write; raise Diagnostics where the input is at fault."""
    data = read_json(request.arch)
    package = _package(request, data)
    arch_class: type[Arch] = package.module.Arch
    decoded = decode(data, arch_class, resolution=request.resolution)
    arch: Any = decoded.arch
    supernet = package.supernet()
    origin = None if request.weights is None else load_weights(supernet, request.weights)
    notes = [*decoded.notes, *(origin.notes if origin else ())]
    channels = package.module.CHANNELS
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, channels, arch.resolution, arch.resolution, generator=generator)
    subnet = specialize(supernet, arch, fold_bn=request.fold_bn)
    error = 0.0
    if request.verify:
        error = verify(subnet, supernet, arch, image, exact=not request.fold_bn)
    folder = request.output or Path("subnets") / request.arch.stem
    record = Record(
        source=package.source,
        arch=arch,
        space_hash=package.module.cost.SPACE_HASH,
        weights=origin,
        folded=request.fold_bn,
        error=error,
    )
    size = write_subnet(folder, subnet, image, record)
    lines = [f"note: {note}" for note in notes]
    if origin is None:
        lines.append("note: the weights are random; give a checkpoint with --weights")
    lines += [
        f"{arch.space} at {arch.resolution}: {size.params:,} parameters, {size.macs:,} MACs",
        _verified(request, error),
        f"wrote {folder}/subnet.py, weights.safetensors and subnet.json",
    ]
    return Result(lines=tuple(lines), data=json.loads((folder / "subnet.json").read_text()))


def _verified(request: Request, error: float) -> str:
    if not request.verify:
        return "not verified against the supernet"
    if error == 0:
        return "verified: equal to the supernet, bit for bit"
    return f"verified: differs from the supernet by {error:.1e} of its mean output"


def _package(request: Request, data: object) -> Loaded:
    if request.space is not None:
        return load_package(request.space, request.settings)
    name = space_of(data)
    if name is None:
        message = f"{request.arch} names no space"
        raise fault("OFA100", message, help="say which with --space FILE.ofa")
    known = {Path(source).stem: (source, said) for source, said in recorded(request.generated)}
    folder = request.generated / name
    if not name.isidentifier() or not (folder / "supernet.py").is_file():
        listed = ", ".join(sorted(known)) or "nothing"
        help = f"compile it, or give --space FILE.ofa; {request.generated} holds {listed}"
        raise fault("OFA100", f"no package of the space {name[:80]} was generated", help=help)
    if request.settings:
        message = "--set needs --space: a generated package has its settings already"
        raise fault("OFA101", message, help="add --space FILE.ofa")
    module = _import(folder)
    return Loaded(module=module, source=module.SOURCE)


def load_package(path: Path, settings: Mapping[str, str]) -> Loaded:
    """Compile a space and import what was generated, leaving nothing behind."""
    package = compile_space(path, settings)
    with tempfile.TemporaryDirectory(prefix="ofadsl-") as temporary:
        write(package, temporary)
        module = _import(Path(temporary) / package.name)
    return Loaded(module=module, source=shown_path(path))


def _import(folder: Path) -> Any:
    """Import a generated package under a name of its own."""
    name = f"_ofadsl_generated_{folder.name}"
    for old in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[old]
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
