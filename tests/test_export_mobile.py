"""Exports to ExecuTorch, run there; `make test-mobile` has an environment of its own for them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from exports import write_small_subnet

from ofadsl.cli import main
from ofadsl.deploy.exporter import Work, find_exporter
from ofadsl.diagnostics import Diagnostics

if importlib.util.find_spec("executorch") is None:
    pytest.skip("ExecuTorch is not installed: make test-mobile", allow_module_level=True)


def export(folder: Path, output: Path, *flags: str) -> dict[str, object]:
    arguments = [str(folder), "--format", "executorch", "-o", str(output), *flags]
    result = CliRunner().invoke(main, ["export", *arguments])
    assert result.exit_code == 0, result.output
    entry = json.loads((output.parent / "export.json").read_text())[output.name]
    assert isinstance(entry, dict)
    print(result.output)
    return entry


@pytest.mark.parametrize("name", ["digits", "fbnet", "mbv3", "mcunet", "proxyless", "resnet50d"])
def test_convolutional_spaces_run_in_executorch(name: str, tmp_path: Path) -> None:
    entry = export(write_small_subnet(name, tmp_path / "net"), tmp_path / "net.pte")
    assert entry["check"]["executorch"]["error"] < 1e-4  # type: ignore[index]


def test_int8_is_smaller_and_follows(tmp_path: Path) -> None:
    folder = write_small_subnet("digits", tmp_path / "net")
    plain = export(folder, tmp_path / "plain.pte")
    flags = ("--int8", "--calibration", "digits", "--measure")
    int8 = export(folder, tmp_path / "int8.pte", *flags)
    assert int8["bytes"] < plain["bytes"]  # type: ignore[operator]
    assert int8["check"]["executorch"]["correlation"] > 0.9  # type: ignore[index]
    assert set(int8["accuracy"]) == {"images", "subnet.py", "executorch"}  # type: ignore[call-overload]


class Bessel(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x).mean((2, 3))


def test_an_op_that_executorch_lacks_is_named(tmp_path: Path) -> None:
    work = Work(module=Bessel(), example=torch.randn(1, 3, 8, 8))
    with pytest.raises(Diagnostics, match=r"executorch cannot express the op .*bessel_j0"):
        find_exporter("executorch").write(work, tmp_path / "a.pte")
