"""Write a checkpoint, ours or a foreign one, as safetensors under our names."""

from __future__ import annotations

from pathlib import Path

import torch

from ofadsl.files import write_durable, writing
from ofadsl.specialize.weights import TRAINED, Origin, load_weights
from ofadsl.tensors import tensor_bytes


def convert_weights(supernet: torch.nn.Module, source: Path, target: Path) -> Origin:
    """Read ``source`` into ``supernet`` and write ``target``, whole or not at all.

    Raises Diagnostics where the checkpoint does not fit the space.
    """
    origin = load_weights(supernet, source, retarget=True)
    said = {TRAINED: "1"} if origin.trained else {}
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_durable(target, [tensor_bytes(supernet.state_dict(), source=origin.sha256, **said)])
    return origin
