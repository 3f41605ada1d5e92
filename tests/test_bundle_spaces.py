"""Bundles of other spaces than that of the digits, and of one subnet or many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from ofadsl.cli import main
from ofadsl.deploy.bundle import Bundle
from ofadsl.specialize.pipeline import specialize
from tests.fronts import write_front
from tests.packages import compiled


def bundled(front: Path, folder: Path, *flags: str) -> Bundle:
    result = CliRunner().invoke(main, ["bundle", str(front), "-o", str(folder), *flags])
    assert result.exit_code == 0, result.output
    return Bundle.load(folder)


@pytest.mark.parametrize("name", ["vit", "mixed"])
def test_subnets_of_transformers_and_of_mixed_blocks_agree(name: str, tmp_path: Path) -> None:
    module = compiled(name).module
    torch.manual_seed(0)
    supernet = module.Supernet().eval()
    torch.save(supernet.state_dict(), tmp_path / "weights.pt")
    front = write_front(name, tmp_path / "front", 3)
    bundle = bundled(front, tmp_path / "bundle", "--weights", str(tmp_path / "weights.pt"))
    for one in json.loads((tmp_path / "bundle/bundle.json").read_text())["subnets"]:
        arch = module.Arch.from_dict(one["arch"])
        x = torch.randn(2, module.CHANNELS, arch.resolution, arch.resolution)
        bundle.use(one["name"])
        with torch.no_grad():
            expected = specialize(supernet, arch)(x)
        torch.testing.assert_close(bundle(x), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("asked", "made"), [(1, 1), (10, 10), (99, 12)])
def test_a_bundle_has_as_many_subnets_as_are_asked_for_and_found(
    asked: int, made: int, tmp_path: Path
) -> None:
    front = write_front("digits", tmp_path / "front", 12)
    bundle = bundled(front, tmp_path / "bundle", "-k", str(asked))
    assert len(bundle.members) == made
    x = torch.randn(1, 1, 16, 16)
    for member in bundle.members:
        bundle.use(member.name)
        assert bundle(x).shape == (1, 10)
    assert bundle.choose(latency_ms=0.0) == bundle.members[-1]
    assert bundle.choose(latency_ms=float("inf")) == bundle.members[0]
