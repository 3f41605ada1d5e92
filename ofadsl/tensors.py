"""Tensors as the bytes of a safetensors file, the same for the same tensors.

Whoever writes a file writes these bytes: the library's own way to a file has, for a disk that is
full, an error of its own instead of an OSError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import safetensors.torch
from torch import Tensor


def tensor_bytes(tensors: Mapping[str, Tensor], **said: str) -> bytes:
    """Return tensors by name as a file, with what is ``said`` of them.

    The header is put in order: the library writes what is said in an order that differs each time.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(whole, {"format": "pt", **said})
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:start]), sort_keys=True).encode()
    padded = header.ljust(-(-len(header) // 8) * 8)  # tensors begin at a multiple of 8
    return len(padded).to_bytes(8, "little") + padded + data[start:]
