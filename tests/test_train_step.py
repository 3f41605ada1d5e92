"""A step: which subnets, at which resolutions, what each learns from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from packages import compiled
from torch import Tensor
from trainings import sandwich, small_space

from ofadsl.compiler.schedule.plan import Distil, Fixed, Phase, Sandwich, Uniform
from ofadsl.train.loss import label_loss, soft_cross_entropy
from ofadsl.train.resolution import Sizes, at_resolution, resized
from ofadsl.train.sampling import Subnets
from ofadsl.train.step import Lesson, backward

SMALL = compiled("small")
LABELS = torch.tensor([1, 2, 3, 4])
PLAIN = Lesson(distil=None, label_smoothing=0.0, amp=False)


def images(size: int = 48) -> Tensor:
    return torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(5))


def subnets(phase: Phase) -> Subnets:
    return Subnets(phase, SMALL.module.Arch)


def test_the_archs_of_a_step_follow_from_the_seed_and_the_step_alone() -> None:
    found = subnets(sandwich())
    again = subnets(sandwich())
    assert found.of_step(1, 7) == again.of_step(1, 7)
    archs = {found.of_step(seed, step)[2] for seed in (1, 2) for step in range(10)}
    assert len(archs) > 15


def test_a_sandwich_is_the_largest_the_smallest_and_random_ones() -> None:
    arch = SMALL.module.Arch
    found = subnets(sandwich(space=SMALL.checked.space, sampler=Sandwich(number=3)))
    largest, smallest, *others = found.of_step(0, 0)
    assert (largest, smallest) == (arch.largest(), arch.smallest())
    assert len(others) == 3
    assert found.per_step == 5


def test_a_phase_trains_subnets_of_its_space_only() -> None:
    space = SMALL.checked.space.restrict({"s2.depth": (0,), "s1.0.kernel": (3, 5)})
    found = subnets(sandwich(space=space, sampler=Uniform()))
    archs = [found.of_step(0, step)[0] for step in range(40)]
    assert {arch.s2.depth for arch in archs} == {0}
    assert {arch.s1.blocks[0].kernel for arch in archs} == {3, 5}
    assert found.largest.s1.blocks[0].kernel == 5


def test_subnets_drawn_together_share_a_resolution() -> None:
    found = subnets(sandwich(space=SMALL.checked.space, sampler=Uniform(number=3)))
    steps = [[arch.resolution for arch in found.of_step(0, step)] for step in range(20)]
    assert all(len(set(sizes)) == 1 for sizes in steps)
    assert Counter(sizes[0] for sizes in steps).keys() == {32, 48}


def test_a_fixed_phase_trains_the_arch_that_it_names() -> None:
    space = SMALL.checked.space
    arch = SMALL.archs(1, seed=3)[0]
    (row,) = SMALL.module.cost.encode([arch.to_dict()]).tolist()
    found = subnets(sandwich(space=space, sampler=Fixed(arch=tuple(row)), distil=None))
    assert found.of_step(0, 0) == (arch,)
    assert found.largest == found.smallest == arch


def test_images_are_resized_as_a_batch_and_once() -> None:
    sizes = Sizes(images(48))
    small = sizes.at(32)
    assert small.shape == (4, 3, 32, 32)
    assert sizes.at(32) is small
    flat = torch.full((1, 3, 48, 48), 0.7)
    torch.testing.assert_close(resized(flat, 32), flat[..., :32, :32])


def test_an_arch_at_a_resolution_that_the_space_has_not_stays_as_it_is() -> None:
    arch = SMALL.module.Arch.largest()
    assert at_resolution(arch, 32).resolution == 32
    assert at_resolution(arch, 40) is arch


def supernet() -> Any:
    torch.manual_seed(0)
    return SMALL.module.Supernet().train()


def gradients(net: torch.nn.Module) -> dict[str, Tensor]:
    return {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None}


def test_the_gradients_of_all_subnets_add_up() -> None:
    net, archs = supernet(), SMALL.archs(3)
    losses = backward(net, archs, images(), LABELS, PLAIN)
    found = gradients(net)
    net.zero_grad()
    for arch, loss in zip(archs, losses, strict=True):
        alone = label_loss(net(resized(images(), arch.resolution), arch), LABELS, 0.0)
        alone.backward()
        torch.testing.assert_close(alone.detach(), loss)
    expected = gradients(net)
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[k], expected[k], atol=1e-6) for k in found)


def test_an_in_place_teacher_teaches_all_but_itself_and_learns_from_labels() -> None:
    net = supernet()
    lesson = replace(PLAIN, distil=Distil(teacher="in_place", ratio=0.5))
    archs = (SMALL.module.Arch.largest(), SMALL.module.Arch.smallest())
    losses = backward(net, archs, images(), LABELS, lesson)
    large, small = (net(resized(images(), a.resolution), a).detach() for a in archs)
    torch.testing.assert_close(losses[0], label_loss(large, LABELS, 0.0))
    torch.testing.assert_close(losses[1], 0.5 * soft_cross_entropy(small, large))


def test_the_largest_subnet_teaches_every_other_in_place() -> None:
    net = supernet()
    with torch.no_grad():
        net.head.weight.mul_(300)  # so that subnets are of different opinions
    lesson = replace(PLAIN, distil=Distil(teacher="in_place", ratio=1.0))
    arch = SMALL.module.Arch
    archs = (arch.largest(), *SMALL.archs(2, seed=1), arch.smallest())
    losses = backward(net, archs, images(), LABELS, lesson)
    large, *others = (net(resized(images(), a.resolution), a).detach() for a in archs)
    expected = torch.stack([soft_cross_entropy(other, large) for other in others])
    torch.testing.assert_close(losses[1:], expected)


def test_a_frozen_teacher_is_asked_at_the_resolution_of_its_pupil() -> None:
    net, frozen = supernet(), SMALL.module.Supernet().train().requires_grad_(False)
    asked = []

    def teacher(x: Tensor, arch: Any) -> Tensor:
        asked.append((x.shape[-1], arch))
        out: Tensor = frozen(x, arch)
        return out

    largest = SMALL.module.Arch.largest()
    distil = Distil(teacher="largest", ratio=2.0)
    lesson = replace(PLAIN, distil=distil, teacher=teacher, teacher_arch=largest)
    archs = [at_resolution(arch, 32) for arch in SMALL.archs(2)]
    losses = backward(net, archs, images(), LABELS, lesson)
    assert asked == [(32, at_resolution(largest, 32))]
    x = resized(images(), 32)
    soft, logits = frozen(x, largest), net(x, archs[1])
    expected = label_loss(logits, LABELS, 0.0) + 2 * soft_cross_entropy(logits, soft)
    torch.testing.assert_close(losses[1], expected.detach())


def test_bfloat16_is_used_where_it_is_asked_for() -> None:
    kinds = []

    def net(x: Tensor, arch: Any) -> Tensor:
        out = torch.nn.functional.linear(x.flatten(1), torch.ones(10, x[0].numel())).detach()
        kinds.append(out.dtype)
        return out.requires_grad_()

    arch = SMALL.module.Arch.largest()
    for amp in (False, True):
        backward(net, (arch,), images(), LABELS, replace(PLAIN, amp=amp))
    assert kinds == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("sampler", [Uniform(number=2), Sandwich(number=1)])
def test_running_statistics_do_not_matter_to_a_step(sampler: Any) -> None:
    archs = subnets(sandwich(space=small_space(), sampler=sampler)).of_step(0, 0)
    found = []
    for mean in (0.0, 9.0):
        net = supernet()
        net.stem.bn.running_mean.fill_(mean)
        backward(net, archs, images(), LABELS, PLAIN)
        found.append(gradients(net))
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
