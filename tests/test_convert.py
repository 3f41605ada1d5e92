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
