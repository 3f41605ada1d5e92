"""Exports to TensorFlow Lite, in LiteRT and tflite-micro, and the model of what they need there.

`make test-mcu` has an environment of its own for them.
"""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from exports import write_small_subnet
from packages import compiled

from ofadsl.cli import main
from ofadsl.deploy.exporter import Work, find_exporter
from ofadsl.deploy.images import random_images
from ofadsl.deploy.subnet import read_subnet
from ofadsl.diagnostics import Diagnostics

if importlib.util.find_spec("litert_torch") is None:
    pytest.skip("LiteRT is not installed: make test-mcu", allow_module_level=True)

RESOLUTIONS = (48, 64, 80, 96, 112, 128)


def export(folder: Path, output: Path, *flags: str) -> dict[str, object]:
    arguments = [str(folder), "--format", "tflite", "-o", str(output), *flags]
    result = CliRunner().invoke(main, ["export", *arguments])
    assert result.exit_code == 0, result.output
    entry = json.loads((output.parent / "export.json").read_text())[output.name]
    assert isinstance(entry, dict)
    print(result.output)
    return entry


@pytest.mark.parametrize("name", ["digits", "fbnet", "mbv3", "mcunet", "proxyless", "resnet50d"])
def test_convolutional_spaces_run_in_litert(name: str, tmp_path: Path) -> None:
    entry = export(write_small_subnet(name, tmp_path / "net"), tmp_path / "net.tflite")
    assert entry["check"]["litert"]["error"] < 1e-4  # type: ignore[index]


def test_int8_follows_in_both_runtimes(tmp_path: Path) -> None:
    folder = write_small_subnet("digits", tmp_path / "net")
    flags = ("--int8", "--calibration", "digits", "--measure")
    entry = export(folder, tmp_path / "net.tflite", *flags)
    for runtime in ("litert", "tflite-micro"):
        assert entry["check"][runtime]["correlation"] > 0.9  # type: ignore[index]


def test_an_op_that_tflite_lacks_is_named(tmp_path: Path) -> None:
    class Bessel(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j0(x).mean((2, 3))

    work = Work(module=Bessel(), example=torch.randn(1, 3, 8, 8))
    with pytest.raises(Diagnostics, match=r"tflite cannot express the op .*bessel_j0"):
        find_exporter("tflite").write(work, tmp_path / "a.tflite")


@pytest.mark.parametrize("seed", range(4))
def test_the_predicted_arena_and_flash_are_true(seed: int, tmp_path: Path) -> None:
    space = compiled("mcunet")
    samples = space.checked.space.samples(random.Random(100 + seed))
    form = space.checked.space.to_json(next(samples)) | {"resolution": RESOLUTIONS[seed]}
    arch = space.module.Arch.from_dict(form)
    subnet = read_subnet(write_small_subnet("mcunet", tmp_path / "net", arch=arch))
    path, exporter = tmp_path / "net.tflite", find_exporter("tflite")
    images = random_images(subnet.image, 8)
    exporter.write(Work(module=subnet.module, example=images[:1], calibration=images), path)
    x = space.module.cost.encode([form])
    arena, flash = int(exporter.memory(path)["arena_bytes"]), path.stat().st_size
    predicted = int(space.module.cost.arena_bytes(x)[0]), int(space.module.cost.flash_bytes(x)[0])
    print(f"arena {predicted[0]:,} predicted, {arena:,} true; flash {predicted[1]:,}, {flash:,}")
    assert 0.98 <= predicted[0] / arena <= 1.1
    assert 0.98 <= predicted[1] / flash <= 1.05
