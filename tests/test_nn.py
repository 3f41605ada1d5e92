"""Elastic modules: the cut of every size, and all that torch wants to do with a module."""

from __future__ import annotations

import copy
import io
import pickle
import random

import pytest
import torch
from small_supernet import Arch, Supernet
from torch import Tensor

from ofadsl import nn
from ofadsl.ops import OPS

F = torch.nn.functional


@pytest.fixture(name="supernet")
def make_supernet() -> Supernet:
    torch.manual_seed(0)
    return Supernet().eval()


@pytest.fixture(name="image")
def make_image() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def archs(count: int = 4) -> list[Arch]:
    rng = random.Random(0)
    return [Arch.largest(), Arch.smallest(), *(Arch.sample(rng) for _ in range(count))]


def test_every_op_has_a_module() -> None:
    assert all(getattr(nn, op.module).op_class is op for op in OPS.values())


def test_narrow_convolutions_use_the_first_channels() -> None:
    conv = nn.Conv2d(c_in=8, c_out=6, kernel=3, bias=True)
    x = torch.randn(1, 5, 7, 7)
    found = conv(x, c_in=5, c_out=4)
    assert torch.equal(found, F.conv2d(x, conv.weight[:4, :5], conv.bias[:4], padding=1))


def test_smaller_kernels_without_transforms_are_the_centre() -> None:
    conv = nn.DepthwiseConv2d(channels=4, kernel=5)
    x = torch.randn(1, 4, 7, 7)
    expected = F.conv2d(x, conv.weight[:, :, 1:4, 1:4], padding=1, groups=4)
    assert torch.equal(conv(x, kernel=3), expected)


def test_kernel_transforms_are_chained() -> None:
    conv = nn.DepthwiseConv2d(channels=6, kernel=7, steps=(7, 5, 3))
    with torch.no_grad():
        conv.transform_7to5.normal_()
        conv.transform_5to3.normal_()
    x = torch.randn(1, 4, 9, 9)
    k5 = conv.weight[:4, :, 1:6, 1:6].flatten(2) @ conv.transform_7to5.T
    k3 = k5.reshape(4, 1, 5, 5)[:, :, 1:4, 1:4].flatten(2) @ conv.transform_5to3.T
    expected = F.conv2d(x, k3.reshape(4, 1, 3, 3), padding=1, groups=4)
    torch.testing.assert_close(conv(x, channels=4, kernel=3), expected)


def test_groups_divide_the_channels_of_the_cut() -> None:
    conv = nn.Conv2d(c_in=8, c_out=8, kernel=1, groups=2)
    x = torch.randn(1, 4, 3, 3)
    expected = F.conv2d(x, conv.weight[:6, :2], groups=2)
    assert torch.equal(conv(x, c_in=4, c_out=6), expected)


def test_batch_norm_updates_the_statistics_of_its_channels_alone() -> None:
    norm = nn.BatchNorm2d(channels=4)
    plain = torch.nn.BatchNorm2d(3)
    x = torch.randn(8, 3, 5, 5) * 3 + 1
    torch.testing.assert_close(norm(x, channels=3), plain(x))
    torch.testing.assert_close(norm.running_mean[:3], plain.running_mean)
    torch.testing.assert_close(norm.running_var[:3], plain.running_var)
    assert (norm.running_mean[3], norm.running_var[3]) == (0, 1)


def test_gradients_stay_inside_the_cut() -> None:
    linear = nn.Linear(c_in=6, c_out=4)
    linear(torch.randn(3, 5), c_in=5, c_out=2).sum().backward()
    assert linear.weight.grad[:2, :5].abs().min() > 0
    assert linear.weight.grad[2:].abs().max() == 0
    assert linear.weight.grad[:, 5:].abs().max() == 0


def test_whole_tensors_are_not_sliced() -> None:
    conv = nn.Conv2d(c_in=4, c_out=4, kernel=3)
    graph = torch.fx.symbolic_trace(torch.nn.Sequential(conv)).graph
    assert [node.op for node in graph.nodes] == [
        "placeholder",
        "get_attr",
        "call_function",
        "output",
    ]


def test_initial_values_follow_the_declaration() -> None:
    torch.manual_seed(0)
    conv = nn.DepthwiseConv2d(channels=64, kernel=7, steps=(7, 5))
    norm = nn.BatchNorm2d(channels=3)
    linear = nn.Linear(c_in=500, c_out=100)
    assert torch.equal(conv.transform_7to5, torch.eye(25))
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.1)
    assert linear.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert norm.weight.sum() == norm.running_var.sum() == 3


def test_copies_pickles_and_state_dicts_compute_the_same(supernet: Supernet, image: Tensor) -> None:
    file = io.BytesIO()
    torch.save(supernet.state_dict(), file)
    file.seek(0)
    loaded = Supernet().eval()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    others = [copy.deepcopy(supernet), pickle.loads(pickle.dumps(supernet)), loaded]
    for arch in archs():
        expected = supernet(image, arch)
        assert all(torch.equal(other(image, arch), expected) for other in others)


def test_a_bound_supernet_takes_the_image_alone(supernet: Supernet, image: Tensor) -> None:
    for arch in archs():
        expected = supernet(image, arch)
        bound = nn.bind(supernet, arch)
        assert torch.equal(bound(image), expected)
        assert torch.equal(torch.fx.symbolic_trace(bound)(image), expected)


def test_dynamo_captures_the_whole_graph(supernet: Supernet, image: Tensor) -> None:
    for arch in (Arch.smallest(), Arch.sample(random.Random(1))):
        compiled = torch.compile(nn.bind(supernet, arch), fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(image), supernet(image, arch))


def test_channels_last_and_autocast_stay_close(supernet: Supernet, image: Tensor) -> None:
    arch = Arch.sample(random.Random(0))
    expected = supernet(image, arch)
    laid_out = copy.deepcopy(supernet).to(memory_format=torch.channels_last)
    found = laid_out(image.to(memory_format=torch.channels_last), arch)
    torch.testing.assert_close(found, expected)
    with torch.autocast("cpu", torch.bfloat16):
        rough = supernet(image, arch)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), expected, atol=0.1, rtol=0.1)


def test_training_changes_the_weights_in_use(supernet: Supernet, image: Tensor) -> None:
    supernet.train()
    optimizer = torch.optim.SGD(supernet.parameters(), lr=0.1)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    supernet(image, Arch.largest()).square().sum().backward()
    optimizer.step()
    changed = {n for n, t in supernet.state_dict().items() if not torch.equal(t, before[n])}
    unused = {n for n in before if ".transform_" in n}  # the largest kernel needs none
    assert set(before) - changed == unused


def test_a_grouped_convolution_of_elastic_width_uses_the_first_channels_of_each_group() -> None:
    conv = nn.Conv2d(c_in=24, c_out=16, kernel=1, groups=4)
    x = torch.randn(2, 16, 4, 4)
    found = conv(x, c_in=16, c_out=8)
    expected = torch.nn.functional.conv2d(x, conv.weight[:8, :4], groups=4)
    assert torch.equal(found, expected)
