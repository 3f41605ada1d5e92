"""Exports: run in their own runtime and compared, and written only when they agree."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result
from exports import write_small_subnet
from packages import OWN, SHIPPED

from ofadsl.cli import main
from ofadsl.deploy.export import Order, export
from ofadsl.deploy.images import Images
from ofadsl.deploy.onnx import to_onnx
from ofadsl.deploy.subnet import Subnet, read_subnet
from ofadsl.diagnostics import Diagnostics

SLOW = os.environ.get("OFADSL_SLOW") is not None
EVERY = (*OWN, *SHIPPED) if SLOW else ("mixed", "vit", "fbnet")
"""All spaces with OFADSL_SLOW=1, which takes minutes."""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture(scope="module", name="folder")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_subnet("small", tmp_path_factory.mktemp("subnet") / "net", "classes=7")


@pytest.fixture(name="subnet")
def make_subnet(folder: Path) -> Subnet:
    return read_subnet(folder)


def onnx_outputs(path: Path, images: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"image": images.numpy()})
    return torch.from_numpy(output)


@pytest.mark.parametrize("name", EVERY)
def test_a_subnet_of_every_space_runs_in_onnxruntime(name: str, tmp_path: Path) -> None:
    subnet = read_subnet(write_small_subnet(name, tmp_path / "net"))
    path = tmp_path / "net.onnx"
    entry = export(Order(subnet=subnet, format="onnx", output=path, batch=None))
    assert entry["check"]["onnxruntime"]["error"] < 1e-4
    assert entry["versions"]["opset"] == 20
    images = torch.randn(3, *subnet.image)
    with torch.no_grad():
        torch.testing.assert_close(
            onnx_outputs(path, images), subnet.module(images), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("form", ["onnx", "torch-export"])
@pytest.mark.parametrize("batch", ["2", "dynamic"])
def test_the_file_and_its_report_are_written(
    form: str, batch: str, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "net.bin"
    result = run(folder, "--format", form, "--batch", batch, "-o", path)
    assert result.exit_code == 0, result.output
    assert "verified in" in result.stdout
    entry = json.loads((tmp_path / "new/export.json").read_text())["net.bin"]
    assert entry["bytes"] == path.stat().st_size
    assert entry["input"]["shape"][0] == (2 if batch == "2" else "any")
    assert entry["dtype"] == "float32"
    assert sorted(p.name for p in path.parent.iterdir()) == ["export.json", "net.bin"]


def test_the_report_keeps_the_entries_of_other_files(folder: Path, tmp_path: Path) -> None:
    for form in ("onnx", "torch-export"):
        assert run(folder, "--format", form, "-o", tmp_path / form).exit_code == 0
    report = json.loads((tmp_path / "export.json").read_text())
    assert {name: entry["format"] for name, entry in report.items()} == {
        "onnx": "onnx",
        "torch-export": "torch-export",
    }


def test_an_exported_program_is_loaded_by_torch(subnet: Subnet, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    export(Order(subnet=subnet, format="torch-export", output=path, batch=None))
    images = torch.randn(5, *subnet.image)
    with torch.no_grad():
        assert torch.equal(torch.export.load(path).module()(images), subnet.module(images))


class Wrong(torch.nn.Module):
    """Computes something else once it is exported."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3))
        return mean + 1 if torch.compiler.is_exporting() else mean


def test_a_file_that_computes_something_else_is_not_written(tmp_path: Path) -> None:
    wrong = Subnet(folder=tmp_path, module=Wrong(), space="wrong", image=(3, 8, 8), classes=3)
    with pytest.raises(Diagnostics, match="OFA253"):
        export(Order(subnet=wrong, format="onnx", output=tmp_path / "out" / "net.onnx"))
    assert not list(tmp_path.iterdir())


