"""Generated supernets compute, train and compile for every arch."""

from __future__ import annotations

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packages import OWN, ROOT, SHIPPED, Compiled, compiled, path_of
from references import check_reference

from ofadsl import nn
from ofadsl.expr import evaluate
from ofadsl.specialize.interop import FAMILIES

SPACES = (*OWN, *SHIPPED)


def images(arch: Any, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    channels = compiled(arch.space).module.CHANNELS
    return torch.randn(batch, channels, arch.resolution, arch.resolution, generator=generator)


def small_archs(space: Compiled, count: int) -> list[Any]:
    """Return archs of the lowest resolution, for speed."""
    archs = space.archs(count)
    lowest = space.checked.resolution.values[0]
    return [type(a).from_dict({**a.to_dict(), "resolution": lowest}) for a in archs]


@pytest.mark.parametrize("name", SPACES)
def test_every_sampled_arch_gives_the_shape_that_the_graph_says(name: str) -> None:
    space = compiled(name)
    net = space.module.Supernet().eval()
    for index in small_indices(space, 6):
        arch = space.module.Arch.from_dict(space.checked.space.to_json(index))
        values = space.checked.space.values(index)
        with torch.no_grad():
            found = net(images(arch), arch).shape
        shape = space.graph.nodes[-1].shape
        extents = (shape.channels, *shape.spatial)
        assert found == (2, *(evaluate(e, values) for e in extents))


def small_indices(space: Compiled, count: int) -> list[tuple[int, ...]]:
    samples = space.checked.space.samples(random.Random(1))
    found = []
    for _ in range(count):
        index = list(next(samples))
        index[0] = 0  # the resolution is the first dimension
        found.append(tuple(index))
    return found


@pytest.mark.parametrize("name", SPACES)
def test_an_optimizer_step_moves_only_what_the_arch_uses(name: str) -> None:
    space = compiled(name)
    torch.manual_seed(0)
    net = space.module.Supernet().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for arch in small_archs(space, 2):
        before = {k: p.detach().clone() for k, p in net.named_parameters()}
        optimizer.zero_grad(set_to_none=True)
        net(images(arch, 4), arch).square().mean().backward()
        used = {k: p.grad for k, p in net.named_parameters() if p.grad is not None}
        assert all(torch.isfinite(g).all() for g in used.values())
        optimizer.step()
        for key, parameter in net.named_parameters():
            moved = parameter.detach() != before[key]
            gradient = used.get(key)
            assert not moved.any() if gradient is None else not (moved & (gradient == 0)).any()
        assert any((p.detach() != before[k]).any() for k, p in net.named_parameters())


def test_weights_outside_the_arch_get_no_gradient_and_transforms_learn() -> None:
    space = compiled("small")
    net = space.module.Supernet().train()
    arch = space.module.Arch.from_dict(
        {
            "space": "small",
            "resolution": 32,
            "stages": {
                "s1": {"depth": 1, "blocks": [{"kernel": 3, "expand": 3}]},
                "s2": {"depth": 1, "blocks": [{"kernel": 5, "expand": 6}]},
            },
        }
    )
    net(images(arch, 4), arch).square().mean().backward()
    block = net.s1[0]
    assert block.depthwise.transform_7to5.grad is not None
    assert block.depthwise.transform_5to3.grad.abs().sum() > 0
    assert block.expand.weight.grad[:24].abs().sum() > 0
    assert block.expand.weight.grad[24:].abs().sum() == 0
    assert block.expand_bn.weight.grad[24:].abs().sum() == 0
    assert net.s1[1].expand.weight.grad is None
    assert net.s2[0].depthwise.transform_7to5.grad.abs().sum() > 0
    assert net.s2[0].depthwise.transform_5to3.grad is None


def test_batch_norm_statistics_are_updated_in_the_slice_alone() -> None:
    space = compiled("small")
    net = space.module.Supernet().train()
    arch = small_archs(space, 1)[0]
    before = net.s1[0].expand_bn.running_mean.clone()
    net(images(arch, 4), arch)
    mid = nn.divisible(round(8 * arch.s1.blocks[0].expand), 8)
    moved = net.s1[0].expand_bn.running_mean != before
    assert moved[:mid].any()
    assert not moved[mid:].any()


@pytest.mark.parametrize("name", OWN)
def test_a_bound_arch_compiles_whole(name: str) -> None:
    space = compiled(name)
    net = space.module.Supernet().eval()
    arch = small_archs(space, 1)[0]
    bound = nn.bind(net, arch)
    compiled_net = torch.compile(bound, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert torch.equal(compiled_net(images(arch)), bound(images(arch)))
    torch._dynamo.reset()


@pytest.mark.parametrize("name", SPACES)
def test_a_supernet_runs_under_autocast_and_channels_last(name: str) -> None:
    space = compiled(name)
    net = space.module.Supernet().eval()
    arch = small_archs(space, 1)[0]
    x = images(arch)
    with torch.no_grad():
        plain = net(x, arch)
        last = net.to(memory_format=torch.channels_last)(
            x.contiguous(memory_format=torch.channels_last), arch
        )
        with torch.autocast("cpu", torch.bfloat16):
            low = net(x, arch)
    assert torch.allclose(plain, last, rtol=1e-3, atol=1e-4)
    assert low.dtype == torch.bfloat16
    assert torch.isfinite(low).all()


def test_an_arch_is_an_argument_so_threads_do_not_disturb_each_other() -> None:
    space = compiled("small")
    net = space.module.Supernet().eval()
    archs = small_archs(space, 8)
    with torch.no_grad():
        alone = [net(images(a), a) for a in archs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda a: _run(net, a), archs * 4))
    assert all(torch.equal(found, alone[i % 8]) for i, found in enumerate(together))


def _run(net: torch.nn.Module, arch: Any) -> torch.Tensor:
    with torch.no_grad():
        return net(images(arch), arch)


GOLDEN = {
    "mbv3": ("ofa_mbv3_w10", ()),
    "proxyless": ("ofa_proxyless_w13", ("width=1.3",)),
    "resnet50d": ("ofa_resnet50d", ()),
    "attentive_nas": ("attentive_nas", ()),
    "autoformer": ("autoformer_t", ()),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_supernet_computes_what_the_reference_does(name: str, shared: Path) -> None:
    file, settings = GOLDEN[name]
    golden = json.loads((shared / "golden" / f"{file}.json").read_text())
    space = compiled(name, *settings)
    net = space.module.Supernet().eval()
    fill = _fill(shared / "golden")
    keys = golden["keys"]
    family = next(f for f in FAMILIES if f.is_checkpoint(keys))
    renamed = family.rename(keys, net.state_dict())
    assert not renamed.unknown
    state = {
        o: torch.from_numpy(np.asarray(fill.tensor(k, keys[k]))) for o, k in renamed.keys.items()
    }
    net.load_state_dict(state)
    for case in golden["cases"]:
        arch = family.decode(case["arch"], space.module.Arch, case["resolution"]).arch
        image = torch.from_numpy(fill.image(2, case["resolution"]))
        check_reference(net, image, arch, case=case)
        row = space.module.cost.encode([arch.to_dict()])
        assert space.module.cost.params(row).tolist() == [case["params"]]
        assert space.module.cost.macs(row).tolist() == [case["macs"]]


def _fill(folder: Path) -> Any:
    sys.path.insert(0, str(folder))
    try:
        import fill
    finally:
        sys.path.remove(str(folder))
    return fill


def test_width_1_2_has_the_published_size() -> None:
    net = compiled("mbv3", "width=1.2").module.Supernet()
    counted = [p.numel() for k, p in net.named_parameters() if "transform" not in k]
    assert sum(counted) == 10_701_632


def test_committed_packages_match_their_spaces() -> None:
    for folder in sorted((ROOT / "generated").glob("*/")):
        if (folder / "supernet.py").exists():
            assert path_of(folder.name).exists()
