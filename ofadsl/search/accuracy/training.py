"""Fit a perceptron with torch: its members at once, each with weights and batches of its own."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from ofadsl.search.accuracy.features import Single
from ofadsl.search.accuracy.perceptron import Perceptron
from ofadsl.search.front import Floats

_MEMBERS, _HIDDEN = 3, (64, 64)
_STEPS, _BATCH, _RATE, _DECAY = 800, 256, 4e-3, 0.1


def fit_perceptron(columns: Single, widths: tuple[int, int, int], y: Floats) -> Perceptron:
    """Return the fit to all archs; the same input gives the same output on the same machine."""
    generator = torch.Generator().manual_seed(0)
    centre, spread = float(y.mean()), float(y.std()) or 1.0
    table = columns.astype(np.float64)
    shift, deviation = table.mean(axis=0), table.std(axis=0)
    shift[widths[0] :] = 0  # 0 says that a dimension does not matter
    scale = np.ones(table.shape[1])
    sizes = slice(0, widths[0])
    scale[sizes] = np.divide(1, deviation[sizes], out=scale[sizes] * 0, where=deviation[sizes] > 0)
    z = torch.tensor((table - shift) * scale, dtype=torch.float32)
    target = torch.tensor((y - centre) / spread, dtype=torch.float32)
    edges = (table.shape[1], *_HIDDEN, 1)
    weights = [
        (torch.randn(_MEMBERS, a, b, generator=generator) * (2 / a) ** 0.5).requires_grad_()
        for a, b in itertools.pairwise(edges)
    ]
    biases = [torch.zeros(_MEMBERS, b, requires_grad=True) for b in edges[1:]]
    _descend(z, target, weights, biases, generator)
    with torch.no_grad():
        weights[-1] *= spread
        biases[-1] *= spread
        biases[-1] += centre
    return Perceptron(
        shift=shift,
        scale=scale,
        weights=tuple(_array(weight) for weight in weights),
        biases=tuple(_array(bias) for bias in biases),
    )


def _descend(
    z: Tensor,
    target: Tensor,
    weights: list[Tensor],
    biases: list[Tensor],
    generator: torch.Generator,
) -> None:
    optimiser = torch.optim.AdamW(weights, lr=_RATE, weight_decay=_DECAY)
    optimiser.add_param_group({"params": biases, "weight_decay": 0.0})
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    batch = min(_BATCH, len(z))
    for _ in range(_STEPS):
        rows = torch.randint(len(z), (_MEMBERS, batch), generator=generator)
        found = z[rows]
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            found = torch.baddbmm(bias[:, None, :], found, weight)
            found = found if i == len(weights) - 1 else torch.relu(found)
        loss = torch.nn.functional.mse_loss(found[..., 0], target[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _array(tensor: Tensor) -> Floats:
    return np.asarray(tensor.detach().numpy(), np.float64)
