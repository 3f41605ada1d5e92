"""Strided convolutions whose padding needs no padded copy of their input.

TensorFlow's "same" padding of a kernel of odd size with stride 2 on a map of even size begins one
pixel later than torch's, so a converter copies the map into a larger one first: on a
microcontroller that copy is often the peak of memory. With a last row and column of zeros the
kernel has an even size, for which both paddings begin alike. The result is equal to the bit.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn import functional as F


def same_padding(module: torch.nn.Module, image: Tensor) -> torch.nn.Module:
    """Return a copy of ``module`` whose strided kernels are of even size, where that helps."""
    module = copy.deepcopy(module)
    sizes: dict[torch.nn.Conv2d, torch.Size] = {}

    def note(conv: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(conv, torch.nn.Conv2d)
        sizes[conv] = inputs[0].shape[2:]

    convs = [conv for conv in module.modules() if isinstance(conv, torch.nn.Conv2d)]
    hooks = [conv.register_forward_pre_hook(note) for conv in convs]
    with torch.no_grad():
        module(image)
    for hook in hooks:
        hook.remove()
    for conv, size in sizes.items():
        odd = all(k % 2 == 1 and k > 1 for k in conv.kernel_size)
        if odd and conv.stride == (2, 2) and all(extent % 2 == 0 for extent in size):
            conv.weight = torch.nn.Parameter(F.pad(conv.weight.detach(), (0, 1, 0, 1)))
            conv.kernel_size = (conv.kernel_size[0] + 1, conv.kernel_size[1] + 1)
    return module
