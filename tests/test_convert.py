"""Checkpoints are rewritten under our names, also for another task."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import safetensors.torch
import torch
from packages import compiled

from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.convert import convert_weights
from ofadsl.specialize.weights import load_weights


def saved(folder: Path, net: torch.nn.Module) -> Path:
    path = folder / "old.pt"
    torch.save({"state_dict": net.state_dict()}, path)
    return path


def test_a_converted_checkpoint_loads_to_the_same_values(tmp_path: Path) -> None:
    space = compiled("small")
    torch.manual_seed(0)
    net = space.module.Supernet()
    expected = copy.deepcopy(net.state_dict())
    convert_weights(space.module.Supernet(), saved(tmp_path, net), tmp_path / "new.safetensors")
    fresh = space.module.Supernet()
    load_weights(fresh, tmp_path / "new.safetensors")
    assert all(torch.equal(fresh.state_dict()[k], v) for k, v in expected.items())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.safetensors", "old.pt"]


def test_another_number_of_classes_keeps_all_but_the_head_and_says_so(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old = compiled("small").module.Supernet()
    target = compiled("small", "classes=37").module.Supernet()
    initial = target.head.weight.detach().clone()
    out = tmp_path / "new.safetensors"
    origin = convert_weights(target, saved(tmp_path, old), out)
    assert origin.notes == (
        "head.weight is newly initialised: 37 outputs, not 10",
        "head.bias is newly initialised: 37 outputs, not 10",
    )
    state = safetensors.torch.load_file(out)
    assert torch.equal(state["head.weight"], initial)
    kept = [k for k in state if not k.startswith("head.")]
    assert all(torch.equal(state[k], old.state_dict()[k]) for k in kept)


def test_another_number_of_input_channels_averages_the_first_layer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old = compiled("small").module.Supernet()
    grey = compiled("small", "channels=1").module.Supernet()
    origin = convert_weights(grey, saved(tmp_path, old), tmp_path / "new.safetensors")
    assert origin.notes == (
        "stem.conv.weight is averaged over its 3 input channels, for 1 of ours",
    )
    assert torch.allclose(grey.stem.conv.weight, old.stem.conv.weight.sum(1, keepdim=True))


def test_without_retargeting_another_head_is_an_error(tmp_path: Path) -> None:
    old = compiled("small").module.Supernet()
    target = compiled("small", "classes=37").module.Supernet()
    before = target.stem.conv.weight.detach().clone()
    with pytest.raises(Diagnostics, match=r"head\.weight is 10x48, not 37x48"):
        load_weights(target, saved(tmp_path, old))
    assert torch.equal(target.stem.conv.weight, before)


@pytest.mark.parametrize(("before", "now"), [(1, 3), (4, 2), (3, 1)])
def test_the_first_layer_sums_to_the_same_whatever_channels_come_in(
    before: int, now: int, tmp_path: Path
) -> None:
    weight = torch.arange(1.0, 1 + 2 * before).reshape(2, before, 1, 1)
    path = tmp_path / "old.safetensors"
    safetensors.torch.save_file({"0.weight": weight}, path)
    net = torch.nn.Sequential(torch.nn.Conv2d(now, 2, 1, bias=False))
    load_weights(net, path, retarget=True)
    sums = {1: [1.0, 2.0], 3: [6.0, 15.0], 4: [10.0, 26.0]}[before]
    expected = torch.tensor(sums).div(now).reshape(2, 1, 1, 1).expand(2, now, 1, 1)
    torch.testing.assert_close(net[0].weight.detach(), expected)
