"""`ofadsl verify`: what a search predicted, against what is evaluated and measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch
from click.testing import CliRunner

from ofadsl.cli import main
from ofadsl.commands.verify_front import Checked
from tests.packages import compiled, path_of


def ofadsl(*words: object) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A device measured here, an accuracy made up, and a front of both."""
    folder = tmp_path_factory.mktemp("verify")
    space, generated = path_of("digits"), folder / "generated"
    torch.manual_seed(0)
    weights = folder / "weights.safetensors"
    safetensors.torch.save_file(compiled("digits").module.Supernet().state_dict(), weights)
    table = folder / "here.jsonl"
    ofadsl("measure", space, "-n", 6, "-o", table)
    ofadsl("calibrate", space, "--table", table, "--name", "here", "-o", generated)
    front = folder / "front"
    ofadsl(
        "search", space, "--maximize", "accuracy", "--accuracy", "test_verify_front:score",
        "--minimize", "latency[here]", "--fix", "resolution=12", "--generations", 3,
        "--population", 20, "--generated", generated, "-o", front,
    )  # fmt: skip
    return SimpleNamespace(front=front, weights=weights, generated=generated)


def score(x: object) -> object:
    return compiled("digits").module.cost.macs(x) / 1e7


def test_predictions_stand_beside_what_is(work: SimpleNamespace) -> None:
    told = ofadsl(
        "verify", work.front, "-n", 2, "--weights", work.weights, "--data", "digits",
        "--generated", work.generated,
    )  # fmt: skip
    assert "latency[here]: predicted with an error of" in told
    assert "accuracy: predicted with an error of" in told
    found = json.loads((work.front / "verified.json").read_text())
    assert found["archs"] == ["arch-001", "arch-002"]
    names = {one["name"]: one for one in found["checked"]}
    assert set(names) == {"accuracy", "latency[here]"}
    assert all(0 <= value <= 1 for value in names["accuracy"]["found"])
    assert all(value > 0 for value in names["latency[here]"]["found"])
    assert len(names["latency[here]"]["intervals"]) == 2


def test_a_search_verifies_what_it_found(work: SimpleNamespace, tmp_path: Path) -> None:
    told = ofadsl(
        "search", path_of("digits"), "--minimize", "macs", "--generated", work.generated,
        "--minimize", "latency[here]", "--generations", 2, "--population", 20,
        "--verify", 1, "-o", tmp_path / "front", "--json",
    )  # fmt: skip
    found = json.loads(told[told.index("{") :])
    assert found["verified"]["archs"] == ["arch-001"]
    assert [one["name"] for one in found["verified"]["checked"]] == ["latency[here]"]


def test_what_cannot_be_tried_is_said(work: SimpleNamespace) -> None:
    estimator = work.generated / "digits" / "latency_here.py"
    text = estimator.read_text()
    try:
        estimator.write_text(text.replace('"machine": "', '"machine": "another '))
        told = ofadsl("verify", work.front, "-n", 1, "--generated", work.generated)
    finally:
        estimator.write_text(text)
    assert "the accuracy was not evaluated" in told
    assert "this is not the machine of its table" in told
    assert "nothing was verified" in told


def test_subnets_are_measured_in_the_dtype_of_the_table(
    work: SimpleNamespace, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    front = shutil.copytree(work.front, tmp_path / "front")
    (front / "verified-latency-here.jsonl").unlink(missing_ok=True)  # of another test
    generated = shutil.copytree(work.generated, tmp_path / "generated")
    estimator = generated / "digits" / "latency_here.py"
    text = estimator.read_text()
    for old, new in (('"dtype": "float32"', '"int8"'), ('"runtime": "eager"', '"onnxruntime"')):
        assert old in text
        text = text.replace(old, f"{old.partition(':')[0]}: {new}")
    estimator.write_text(text)
    ofadsl("verify", front, "-n", 1, "--generated", generated)
    header = json.loads((front / "verified-latency-here.jsonl").read_text().partition("\n")[0])
    assert (header["dtype"], header["runtime"]) == ("int8", "onnxruntime")


def test_a_folder_without_a_front_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["verify", str(tmp_path)])
    assert result.exit_code == 1
    assert "OFA236" in result.output


def test_errors_are_those_of_the_subnets() -> None:
    latency = Checked(
        name="latency[a]",
        unit="ms",
        predicted=(11.0, 18.0),
        found=(10.0, 20.0),
        intervals=((9.0, 10.5), (10.0, 19.0)),
    )
    assert latency.error == pytest.approx(0.1)
    assert latency.inside == 1
    accuracy = Checked(name="accuracy", unit="", predicted=(0.9,), found=(0.88,))
    assert accuracy.error == pytest.approx(0.02)
