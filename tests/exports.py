"""Write a small subnet of a space for a test of exporters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from packages import compiled
from test_supernet import small_archs

from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.write import Record, write_subnet


def write_small_subnet(name: str, folder: Path, *settings: str, arch: Any = None) -> Path:
    """Write a subnet, by default one of the lowest resolution, with statistics that matter."""
    torch.manual_seed(0)
    space = compiled(name, *settings)
    supernet = space.module.Supernet().eval()
    with torch.no_grad():
        for key, tensor in supernet.state_dict().items():
            if "running_var" in key or key.endswith("bn.weight"):
                tensor.uniform_(0.5, 1.5)
            elif key.endswith("bias"):
                tensor.uniform_(-0.1, 0.5)
    arch = arch or small_archs(space, 1)[0]
    image = torch.randn(1, space.module.CHANNELS, arch.resolution, arch.resolution)
    subnet = specialize(supernet, arch)
    write_subnet(folder, subnet, image, Record(source=f"{name}.ofa", arch=arch))
    return folder
