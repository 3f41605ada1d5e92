"""Training in int8: the weights learn to be rounded, and the network stays what it was."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from exports import write_small_subnet
from packages import compiled

from ofadsl.cli import main
from ofadsl.deploy.subnet import read_subnet
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.write import Record, write_subnet
from ofadsl.train.data.batches import batches
from ofadsl.train.data.open import open_data

if importlib.util.find_spec("torchao") is None:
    pytest.skip("torchao is not installed: pip install 'ofadsl[quant]'", allow_module_level=True)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["quantize", *map(str, arguments)])


@pytest.fixture(scope="module", name="trained")
def make_trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a subnet that knows the digits."""
    torch.manual_seed(0)
    space, data = compiled("digits").module, open_data("digits", channels=1)
    net, arch = space.Supernet().train(), space.Arch.smallest()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(8):  # what has hardly learnt is moved more than a point by any step
        for batch in batches(
            data.train, size=arch.resolution, batch=32, seed=0, epoch=epoch, drop_last=True
        ):
            loss = torch.nn.functional.cross_entropy(net(batch.images, arch), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    subnet = specialize(net.eval(), arch)
    folder = tmp_path_factory.mktemp("subnet") / "net"
    image = torch.zeros(1, 1, arch.resolution, arch.resolution)
    write_subnet(folder, subnet, image, Record(source="digits.ofa", arch=arch))
    return folder


def test_int8_is_within_a_point_of_float32_on_the_digits(trained: Path, tmp_path: Path) -> None:
    result = run(trained, "--data", "digits", "-o", tmp_path / "int8")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "int8/subnet.json").read_text())["quantization"]
    assert record["accuracy"]["float32"] > 0.6
    assert record["accuracy"]["int8 trained"] >= record["accuracy"]["float32"] - 0.01
    assert (record["data"], record["epochs"], record["images"]) == ("digits", 1, 360)
    before, after = (read_subnet(f).module.state_dict() for f in (trained, tmp_path / "int8"))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert sorted(p.name for p in (tmp_path / "int8").iterdir()) == [
        "subnet.json",
        "subnet.py",
        "weights.safetensors",
    ]


def test_images_of_other_classes_are_refused(tmp_path: Path) -> None:
    folder = write_small_subnet("digits", tmp_path / "net", "classes=7")
    result = run(folder, "--data", "digits", "-o", tmp_path / "int8")
    assert result.exit_code == 1
    assert "error[OFA258]" in result.stderr
    assert not (tmp_path / "int8").exists()


def test_noise_teaches_nothing(trained: Path, tmp_path: Path) -> None:
    result = run(trained, "--data", "random", "-o", tmp_path / "int8")
    assert result.exit_code == 1
    assert "error[OFA258]" in result.stderr


def test_a_folder_of_other_things_is_left_alone(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(trained, "--data", "digits", "-o", tmp_path)
    assert result.exit_code == 1
    assert "error[OFA098]" in result.stderr
