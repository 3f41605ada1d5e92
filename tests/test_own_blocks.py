"""The blocks that docs/language.md teaches the reader to write train and specialise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from packages import ROOT, Compiled, compiled_file

from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.verify import verify

SPACES = ("own_convnext", "own_shufflenet")


@pytest.fixture(scope="module", params=SPACES)
def space(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```ofa\n(.*?)```", text, re.DOTALL)
    own = next(block for block in blocks if f"space {request.param}" in block)
    path: Path = tmp_path_factory.mktemp("docs") / f"{request.param}.ofa"
    path.write_text(own)
    return compiled_file(path)


def test_it_trains_for_a_step(space: Compiled) -> None:
    torch.manual_seed(0)
    net = space.module.Supernet().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    x, target = torch.randn(8, 3, 32, 32), torch.arange(8)
    for arch in space.archs(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x, at_32(arch)), target)
        loss.backward()
        optimizer.step()
    assert torch.isfinite(loss)


def test_it_specialises_and_costs_what_it_says(space: Compiled) -> None:
    torch.manual_seed(0)
    net = space.module.Supernet().eval()
    cost = space.module.cost
    for arch in map(at_32, space.archs(4)):
        x = torch.randn(2, 3, 32, 32)
        plain = specialize(net, arch, fold_bn=False)
        assert verify(plain, net, arch, x, exact=True) == 0
        row = cost.encode([arch.to_dict()])
        counted = sum(p.numel() for p in plain.parameters())
        assert cost.params(row).tolist() == [counted]
        verify(specialize(net, arch), net, arch, x, exact=False)


def at_32(arch: object) -> object:
    data = {**arch.to_dict(), "resolution": 32}  # type: ignore[attr-defined]
    return type(arch).from_dict(data)  # type: ignore[attr-defined]
