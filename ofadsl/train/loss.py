"""What a subnet is told: by labels, and by the logits of a teacher.

All take logits (batch, classes) and return the mean over the batch. A teacher's logits are
detached here, so that no gradient ever reaches it. Computed in float32 whatever the logits are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Soft = Callable[[Tensor, Tensor], Tensor]

CLIP = 5.0
"""The largest importance ratio of the alpha-divergence, as AlphaNet has it."""


def label_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Return the cross-entropy with labels, which keep 1 - ``smoothing`` of the weight."""
    return functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def soft_loss(kind: Literal["kl", "mse", "alpha"]) -> Soft:
    """Return the loss ``(student, teacher)`` of that name."""
    return {"kl": soft_cross_entropy, "mse": logit_error, "alpha": alpha_divergence}[kind]


def soft_cross_entropy(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the cross-entropy with soft labels; its gradient is that of KL(teacher, student)."""
    soft = functional.softmax(teacher.detach().float(), 1)
    return functional.cross_entropy(student.float(), soft)


def logit_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of the logits."""
    return functional.mse_loss(student.float(), teacher.detach().float())


def alpha_divergence(
    student: Tensor, teacher: Tensor, *, low: float = -1.0, high: float = 1.0, clip: float = CLIP
) -> Tensor:
    """Return the adaptive alpha-divergence of AlphaNet (Wang et al., ICML 2021).

    For each image the larger of two divergences counts: ``low`` punishes a student that is sure
    where the teacher is not, ``high`` one that is not where the teacher is. Importance ratios
    above ``clip`` are cut, so that the gradient stays bounded where the teacher gives next to
    nothing.
    """
    log_q = functional.log_softmax(student.float(), 1)
    log_p = functional.log_softmax(teacher.detach().float(), 1)
    sides = [functools.partial(_side, log_p, log_q, clip=clip)(alpha=a) for a in (low, high)]
    (low_value, low_slope), (high_value, high_slope) = sides
    larger = low_value > high_value
    slope = torch.where(larger, low_slope, high_slope)
    value = torch.where(larger, low_value, high_value)
    return (slope - slope.detach() + value).mean()


def _side(log_p: Tensor, log_q: Tensor, *, alpha: float, clip: float) -> tuple[Tensor, Tensor]:
    """Return a divergence, without gradient, and what has its gradient, for each image.

    D = sum q ((p / q)^alpha - 1) / (alpha (alpha - 1)) has the gradient
    -sum q (p / q)^alpha d(log q) / alpha; for alpha = 1 it is KL(p, q).
    """
    fixed = log_q.detach()
    q = fixed.exp()
    if alpha == 1.0:
        p = log_p.exp()
        return (p * (log_p - fixed)).sum(1), -(p * log_q).sum(1)
    ratio = (alpha * (log_p - fixed)).exp().clamp(max=clip)
    value = (q * (ratio - 1)).sum(1) / (alpha * (alpha - 1))
    return value, -(q * ratio * log_q).sum(1) / alpha
