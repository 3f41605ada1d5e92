"""The road of `ofadsl quantize`: a subnet's folder and images in, a folder that int8 suits out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ofadsl.commands.answer import Answer
from ofadsl.commands.images import images_of
from ofadsl.deploy.compare import accuracy
from ofadsl.deploy.extras import need
from ofadsl.deploy.hush import hushed
from ofadsl.deploy.images import Images
from ofadsl.deploy.subnet import Subnet, read_subnet
from ofadsl.diagnostics import fault
from ofadsl.specialize.write import new_subnet
from ofadsl.tensors import tensor_bytes
from ofadsl.train.data.batches import batches
from ofadsl.train.data.open import open_data

_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for."""

    subnet: Path
    data: str
    output: Path
    epochs: int = 1
    seed: int = 0


def run(request: Request) -> Answer:
    """Train, compare the accuracies, and write; raise Diagnostics where something is at fault."""
    need("quant", ("torchao",), "quantize")
    with hushed():  # torchao tells at its import what it does not find
        from ofadsl.deploy.quantize import quantised, train_int8
    subnet = read_subnet(request.subnet)
    images = images_of(request.data, subnet)
    if images.labels is None:
        message = f"{request.data} does not have the {subnet.classes} classes of the network"
        raise fault("OFA258", message, help="train on images of the same classes")
    data = open_data(request.data, channels=subnet.image[0])
    size = min(_BATCH, len(data.train))

    def drawn() -> Iterator[Tensor]:
        for epoch in range(request.epochs):
            for batch in batches(
                data.train,
                size=subnet.image[1],
                batch=size,
                seed=request.seed,
                epoch=epoch,
                drop_last=True,
            ):
                yield batch.images

    steps = request.epochs * (len(data.train) // size)
    with new_subnet(request.output) as draft:
        trained = train_int8(subnet.module, drawn(), steps)
        found = {
            "float32": _accuracy(subnet.module, images),
            "int8": _accuracy(quantised(subnet.module, images.calibration), images),
            "float32 trained": _accuracy(trained, images),
            "int8 trained": _accuracy(quantised(trained, images.calibration), images),
        }
        record = {
            "data": data.name,
            "epochs": request.epochs,
            "images": len(images.labels),
            "accuracy": found,
        }
        _write(draft, subnet, trained, record)
    shares = ", ".join(f"{name} {share:.2%}" for name, share in found.items())
    lines = (f"accuracy on {len(images.labels)} images: {shares}", f"wrote {request.output}")
    return Answer(lines=lines, data=record)


def _accuracy(module: torch.nn.Module, images: Images) -> float:
    assert images.test is not None
    assert images.labels is not None
    with torch.no_grad():
        return accuracy(module, images.test, images.labels, None)


def _write(draft: Path, subnet: Subnet, trained: torch.nn.Module, record: dict[str, Any]) -> None:
    """Write the three files of a subnet."""
    described = json.loads((subnet.folder / "subnet.json").read_text(encoding="utf-8"))
    described |= {"verification": None, "quantization": record}
    shutil.copyfile(subnet.folder / "subnet.py", draft / "subnet.py")
    (draft / "subnet.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    (draft / "weights.safetensors").write_bytes(tensor_bytes(trained.state_dict()))