def test_int8_is_calibrated_checked_and_smaller(folder: Path, tmp_path: Path) -> None:
    for name, flags in {"plain": (), "int8": ("--int8", "--calibration", "random")}.items():
        result = run(folder, "--format", "onnx", "-o", tmp_path / name, *flags)
        assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "export.json").read_text())
    kinds = {node.op_type for node in onnx.load(tmp_path / "int8").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert report["int8"]["bytes"] < report["plain"]["bytes"]
    assert report["int8"]["calibration"] == {"source": "random", "images": 64}
    assert 0 < report["int8"]["check"]["onnxruntime"]["error"]


def test_noise_says_nothing_of_accuracy(folder: Path, tmp_path: Path) -> None:
    flags = ("--format", "onnx", "--int8", "--calibration", "random")
    result = run(folder, *flags, "-o", tmp_path / "a")
    assert "of no use for accuracy" in result.stdout
    assert json.loads((tmp_path / "export.json").read_text())["a"]["accuracy"] is None


def test_accuracy_before_and_after_is_told_where_classes_are_known(
    subnet: Subnet, tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(40, *subnet.image, generator=generator)
    with torch.no_grad():
        labels = subnet.module(images).argmax(1)
    labels[:10] = (labels[:10] + 1) % subnet.module(images[:1]).shape[1]
    sample = Images(name="own", calibration=images, test=images, labels=labels)
    order = Order(
        subnet=subnet, format="onnx", output=tmp_path / "a", batch=8, int8=True, images=sample
    )
    accuracy = export(order)["accuracy"]
    assert accuracy["images"] == 40
    assert accuracy["subnet.py"] == 0.75
    with torch.no_grad():
        found = torch.cat(
            [onnx_outputs(tmp_path / "a", part) for part in images.view(5, 8, 3, 32, 32)]
        )
    assert accuracy["onnxruntime"] == float((found.argmax(1) == labels).double().mean())


def test_both_types_are_timed(folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--format", "onnx", "--measure", "-o", tmp_path / "a")
    assert result.exit_code == 0, result.output
    timing = json.loads((tmp_path / "export.json").read_text())["a"]["timing"]
    assert set(timing["median_ms"]) == {"float32", "int8"}
    assert timing["faster"] == min(timing["median_ms"], key=timing["median_ms"].get)
    assert f"{timing['faster']} is faster" in result.stdout


def test_digits_calibrate_and_tell_the_accuracy(tmp_path: Path) -> None:
    folder = write_small_subnet("digits", tmp_path / "net")
    flags = ("--format", "onnx", "--int8", "--calibration", "digits", "--batch", "dynamic")
    result = run(folder, *flags, "-o", tmp_path / "a")
    assert result.exit_code == 0, result.output
    entry = json.loads((tmp_path / "export.json").read_text())["a"]
    assert entry["calibration"] == {"source": "digits", "images": 256}
    assert set(entry["accuracy"]) == {"images", "subnet.py", "onnxruntime"}
    assert "accuracy on" in result.stdout


def test_digits_say_nothing_of_a_network_of_other_classes(folder: Path, tmp_path: Path) -> None:
    flags = ("--format", "onnx", "--int8", "--calibration", "digits")
    result = run(folder, *flags, "-o", tmp_path / "a")
    assert result.exit_code == 0, result.output
    assert "no accuracy is told" in result.stdout


def fails(code: str, *arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert f"error[{code}]" in result.stderr
    return result.stderr


def test_a_missing_package_is_named_with_its_extra(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without_onnx(name: str, package: str | None = None) -> Any:
        return None if name == "onnxruntime" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_onnx)
    text = fails("OFA250", folder, "--format", "onnx", "-o", tmp_path / "a")
    assert "needs onnxruntime: not installed" in text
    assert "pip install 'ofadsl[export]'" in text


@pytest.mark.parametrize("record", [None, "[]", "{", '{"input": [1, "x"], "space": "a"}'])
def test_a_folder_that_is_no_subnet_is_refused(record: str | None, tmp_path: Path) -> None:
    if record is not None:
        (tmp_path / "subnet.json").write_text(record)
    fails("OFA251", tmp_path, "--format", "onnx", "-o", tmp_path / "a")


BROKEN = {
    "def (": "SyntaxError",
    "x = 1": "KeyError: 'load'",
    "raise OSError('mine')": "OSError: mine",
    "def load(folder): return folder": "AttributeError",
}


@pytest.mark.parametrize("source", BROKEN)
def test_a_program_that_fails_is_named_with_its_error(
    source: str, folder: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(folder, tmp_path / "net")
    (broken / "subnet.py").write_text(source)
    text = fails("OFA251", broken, "--format", "torch-export", "-o", tmp_path / "a")
    assert BROKEN[source] in text


@pytest.mark.parametrize("kept", [None, 0, 100, 3000])
def test_weights_that_are_missing_or_cut_off_are_refused(
    kept: int | None, folder: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(folder, tmp_path / "net")
    weights = broken / "weights.safetensors"
    data = weights.read_bytes()
    weights.unlink()
    if kept is not None:
        weights.write_bytes(data[:kept])
    fails("OFA251", broken, "--format", "torch-export", "-o", tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("shape", [[1, 4, 32, 32], [1, 3, -2, 32], [1, 3]])
def test_an_input_that_the_network_does_not_take_is_refused(
    shape: list[int], folder: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(folder, tmp_path / "net")
    record = json.loads((broken / "subnet.json").read_text())
    (broken / "subnet.json").write_text(json.dumps(record | {"input": shape}))
    fails("OFA251", broken, "--format", "torch-export", "-o", tmp_path / "a")


class Bessel(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x).mean((2, 3))


def test_an_op_that_a_format_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics, match=r"onnx cannot express the op .*bessel_j0"):
        to_onnx(Bessel(), torch.randn(1, 3, 8, 8), tmp_path / "a.onnx")


def test_int8_without_images_is_refused(folder: Path, tmp_path: Path) -> None:
    fails("OFA254", folder, "--format", "onnx", "--int8", "-o", tmp_path / "a")


def test_images_of_another_size_or_class_are_refused(subnet: Subnet, tmp_path: Path) -> None:
    good = torch.zeros(2, *subnet.image)
    for sample in (
        Images(name="own", calibration=torch.zeros(2, 1, 8, 8)),
        Images(name="own", calibration=good[:0]),
        Images(name="own", calibration=good, test=good, labels=torch.tensor([0, 1 << 20])),
    ):
        with pytest.raises(Diagnostics, match="OFA255"):
            export(
                Order(subnet=subnet, format="onnx", output=tmp_path / "a", images=sample, int8=True)
            )


def test_int8_where_a_format_has_none_is_refused(folder: Path, tmp_path: Path) -> None:
    flags = ("--int8", "--calibration", "random")
    fails("OFA256", folder, "--format", "torch-export", "-o", tmp_path / "a", *flags)


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}'])
def test_a_file_that_is_no_report_is_left_alone(text: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text(text)
    fails("OFA257", folder, "--format", "torch-export", "-o", tmp_path / "a")
    assert (tmp_path / "export.json").read_text() == text
    assert not (tmp_path / "a").exists()


def test_a_file_does_not_take_the_place_of_the_report_or_of_a_folder(
    folder: Path, tmp_path: Path
) -> None:
    flags = ("--format", "torch-export", "-o")
    assert "another name" in fails("OFA257", folder, *flags, tmp_path / "export.json")
    for place in (tmp_path, "/"):
        assert "is a directory" in fails("OFA099", folder, *flags, place)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fails("OFA099", folder, "--format", "torch-export", "-o", tmp_path / "file" / "a")


@pytest.mark.parametrize("batch", ["0", "-1", "many", "1.5"])
def test_a_batch_is_a_number_or_dynamic(batch: str, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--format", "onnx", "--batch", batch, "-o", tmp_path / "a")
    assert result.exit_code == 2
    assert "nor 'dynamic'" in result.stderr
