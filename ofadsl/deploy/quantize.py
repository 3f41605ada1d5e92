"""Train a subnet in int8: its weights learn to be rounded.

In: a network and images. Out: the same network with other weights, in float32, which lose little
when an exporter quantises them. Rounding is simulated while it trains (torchao, PT2E), and what it
learns is to say what it said before: the labels taught it already, and one epoch of them alone
moves a good network away from where long training had brought it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torchao.quantization.pt2e import move_exported_model_to_eval
from torchao.quantization.pt2e.quantize_pt2e import (
    convert_pt2e,
    prepare_pt2e,
    prepare_qat_pt2e,
)
from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
    X86InductorQuantizer,
    get_default_x86_inductor_quantization_config,
)

from ofadsl.deploy.exporter import in_torch_order
from ofadsl.deploy.quiet import quiet

RATE = 2e-3


def quantised(module: torch.nn.Module, images: Tensor) -> torch.nn.Module:
    """Return a network that computes as int8 does, with ranges that are read from ``images``."""
    with quiet(), torch.no_grad():
        prepared = prepare_pt2e(_program(module, images), _quantizer(training=False))
        prepared(images)
        found: torch.nn.Module = convert_pt2e(prepared)
    return found


def train_int8(module: torch.nn.Module, batches: Iterable[Tensor], steps: int) -> torch.nn.Module:
    """Return a copy of ``module`` trained for ``steps`` batches, the rate falling as a cosine."""
    batches = iter(batches)
    images = next(batches)
    with quiet():
        prepared = prepare_qat_pt2e(_program(module, images), _quantizer(training=True))
    optimizer = torch.optim.SGD(prepared.parameters(), lr=RATE, momentum=0.9)
    for step in range(steps):
        rate = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.no_grad():
            taught = module(images).softmax(1)
        loss = torch.nn.functional.cross_entropy(prepared(images), taught)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        images = next(batches, images)
    with quiet():
        move_exported_model_to_eval(prepared)
    trained = copy.deepcopy(module)
    found = dict(prepared.named_parameters())
    with torch.no_grad():
        for name, parameter in trained.named_parameters():
            parameter.copy_(found[name])
    return trained.eval()


def _program(module: torch.nn.Module, images: Tensor) -> torch.nn.Module:
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(in_torch_order(module), (images,), dynamic_shapes=shapes)
    return program.module()


def _quantizer(*, training: bool) -> X86InductorQuantizer:
    quantizer = X86InductorQuantizer()
    return quantizer.set_global(get_default_x86_inductor_quantization_config(is_qat=training))
