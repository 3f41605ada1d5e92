"""The exponential moving average of the weights (EMA): what is evaluated and kept in the end."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """The average of a supernet's parameters; ``tensors`` has them by name."""

    def __init__(self, supernet: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {n: p.detach().clone() for n, p in supernet.named_parameters()}

    def update(self, supernet: torch.nn.Module, step: int) -> None:
        """Take in the weights after step ``step``; the first steps count for more."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = [p.detach() for p in supernet.parameters()]
        mix = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        mix(list(self.tensors.values()), current, step)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take values that were saved."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    def give(self, supernet: torch.nn.Module) -> None:
        """Set the parameters of ``supernet`` to the average."""
        with torch.no_grad():
            for name, parameter in supernet.named_parameters():
                parameter.copy_(self.tensors[name])
