"""Whether a network and a data set fit each other, found out before anything slow begins."""

from __future__ import annotations

import torch

from ofadsl.choices import Arch
from ofadsl.diagnostics import fault
from ofadsl.train.data.source import Data


def check_classes(supernet: torch.nn.Module, arch: Arch, data: Data) -> None:
    """Raise OFA189 where ``supernet``, in eval mode, has not one output for each class."""
    size: int = arch.resolution  # type: ignore[attr-defined]
    device = next(supernet.parameters()).device
    with torch.no_grad():
        outputs = supernet(torch.zeros(1, data.channels, size, size, device=device), arch).shape[1]
    if outputs != len(data.classes):
        message = f"the space has {outputs} classes, {data.name} has {len(data.classes)}"
        help = f"give --set classes={len(data.classes)}, or other data"
        raise fault("OFA189", message, help=help)
