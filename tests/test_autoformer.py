"""AutoFormer: its encoding, its published sizes, its subnets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from packages import compiled
from torch.utils.flop_counter import FlopCounterMode

from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.archs import decode
from ofadsl.specialize.pipeline import specialize


def encoded(depth: int = 12, **changes: Any) -> dict[str, Any]:
    lists = {"mlp_ratio": [4] * depth, "num_heads": [3] * depth, "embed_dim": [192] * depth}
    return {"layer_num": depth, **lists, **changes}


PUBLISHED = {
    "s": (
        [3.0, 3.5, 3.0, 3.5, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 3.5, 4.0],
        [6, 6, 5, 7, 5, 5, 5, 6, 6, 7, 7, 6, 7],
        384,
        22.9,
        5.2,
    ),
    "b": (
        [3.5, 3.5, 4.0, 3.5, 4.0, 3.5, 3.5, 3.0, 4.0, 4.0, 3.0, 4.0, 3.0, 3.5],
        [9, 9, 9, 9, 9, 10, 9, 9, 10, 9, 10, 9, 9, 10],
        576,
        53.7,
        11.7,
    ),
}
"""The best subnets of Chen et al. 2021: ratios, heads, width; million parameters, 1e9 MACs."""


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_larger_supernets_hold_the_published_subnets(size: str) -> None:
    ratios, heads, width, params, macs = PUBLISHED[size]
    module = compiled("autoformer", f"size={size}").module
    depth = len(ratios)
    arch = decode(
        encoded(depth, mlp_ratio=ratios, num_heads=heads, embed_dim=[width] * depth), module.Arch
    ).arch
    row = module.cost.encode([arch.to_dict()])
    assert round(module.cost.params(row)[0] / 1e6, 1) == params
    assert round(module.cost.macs(row)[0] / 1e9, 1) == macs


def test_a_subnet_keeps_its_own_rows_and_its_tables() -> None:
    module = compiled("autoformer").module
    arch = module.Arch.smallest()
    supernet = module.Supernet().eval()
    image = torch.randn(1, 3, 224, 224)
    subnet = specialize(supernet, arch, example=image)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        subnet(image)
    row = module.cost.encode([arch.to_dict()])
    assert module.cost.params(row).tolist() == [sum(p.numel() for p in subnet.parameters())]
    assert module.cost.macs(row).tolist() == [counter.get_total_flops() // 2]
    attention = subnet.get_submodule("layers.0.attention")
    weight = supernet.layers[0].attention.qkv_weight[: 3 * 3 * 64, :192]
    assert torch.equal(attention.qkv.weight, torch.cat([weight[i::3] for i in range(3)]))
    assert attention.key_vertical.shape == (30, 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer_num": 15}, "OFA080.*layer_num is 15, outside the space"),
        ({"num_heads": [3] * 11}, "OFA084.*num_heads has 11 entries, but layer_num is 12"),
        ({"num_heads": [3] * 11 + [5]}, r"OFA080.*num_heads\[11\] is 5"),
        ({"embed_dim": [192] * 11 + [216]}, r"OFA080.*embed_dim\[11\] is 216, embed_dim\[0\] is"),
        ({"mlp_ratio": "4"}, "OFA081.*mlp_ratio is '4', not a list"),
        ({"stem": 12}, "OFA082.*stem is no key"),
    ],
)
def test_a_wrong_encoding_is_reported(changes: dict[str, Any], message: str) -> None:
    arch = compiled("autoformer").module.Arch
    with pytest.raises(Diagnostics, match=message) as raised:
        decode(encoded(**changes), arch)
    assert len(raised.value.items) == 1


def test_an_arch_of_another_space_is_refused() -> None:
    with pytest.raises(Diagnostics, match=r"OFA086.*small is no space of AutoFormer"):
        decode(encoded(), compiled("small").module.Arch)
