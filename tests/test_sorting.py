"""Channels in another order: what was trained computes the same, and all state moves alike."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from packages import Compiled, compiled
from torch import Tensor

from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text
from ofadsl.compiler.schedule.find import schedules_of
from ofadsl.ops import OPS
from ofadsl.space import Space
from ofadsl.train.channels import channel_groups
from ofadsl.train.sorting import (
    Order,
    apply_orders,
    importance_orders,
    sort_channels,
    widths,
)

SPACES = {
    "mbv3": ("width=0.35",),
    "proxyless": ("width=0.35",),
    "small": (),
    "mixed": (),
    "convnext": (),
    "vit": (),
    "digits": (),
}


def filled(spaced: Compiled, seed: int = 0) -> Any:
    """Return a supernet whose channels all differ, in weights and statistics."""
    torch.manual_seed(seed)
    supernet = spaced.module.Supernet().eval()
    with torch.no_grad():
        for name, tensor in supernet.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point() and tensor.ndim == 1:
                tensor.add_(torch.randn_like(tensor) * 0.2)
    return supernet


def logits(spaced: Compiled, supernet: Any, arch: tuple[int, ...]) -> Tensor:
    form = spaced.checked.space.to_json(arch)
    size, channels = form["resolution"], dict(spaced.checked.space.params).get("channels", 3)
    images = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        out: Tensor = supernet(images, spaced.module.Arch.from_dict(form))
    return out


def moved(orders: Mapping[str, tuple[Order, ...]]) -> int:
    """Return how many axes of tensors come in a new order."""
    every = [order.places for several in orders.values() for order in several]
    return sum(bool((places != torch.arange(len(places))).any()) for places in every)


def subnets(space: Space, count: int = 3) -> list[tuple[int, ...]]:
    return [space.sample(random.Random(seed)) for seed in range(count)]


@pytest.mark.parametrize(("name", "settings"), SPACES.items())
def test_what_was_trained_computes_the_same(name: str, settings: tuple[str, ...]) -> None:
    spaced = compiled(name, *settings)
    supernet = filled(spaced)
    phases = schedules_of("progressive", spaced.checked).phases
    changed = 0
    for before, phase in itertools.pairwise(phases):
        if not phase.sort:
            continue
        archs = [before.largest, before.smallest, *subnets(before.space, 1)]
        expected = [logits(spaced, supernet, arch) for arch in archs]
        changed += moved(sort_channels(supernet, spaced.graph, before.space))
        for arch, right in zip(archs, expected, strict=True):
            torch.testing.assert_close(logits(spaced, supernet, arch), right, rtol=1e-4, atol=1e-5)
    assert changed > 0


def test_the_middle_of_an_mbconv_is_sorted_with_all_that_carries_it() -> None:
    spaced = compiled("proxyless", "width=0.35")
    groups = {group.judge.tensor: group for group in channel_groups(spaced.graph)}
    carried = {(c.tensor, c.axis) for c in groups["s1.1.project.weight"].carriers}
    norms = ("weight", "bias", "running_mean", "running_var")
    assert carried == {
        ("s1.1.expand.weight", 0),
        *((f"s1.1.expand_bn.{name}", 0) for name in norms),
        ("s1.1.depthwise.weight", 0),
        *((f"s1.1.depthwise_bn.{name}", 0) for name in norms),
        ("s1.1.project.weight", 1),
    }


def test_squeeze_and_excite_follows_and_has_an_order_of_its_own_inside() -> None:
    groups = {g.judge.tensor: g for g in channel_groups(compiled("mixed").graph)}
    middle = {(c.tensor, c.axis) for c in groups["mb2.1.project.weight"].carriers}
    prefix = "mb2.1.se."
    outer = {("reduce_weight", 1), ("expand_weight", 0), ("expand_bias", 0)}
    assert {(prefix + name, axis) for name, axis in outer} <= middle
    inner = {(c.tensor, c.axis) for c in groups[f"{prefix}expand_weight"].carriers}
    expected = {("reduce_weight", 0), ("reduce_bias", 0), ("expand_weight", 1)}
    assert inner == {(prefix + name, axis) for name, axis in expected}


def test_both_inner_widths_of_a_bottleneck_are_sorted() -> None:
    judges = {group.judge.tensor for group in channel_groups(compiled("resnet50d").graph)}
    assert {"s2.1.conv2.weight", "s2.1.conv3.weight"} <= judges
    assert not any("downsample" in judge or judge.startswith("head") for judge in judges)


def test_kernel_transforms_are_no_part_of_it() -> None:
    spaced = compiled("mbv3", "width=0.35")
    carriers = [c.tensor for group in channel_groups(spaced.graph) for c in group.carriers]
    assert carriers
    assert not any("transform" in name for name in carriers)


@pytest.mark.parametrize(
    "body",
    [
        "conv({8, 16}, groups: 4); conv(8)",
        "conv({8, 16}); conv(8, groups: 4)",
        "conv({8, 16}); shuffle(4); conv(8)",
        "concat { conv({8, 16}) } { identity }; conv(8)",
        "choice c = {8, 16}; conv(c); residual { conv(c, kernel: 3); bn }; conv(8)",
        "choice c = {8, 16}; conv(c); add { conv(8) } { conv(8) }",
        "choice c = {8, 16}; conv(8); if c == 8 { conv(c) } else { conv(16); conv(8) }",
        "conv(16); conv(8)",
    ],
)
def test_channels_that_are_tied_to_others_are_left_alone(body: str) -> None:
    begin = "space s { input image(channels: 3, size: 8); conv(8)"
    checked = check_text(f"{begin}; {body}; global_avg_pool; linear(4) }}")
    assert checked is not None
    assert channel_groups(lower(checked)) == ()


def test_the_images_and_the_logits_keep_their_order() -> None:
    text = "space s { input image(channels: 3, size: 8); global_avg_pool; linear({8, 4}) }"
    checked = check_text(text)
    assert checked is not None
    assert channel_groups(lower(checked)) == ()


def test_channels_stand_by_falling_importance() -> None:
    spaced = compiled("small")
    supernet = filled(spaced)
    largest = schedules_of("progressive", spaced.checked).phases[0]
    sort_channels(supernet, spaced.graph, largest.space)
    for group in channel_groups(spaced.graph):
        weight = supernet.state_dict()[group.judge.tensor]
        norms = weight.abs().sum([i for i in range(weight.ndim) if i != group.judge.axis])
        assert (norms[1:] <= norms[:-1] + 1e-5).all()


def test_channels_stay_within_the_widths_that_were_trained() -> None:
    spaced = compiled("small")
    phases = {phase.name: phase for phase in schedules_of("progressive", spaced.checked).phases}
    supernet = filled(spaced)
    (group, *_) = channel_groups(spaced.graph)
    trained = widths(group, phases["expand1"].space)
    assert trained is not None
    narrow, wide = trained
    orders = importance_orders(supernet.state_dict(), spaced.graph, phases["expand1"].space)
    (order,) = orders[group.judge.tensor]
    assert sorted(order.places[:narrow].tolist()) == list(range(narrow))
    assert sorted(order.places.tolist()) == list(range(wide))
    assert order.places.tolist() != list(range(wide))


def test_the_state_of_an_optimiser_is_reordered_alike() -> None:
    spaced = compiled("small")
    space = schedules_of("progressive", spaced.checked).phases[0].space
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    arch = spaced.module.Arch.largest()

    def step(supernet: Any, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        supernet(images, arch).square().mean().backward()
        optimiser.step()

    supernets = [filled(spaced).double() for _ in range(2)]
    images = images.double()
    optimisers = [
        torch.optim.SGD(supernet.parameters(), lr=0.1, momentum=0.9) for supernet in supernets
    ]
    for supernet, optimiser in zip(supernets, optimisers, strict=True):
        step(supernet, optimiser)
    orders = sort_channels(supernets[1], spaced.graph, space)
    named = {parameter: name for name, parameter in supernets[1].named_parameters()}
    state = optimisers[1].state
    apply_orders({named[p]: values["momentum_buffer"] for p, values in state.items()}, orders)
    for supernet, optimiser in zip(supernets, optimisers, strict=True):
        step(supernet, optimiser)
    expected = supernets[0].state_dict()
    apply_orders(expected, orders)
    for name, tensor in supernets[1].state_dict().items():
        torch.testing.assert_close(tensor, expected[name], msg=name)


def test_what_has_no_such_axis_is_left_alone() -> None:
    orders = {"a": (Order(axis=1, places=torch.tensor([1, 0])),)}
    step, other = torch.tensor(3.0), torch.arange(2.0)
    apply_orders({"a": step, "b": other}, orders)
    assert (step, other.tolist()) == (torch.tensor(3.0), [0.0, 1.0])


def test_an_op_that_gives_channels_a_place_says_so() -> None:
    assert {name for name, op in OPS.items() if op.ordered} == {"shuffle"}
