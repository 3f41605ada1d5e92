"""The spaces that ship are the published ones: their counts, their ends, their budgets."""

from __future__ import annotations

import numpy as np
import pytest
from packages import SHIPPED, compiled

COUNTS = {
    ("mbv3",): 21_758_655_492_572_485_851,
    ("mbv3", "width=1.2"): 21_758_655_492_572_485_851,
    ("proxyless",): 7371**5 * 9,
    ("compofa",): 243,
    ("fbnet",): 9**22,
    ("fbnet", "data=cifar"): 9**22,
    # three widths for each of six layers, the stem's middle layer, and sums over depths of 3^blocks
    ("resnet50d",): 3**6 * 2 * (9 + 27 + 81) ** 3 * (81 + 243 + 729),
}
ENDS = {  # parameters and millions of multiply-adds of the smallest and the largest
    ("mbv3",): ((3_410_792, 41.48), (7_664_760, 566.17)),
    ("proxyless", "width=1.3"): ((3_718_832, 87.82), (7_942_056, 1004.91)),
    ("resnet50d",): ((6_539_280, 315.08), (48_105_992, 7491.64)),
}


@pytest.mark.parametrize("key", COUNTS)
def test_a_space_holds_as_many_subnets_as_published(key: tuple[str, ...]) -> None:
    assert compiled(*key).checked.space.size(with_resolution=False) == COUNTS[key]


@pytest.mark.parametrize("key", ENDS)
def test_the_smallest_and_the_largest_subnet_cost_what_is_published(key: tuple[str, ...]) -> None:
    module = compiled(*key).module
    archs = [module.Arch.smallest(), module.Arch.largest()]
    rows = module.cost.encode([arch.to_dict() for arch in archs])
    for params, macs, (wanted, millions) in zip(
        module.cost.params(rows), module.cost.macs(rows), ENDS[key], strict=True
    ):
        assert params == wanted
        assert round(macs / 1e6, 2) == millions


def test_the_published_alphanets_cost_what_is_published() -> None:
    space = compiled("attentive_nas")
    stages = {
        "a0": ([16, 24, 32, 64, 112, 192, 216], [3] * 7, [4, 4, 4, 4], [1, 3, 3, 3, 3, 3, 1]),
        "a6": (
            [16, 24, 32, 64, 112, 216, 224],
            [3, 3, 3, 3, 3, 5, 3],
            [4, 6, 5, 4],
            [1, 3, 3, 4, 4, 6, 1],
        ),
    }
    ends = {"a0": (192, 1792, 203.4), "a6": (288, 1984, 709.0)}
    for name, (widths, kernels, expands, depths) in stages.items():
        resolution, last, millions = ends[name]
        form = {
            f"mb{i + 1}": {"depth": d, "width": w, "kernel": k}
            for i, (d, w, k) in enumerate(zip(depths, widths, kernels, strict=True))
        }
        for stage, expand in zip(("mb2", "mb3", "mb4", "mb5"), expands, strict=True):
            form[stage]["expand"] = expand
        choices = {"stem_width": 16, "last_width": last}
        arch = {"space": "attentive_nas", "resolution": resolution, "stages": form}
        row = space.module.cost.encode([{**arch, "choices": choices}])
        assert round(space.module.cost.macs(row)[0] / 1e6, 1) == millions


def test_some_subnets_of_mcunet_fit_a_microcontroller() -> None:
    cost = compiled("mcunet").module.cost
    x = cost.sample(20_000, np.random.default_rng(0))
    memory, flash = cost.peak_memory(x, 1), cost.weight_bytes(x, 1)
    assert ((memory <= 256_000) & (flash <= 1_000_000)).sum() > 100


def test_autoformer_allocates_more_than_its_largest_choice() -> None:
    net = compiled("autoformer").module.Supernet()
    assert 256 in {p.shape[-1] for p in net.parameters()}
    embed = next(d for d in compiled("autoformer").checked.space.dims if d.key == "embed")
    assert embed.var.values == (192, 216, 240)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_space_takes_another_number_of_classes_and_of_channels(name: str) -> None:
    space = compiled(name, "classes=37", "channels=1")
    shapes = [tuple(p.shape) for p in space.module.Supernet().parameters()]
    assert any(shape[0] == 37 for shape in shapes)
    assert space.module.CHANNELS == 1
