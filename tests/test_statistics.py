"""Batch norm statistics of one subnet: averages over batches, and nothing else changes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from packages import compiled
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from ofadsl.train.accuracy import accuracy
from ofadsl.train.data.batches import Batch
from ofadsl.train.data.open import open_data
from ofadsl.train.data.prepare import normalised
from ofadsl.train.statistics import (
    has_statistics,
    recomputed,
    statistics,
    statistics_batches,
    with_statistics,
)


def images(*numbers: int, size: int = 32) -> list[Batch]:
    """Return batches of so many images, each of another brightness."""
    generator = torch.Generator().manual_seed(0)
    return [
        Batch(
            images=(i + 1) * torch.randn(number, 3, size, size, generator=generator) + i,
            labels=torch.arange(number) % 3,
        )
        for i, number in enumerate(numbers)
    ]


def supernet(name: str = "small") -> tuple[Any, Any]:
    space = compiled(name)
    torch.manual_seed(0)
    net = space.module.Supernet()
    with torch.no_grad():
        for key, buffer in net.named_buffers():
            buffer.fill_(3.0 if key.endswith("mean") else 5.0)
    return net.eval(), space.module.Arch.sample(random.Random(2))


def seen_in_training(net: torch.nn.Module, arch: Any, batch: Batch) -> dict[str, Tensor]:
    """Return the mean and biased variance of what comes to each batch norm in training mode."""
    found: dict[str, Tensor] = {}

    def note(name: str, x: Tensor) -> None:
        found[f"{name}.running_mean"] = x.mean((0, 2, 3))
        found[f"{name}.running_var"] = x.var((0, 2, 3), correction=0)

    hooks: list[RemovableHandle] = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: note(name, inputs[0]))
        for name, module in net.named_modules()
        if hasattr(module, "running_mean")
    ]
    with torch.no_grad():
        net.train()(batch.images, arch)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", ["small", "mixed"])
def test_statistics_are_those_of_the_batches_weighted_by_their_images(name: str) -> None:
    net, arch = supernet(name)
    parts = images(6, 2, 4, size=arch.resolution)
    found = statistics(net, arch, parts)
    each = [seen_in_training(net, arch, batch) for batch in parts]
    assert found.keys() == each[0].keys()
    for key, tensor in found.items():
        expected = sum(len(b.labels) / 12 * one[key] for b, one in zip(parts, each, strict=True))
        torch.testing.assert_close(tensor, expected)


def test_one_batch_is_normalised_as_in_training() -> None:
    net, arch = supernet()
    (batch,) = images(8, size=arch.resolution)
    view = recomputed(net, arch, [batch])
    with torch.no_grad():
        found = view(batch.images, arch)
        expected = net.train()(batch.images, arch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_is_left_as_it_was(training: bool) -> None:
    net, arch = supernet()
    net.train(training)
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    view = recomputed(net, arch, images(4, size=arch.resolution))
    after = net.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(module.training == training for module in net.modules())
    assert not any(module.training for module in view.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_view_shares_the_weights_and_has_its_own_statistics() -> None:
    net, arch = supernet()
    view = recomputed(net, arch, images(4, size=arch.resolution))
    theirs = dict(view.named_parameters())
    assert all(theirs[key] is parameter for key, parameter in net.named_parameters())
    own = dict(view.named_buffers())
    assert view.state_dict().keys() == net.state_dict().keys()
    assert not any(own[key] is buffer for key, buffer in net.named_buffers())
    assert not torch.equal(own["stem.bn.running_mean"], net.stem.bn.running_mean)


def test_channels_that_the_subnet_has_not_keep_theirs() -> None:
    net, _ = supernet()
    arch = compiled("small").module.Arch.smallest()
    found = statistics(net, arch, images(4, size=arch.resolution))
    view = with_statistics(net, found)
    narrow = {key: t for key, t in found.items() if len(t) < len(net.get_buffer(key))}
    assert narrow
    for key, tensor in narrow.items():
        buffer = view.get_buffer(key)
        assert torch.equal(buffer[: len(tensor)], tensor)
        assert set(buffer[len(tensor) :].tolist()) == {3.0 if key.endswith("mean") else 5.0}
    deep = {key for key, _ in net.named_buffers()}
    assert found.keys() < deep  # the arch is not as deep


def test_archs_do_not_disturb_each_other() -> None:
    net, arch = supernet()
    other = compiled("small").module.Arch.largest()
    parts = images(4, 4, size=arch.resolution)
    alone = statistics(net, arch, parts)
    view = recomputed(net, other, images(4, size=other.resolution))
    after = statistics(view, arch, parts)
    assert all(torch.equal(alone[key], after[key]) for key in alone)


def test_a_space_without_batch_norm_draws_no_image() -> None:
    def none() -> Iterator[Batch]:
        raise AssertionError("an image was drawn")
        yield

    space = compiled("vit")
    net = space.module.Supernet().eval()
    assert not has_statistics(net)
    assert statistics(net, space.module.Arch.smallest(), none()) == {}


def test_images_for_statistics_are_plain_and_of_all_classes() -> None:
    data = open_data("digits", channels=1)
    found = list(statistics_batches(data, size=8, images=300, seed=1))
    assert [len(batch.labels) for batch in found] == [200, 100]
    assert len(set(found[1].labels.tolist())) == 10
    again = list(statistics_batches(data, size=8, images=300, seed=1))
    assert all(torch.equal(a.images, b.images) for a, b in zip(found, again, strict=True))
    plain = {
        tuple(normalised(data.train.load(i, size=8, seed=None)[0]).flatten().tolist())
        for i in range(1437)
    }
    assert all(tuple(image.flatten().tolist()) in plain for image in found[0].images)


class Fixed(torch.nn.Module):
    """A network that gives the logits that it was made with, whatever comes in."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, x: Tensor, arch: object) -> Tensor:
        return self.logits[x[:, 0, 0, 0].long()]


def numbered(first: int, labels: list[int]) -> Batch:
    marks = torch.arange(first, first + len(labels)).float()
    return Batch(images=marks[:, None, None, None], labels=torch.tensor(labels))


def test_accuracy_counts_what_is_right_over_batches_of_any_size() -> None:
    logits = torch.eye(8)[:5] * 10 + torch.arange(8) * 0.1
    parts = [numbered(0, [0, 1, 0]), numbered(3, [3, 7])]
    found = accuracy(Fixed(logits).eval(), None, parts)  # type: ignore[arg-type]
    labels = torch.tensor([0, 1, 0, 3, 7])
    assert found.images == 5
    assert found.top1 == pytest.approx(3 / 5)
    assert found.top5 == pytest.approx(4 / 5)  # 0 is the last of all for the third
    expected = torch.nn.functional.cross_entropy(logits, labels).item()
    assert found.loss == pytest.approx(expected)


def test_few_classes_have_no_top5() -> None:
    logits = torch.eye(5)
    found = accuracy(Fixed(logits).eval(), None, [numbered(0, [0, 1, 2])])  # type: ignore[arg-type]
    assert (found.top1, found.top5) == (1.0, None)
