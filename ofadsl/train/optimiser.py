"""The optimiser of a supernet, its learning rate at each step, and its state by name.

Weights decay; norms, biases, tables of positions and class tokens do not. What a step does not
use has no gradient, and is left alone by momentum and decay too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ofadsl.compiler.schedule.plan import Phase
from ofadsl.nn import Elastic
from ofadsl.ops.attention import TABLES
from ofadsl.train.settings import Settings

TOKENS = ("position_table", "class_token")


def make_optimiser(supernet: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Return the optimiser; its learning rate is set before each step."""
    kept = set(undecayed(supernet))
    named = dict(supernet.named_parameters())
    groups = [
        {"params": [p for n, p in named.items() if n not in kept], "weight_decay": settings.decay},
        {"params": [p for n, p in named.items() if n in kept], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=0.0)
    nesterov = settings.momentum > 0
    return torch.optim.SGD(groups, lr=0.0, momentum=settings.momentum, nesterov=nesterov)


def undecayed(supernet: torch.nn.Module) -> Iterator[str]:
    """Yield the names of the parameters that weight decay would harm."""
    for path, module in supernet.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            token = isinstance(module, Elastic) and module.op.name in TOKENS
            if parameter.dim() <= 1 or token or name in TABLES:
                yield f"{path}.{name}" if path else name


def learning_rate(phase: Phase, *, peak: float, step: int, steps: int, per_epoch: int) -> float:
    """Return the rate of step ``step`` of the ``steps`` of a phase.

    It rises in a line over the warm-up, and falls as half a cosine over the rest.
    """
    warm = min(round(phase.warmup * per_epoch), steps)
    if step < warm:
        return peak * (step + 1) / (warm + 1)
    if phase.decay == "constant":
        return peak
    return peak * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of all parameters."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def optimiser_tensors(
    optimiser: torch.optim.Optimizer, supernet: torch.nn.Module
) -> dict[str, Tensor]:
    """Return the optimiser's state as ``slot/parameter``."""
    found = {}
    for name, parameter in supernet.named_parameters():
        for slot, tensor in optimiser.state.get(parameter, {}).items():
            if isinstance(tensor, Tensor):
                found[f"{slot}/{name}"] = tensor
    return found


def load_optimiser(
    optimiser: torch.optim.Optimizer, supernet: torch.nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what ``optimiser_tensors`` returned."""
    named = dict(supernet.named_parameters())
    optimiser.state.clear()
    for key, tensor in tensors.items():
        slot, _, name = key.partition("/")
        parameter = named[name]
        placed = tensor.clone()
        if tensor.shape == parameter.shape:
            placed = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
        optimiser.state[parameter][slot] = placed
