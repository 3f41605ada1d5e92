"""Write a checkpoint, ours or a foreign one, as safetensors under our names."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import safetensors.torch
import torch

from ofadsl.files import writing
from ofadsl.specialize.weights import TRAINED, Origin, load_weights


def convert_weights(supernet: torch.nn.Module, source: Path, target: Path) -> Origin:
    """Read ``source`` into ``supernet`` and write ``target``, whole or not at all.

    Raises Diagnostics where the checkpoint does not fit the space.
    """
    origin = load_weights(supernet, source, retarget=True)
    state = {name: tensor.contiguous() for name, tensor in supernet.state_dict().items()}
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        try:
            metadata = {"format": "pt", "source": origin.sha256}
            metadata |= {TRAINED: "1"} if origin.trained else {}
            safetensors.torch.save_file(state, draft, metadata)
            os.chmod(draft, 0o644)
            os.replace(draft, target)
        finally:
            Path(draft).unlink(missing_ok=True)
    return origin
