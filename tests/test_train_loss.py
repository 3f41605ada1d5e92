"""Losses: their values and gradients against what the formulas say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ofadsl.train.loss import alpha_divergence, label_loss, logit_error, soft_cross_entropy


@pytest.fixture
def logits() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 5, generator=generator, dtype=torch.float32)
    return student.requires_grad_(), teacher.requires_grad_()


def slope(loss: Tensor, of: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, of)
    return found


def divergence(student: Tensor, teacher: Tensor, alpha: float) -> Tensor:
    """Return the alpha-divergence of each image, as a formula for autograd."""
    p, q = teacher.softmax(1), student.softmax(1)
    if alpha == 1:
        return (p * (p / q).log()).sum(1)
    return (q * ((p / q) ** alpha - 1)).sum(1) / (alpha * (alpha - 1))


def test_smoothed_labels_give_every_class_its_part(logits: tuple[Tensor, Tensor]) -> None:
    student, _ = logits
    labels = torch.arange(6) % 5
    soft = functional.one_hot(labels, 5) * 0.9 + 0.1 / 5
    expected = -(soft * student.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(label_loss(student, labels, 0.1), expected)


def test_soft_labels_pull_as_the_kullback_leibler_divergence(
    logits: tuple[Tensor, Tensor],
) -> None:
    student, teacher = logits
    expected = slope(divergence(student, teacher.detach(), 1).mean(), student)
    torch.testing.assert_close(slope(soft_cross_entropy(student, teacher), student), expected)


@pytest.mark.parametrize("loss", [soft_cross_entropy, logit_error, alpha_divergence])
def test_no_gradient_reaches_the_teacher(loss: object, logits: tuple[Tensor, Tensor]) -> None:
    student, teacher = logits
    loss(student, teacher).backward()  # type: ignore[operator]
    assert teacher.grad is None
    assert student.grad is not None


def test_the_alpha_divergence_is_the_larger_side_of_each_image(
    logits: tuple[Tensor, Tensor],
) -> None:
    student, teacher = logits
    sides = [divergence(student, teacher.detach(), alpha) for alpha in (-1, 1)]
    expected = torch.maximum(*sides).mean()
    found = alpha_divergence(student, teacher, clip=float("inf"))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(slope(found, student), slope(expected, student))
    wins = [bool(low > high) for low, high in zip(*sides, strict=True)]
    assert len(set(wins)) == 2  # both sides are in the test


def test_clipping_bounds_what_a_class_the_teacher_denies_can_do() -> None:
    teacher = torch.tensor([[0.0, -60.0]])
    student = torch.zeros(1, 2, requires_grad=True)
    free = slope(alpha_divergence(student, teacher, clip=float("inf")), student)
    clipped = slope(alpha_divergence(student, teacher), student)
    assert free.abs().max() > 1e6
    assert clipped.abs().max() < 5


def test_equal_logits_diverge_by_nothing(logits: tuple[Tensor, Tensor]) -> None:
    student, _ = logits
    found = alpha_divergence(student, student.detach().clone())
    torch.testing.assert_close(found, torch.tensor(0.0))
    assert slope(found, student).abs().max() < 1e-6


def test_losses_of_half_precision_are_computed_in_full() -> None:
    logits = torch.randn(2, 3, dtype=torch.bfloat16)
    for loss in (soft_cross_entropy, logit_error, alpha_divergence):
        assert loss(logits, logits + 1).dtype == torch.float32
