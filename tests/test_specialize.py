"""Specialising a supernet in the style of generated ones."""

from __future__ import annotations

import copy
import pickle
import random

import pytest
import torch
from small_supernet import Arch, Supernet
from torch import Tensor

from ofadsl import nn
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.verify import verify


@pytest.fixture(name="supernet")
def make_supernet() -> Supernet:
    """Return a supernet whose statistics and transforms all matter."""
    torch.manual_seed(0)
    net = Supernet()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if "transform" in name:
                tensor.add_(0.1 * torch.randn_like(tensor))
            elif "running" in name or name.endswith("bn.weight"):
                tensor.uniform_(0.5, 1.5)
    return net.eval()


@pytest.fixture(name="image")
def make_image() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def archs() -> list[Arch]:
    rng = random.Random(0)
    return [Arch.largest(), Arch.smallest(), *(Arch.sample(rng) for _ in range(10))]


def test_subnets_are_equal_before_folding_and_close_after(
    supernet: Supernet, image: Tensor
) -> None:
    for arch in archs():
        expected = supernet(image, arch)
        exact = specialize(supernet, arch, example=image, fold_bn=False)
        folded = specialize(supernet, arch, example=image)
        assert torch.equal(exact(image), expected)
        assert verify(folded, supernet, arch, image, exact=False) < 1e-5


def test_a_subnet_has_no_slices_no_transforms_and_no_batch_norm(supernet: Supernet) -> None:
    for arch in archs():
        subnet = specialize(supernet, arch)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in subnet.modules())
        assert not list(subnet.buffers())
        assert {n.op for n in subnet.graph.nodes} <= {
            "placeholder",
            "call_module",
            "call_function",
            "call_method",
            "output",
        }
        names = {str(n.target) for n in subnet.graph.nodes if n.op == "call_method"}
        assert names <= {"mean", "flatten"}


def test_modules_keep_their_names(supernet: Supernet) -> None:
    subnet = specialize(supernet, Arch.largest())
    assert subnet.get_submodule("s1.0.expand").weight.shape == (48, 16, 1, 1)
    assert isinstance(subnet.get_submodule("s2.1.se.reduce"), torch.nn.Conv2d)


def test_the_supernet_is_left_as_it_was(supernet: Supernet, image: Tensor) -> None:
    supernet.train()
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    subnet = specialize(supernet, Arch.smallest(), example=image)
    assert not subnet.training
    assert all(m.training for m in supernet.modules())
    after = supernet.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_subnet_can_be_copied_pickled_exported_and_compiled(
    supernet: Supernet, image: Tensor
) -> None:
    subnet = specialize(supernet, Arch.sample(random.Random(3)))
    expected = subnet(image)
    for other in (
        copy.deepcopy(subnet),
        pickle.loads(pickle.dumps(subnet)),
        torch.compile(subnet, fullgraph=True, backend="eager"),
        torch.export.export(subnet, (image,)).module(),
    ):
        torch.testing.assert_close(other(image), expected)


def test_a_wrong_subnet_is_not_verified(supernet: Supernet, image: Tensor) -> None:
    arch = Arch.smallest()
    subnet = specialize(supernet, arch, fold_bn=False)
    with torch.no_grad():
        subnet.get_submodule("head").bias.add_(1e-3)
    with pytest.raises(AssertionError, match="differs from the supernet by"):
        verify(subnet, supernet, arch, image, exact=True)
    with pytest.raises(AssertionError, match="the supernet itself rounds by"):
        verify(subnet, supernet, arch, image, exact=False)


def test_an_output_that_is_not_finite_is_reported(supernet: Supernet, image: Tensor) -> None:
    with torch.no_grad():
        supernet.head.weight.fill_(float("inf"))
    with pytest.raises(Diagnostics, match="OFA097"):
        specialize(supernet, Arch.smallest(), example=image)


def test_two_subnets_share_no_parameters(supernet: Supernet, image: Tensor) -> None:
    arch = Arch.smallest()
    bound = nn.bind(supernet, arch)
    first, second = specialize(supernet, arch), specialize(supernet, Arch.largest())
    torch.testing.assert_close(first(image), bound(image))
    assert not {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}


class Constant(torch.nn.Module):
    """A supernet of one output for each image: ``value``, and what float32 loses of ``huge``."""

    def __init__(self, value: float, huge: float = 0.0) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))
        self.huge = huge

    def forward(self, x: Tensor, arch: Arch | None = None) -> Tensor:
        return (x.flatten(1)[:, :1] * 0 + self.value) + self.huge - self.huge


@pytest.mark.parametrize(
    ("apart", "exact", "holds"),
    [
        (5e-7, True, True),
        (5e-6, True, False),
        (5e-6, False, True),
        (3e-5, False, False),
    ],
)
def test_a_subnet_is_verified_within_what_is_allowed(
    apart: float, exact: bool, holds: bool, image: Tensor
) -> None:
    given = Constant(1.0 + apart), Constant(1.0), Arch.smallest(), image
    if holds:
        assert verify(*given, exact=exact) == pytest.approx(apart, rel=0.2)
    else:
        with pytest.raises(AssertionError, match="differs from the supernet by"):
            verify(*given, exact=exact)


@pytest.mark.parametrize(("times", "holds"), [(2, True), (20, False)])
def test_a_network_that_amplifies_rounding_is_given_four_times_its_own(
    times: float, holds: bool, image: Tensor
) -> None:
    supernet = Constant(1.1, huge=1e4)
    with torch.no_grad():
        rounding = abs(float(supernet(image)[0]) - 1.1)
    assert rounding > 1e-4
    given = Constant(1.1 + times * rounding, huge=1e4), supernet, Arch.smallest(), image
    if holds:
        verify(*given, exact=False)
    else:
        with pytest.raises(AssertionError, match="the supernet itself rounds by"):
            verify(*given, exact=False)
