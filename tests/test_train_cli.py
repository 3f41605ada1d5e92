"""`ofadsl train` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from conftest import REPOSITORY
from packages import compiled
from PIL import Image

from ofadsl.cli import main

SMALL = str(REPOSITORY / "tests/spaces/small.ofa")
DIGITS = str(REPOSITORY / "spaces/digits.ofa")
FEW = ("--data", "digits", "--limit", "32", "--batch", "16", "--device", "cpu")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", *arguments])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder of two classes, bright and dark."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number, name in enumerate(("bright", "dark")):
        (folder / name).mkdir()
        for i in range(6):
            pixels = rng.integers(120 * number, 120 * number + 100, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return str(folder)


def test_a_supernet_trains_on_the_digits(tmp_path: Path) -> None:
    result = run(DIGITS, *FEW, "--epochs", "1", "-o", str(tmp_path / "run"), "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert Path(answer["weights"]).exists()
    assert "all 1/1  loss" in result.stderr
    assert "largest" in result.stderr


def test_the_shipped_schedules_train(tmp_path: Path) -> None:
    for name, settings in (("progressive", "n=1"), ("uniform", "n=2")):
        folder = str(tmp_path / name)
        options = ("--schedule", name, "--schedule-set", settings, "--epochs", "0.5")
        result = run(DIGITS, *FEW, *options, "--evaluate-every", "9", "-o", folder)
        assert result.exit_code == 0, result.output
    lines = (tmp_path / "progressive/metrics.jsonl").read_text().splitlines()
    assert len({json.loads(line)["phase"] for line in lines}) > 3


def test_one_subnet_trains_alone(tmp_path: Path) -> None:
    arch = tmp_path / "arch.json"
    smallest = compiled("digits").module.Arch.smallest()
    arch.write_text(json.dumps(smallest.to_dict()))
    options = ("--schedule", "single", "--arch", str(arch), "--epochs", "1")
    result = run(DIGITS, *FEW, *options, "-o", str(tmp_path / "run"))
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "run/metrics.jsonl").read_text())
    assert found["largest"] == found["smallest"]


def test_published_weights_are_tuned_to_own_data_with_a_new_head(
    tmp_path: Path, pictures: str
) -> None:
    torch.save(compiled("small").module.Supernet().state_dict(), tmp_path / "base.pt")
    options = ("--weights", str(tmp_path / "base.pt"), "--set", "classes=2", "--batch", "4")
    options += ("--schedule", "uniform", "--epochs", "1", "--workers", "0", "--device", "cpu")
    result = run(SMALL, "--data", pictures, *options, "-o", str(tmp_path / "run"))
    assert result.exit_code == 0, result.output
    assert "head.weight is newly initialised: 2 outputs, not 10" in result.stderr
    assert json.loads((tmp_path / "run/config.json").read_text())["weights"]


def test_classes_that_the_space_has_not_name_the_setting(tmp_path: Path, pictures: str) -> None:
    options = ("--batch", "4", "--workers", "0", "--device", "cpu", "-o", str(tmp_path / "run"))
    result = run(SMALL, "--data", pictures, *options)
    assert result.exit_code == 1
    assert "OFA189" in result.stderr
    assert "--set classes=2" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", ["0", "soon", "-3", "10x"])
def test_a_pace_that_is_none_is_wrong_usage(tmp_path: Path, value: str) -> None:
    result = run(DIGITS, *FEW, "-o", str(tmp_path), "--checkpoint-every", value)
    assert result.exit_code == 2


@pytest.mark.parametrize("option", ["--lr", "--clip", "--weight-decay", "--momentum", "--ema"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_setting_that_is_no_number_is_wrong_usage(
    tmp_path: Path, option: str, value: str
) -> None:
    result = run(DIGITS, *FEW, "-o", str(tmp_path / "run"), option, value)
    assert result.exit_code == 2
    assert option in result.stderr
    assert not (tmp_path / "run").exists()


def test_an_accuracy_of_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ofadsl.train.loop._accuracies", lambda *_: (0.5, 0.0))
    result = run(DIGITS, *FEW, "--epochs", "0.5", "-o", str(tmp_path / "run"))
    assert "accuracy: largest 50.0%, smallest 0.0%" in result.stdout


def test_checkpoints_come_as_often_as_asked(tmp_path: Path) -> None:
    options = ("--epochs", "1.5", "--evaluate-every", "9", "--checkpoint-every", "1")
    assert run(DIGITS, *FEW, *options, "-o", str(tmp_path / "run")).exit_code == 0
    found = sorted(path.name for path in (tmp_path / "run").glob("checkpoint-*"))
    assert found == ["checkpoint-00000002.safetensors", "checkpoint-00000003.safetensors"]


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [("sandwich", "each step trains other subnets"), ("single", "on a CPU a compiled step")],
)
def test_compiling_where_it_does_not_pay_is_said_to_be_idle(
    tmp_path: Path, schedule: str, reason: str
) -> None:
    options = ("--compile", "--epochs", "0.5", "--evaluate-every", "9", "--schedule", schedule)
    result = run(DIGITS, *FEW, *options, "-o", str(tmp_path / "run"))
    assert result.exit_code == 0
    assert f"--compile changes nothing: {reason}" in result.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["compile"] is False
