"""Checkpoints of the OFA family under each of the spellings in which they are published."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from references import check_reference

from ofadsl.specialize.archs import decode
from ofadsl.specialize.interop import FAMILIES, ofa
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.weights import load_weights

BN = ("weight", "bias", "running_mean", "running_var")
BLOCK = {
    "inverted_bottleneck.conv.conv.weight": "expand.weight",
    "depth_conv.conv.conv.weight": "depthwise.weight",
    "depth_conv.conv.7to5_matrix": "depthwise.transform_7to5",
    "depth_conv.conv.5to3_matrix": "depthwise.transform_5to3",
    "depth_conv.se.fc.reduce.weight": "se.reduce_weight",
    "depth_conv.se.fc.expand.bias": "se.expand_bias",
    "point_linear.conv.conv.weight": "project.weight",
    **{f"inverted_bottleneck.bn.bn.{n}": f"expand_bn.{n}" for n in BN},
    **{f"depth_conv.bn.bn.{n}": f"depthwise_bn.{n}" for n in BN},
    **{f"point_linear.bn.bn.{n}": f"project_bn.{n}" for n in BN},
}
KEYS = {
    "first_conv.conv.weight": "stem.conv.weight",
    "first_conv.bn.weight": "stem.bn.weight",
    "blocks.0.conv.depth_conv.conv.weight": "first.depthwise.weight",
    "blocks.0.conv.depth_conv.bn.bias": "first.depthwise_bn.bias",
    "blocks.0.conv.point_linear.conv.weight": "first.project.weight",
    **{f"blocks.1.conv.{k}": f"s1.0.{v}" for k, v in BLOCK.items()},
    **{f"blocks.2.conv.{k}": f"s1.1.{v}" for k, v in BLOCK.items()},
    **{f"blocks.3.conv.{k}": f"s2.0.{v}" for k, v in BLOCK.items()},
    "final_expand_layer.conv.weight": "expand.conv.weight",
    "final_expand_layer.bn.running_var": "expand.bn.running_var",
    "feature_mix_layer.conv.weight": "mix.weight",
    "classifier.linear.weight": "head.weight",
    "classifier.linear.bias": "head.bias",
}


def as_published(key: str) -> str:
    return re.sub(r"^(blocks\.\d+)\.conv\.", r"\1.mobile_inverted_conv.", key)


def deeper(key: str) -> str:
    key = re.sub(r"^(first_conv|final_expand_layer)\.conv\.", r"\1.conv.conv.conv.", key)
    return key.replace("classifier.linear.", "classifier.linear.linear.")


@pytest.mark.parametrize("spelling", [str, as_published, deeper])
def test_every_spelling_finds_its_place(spelling: Callable[[str], str]) -> None:
    foreign = [spelling(key) for key in KEYS]
    assert ofa.is_checkpoint(foreign)
    found = ofa.rename(foreign, KEYS.values())
    assert found.keys == {ours: spelling(key) for key, ours in KEYS.items()}
    assert found.ignored == found.unknown == ()


def test_what_no_layer_of_ours_uses_is_ignored() -> None:
    stray = "blocks.0.conv.depth_conv.conv.5to3_matrix"
    counter = "first_conv.bn.num_batches_tracked"
    found = ofa.rename([*KEYS, stray, counter], KEYS.values())
    assert set(found.ignored) == {stray, counter}


def test_keys_of_no_known_layer_are_reported() -> None:
    extra = ["blocks.99.conv.point_linear.conv.weight", "decoder.weight"]
    assert ofa.rename([*KEYS, *extra], KEYS.values()).unknown == tuple(extra)


def test_our_own_keys_are_of_no_family() -> None:
    assert not any(family.is_checkpoint(KEYS.values()) for family in FAMILIES)


@pytest.fixture(scope="module", name="golden")
def read_golden(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "golden" / "ofa_mbv3_w10.json").read_text())
    return found


@pytest.fixture(scope="module", name="fill")
def import_fill(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill", shared / "golden" / "fill.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_reference_checkpoint_gives_the_reference_logits(
    golden: dict[str, Any], fill: ModuleType, tmp_path: Path
) -> None:
    mbv3 = pytest.importorskip("generated.mbv3")
    state = {k: torch.from_numpy(fill.tensor(k, tuple(s))) for k, s in golden["keys"].items()}
    torch.save({"state_dict": state}, tmp_path / "ofa.pt")
    supernet = mbv3.Supernet().eval()
    load_weights(supernet, tmp_path / "ofa.pt")
    for case in golden["cases"]:
        arch = decode({**case["arch"], "r": case["resolution"]}, mbv3.Arch).arch
        image = torch.from_numpy(fill.image(2, case["resolution"]))
        check_reference(supernet, image, arch, case=case)
        subnet = specialize(supernet, arch, example=image, fold_bn=False)
        assert sum(p.numel() for p in subnet.parameters()) == case["params"]


def test_the_blocks_of_a_long_stage_are_in_the_order_of_their_numbers() -> None:
    ours = [f"s1.{i}.project.weight" for i in range(12)]
    ours += [f"s{n}.0.project.weight" for n in range(2, 12)]
    foreign = [f"blocks.{i}.conv.point_linear.conv.weight" for i in range(1, len(ours) + 1)]
    found = ofa.rename(foreign, sorted(ours))
    assert found.keys == dict(zip(ours, foreign, strict=True))
