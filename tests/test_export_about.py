"""What an export says of its input and its classes, and images of the user's that calibrate it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result
from exports import write_small_subnet
from packages import ROOT, compiled, path_of
from PIL import Image

from ofadsl.cli import main
from ofadsl.deploy.torch_export import ABOUT
from ofadsl.train.data.open import open_data
from ofadsl.train.data.prepare import normalised


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def done(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module", name="folder")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a subnet that knows what data it is for."""
    place = tmp_path_factory.mktemp("about")
    arch = compiled("digits").module.Arch.smallest()
    (place / "arch.json").write_text(json.dumps(arch.to_dict()))
    flags = ("--space", path_of("digits"), "--recompute-bn", "digits", "-o", place / "net")
    done("specialize", "--arch", place / "arch.json", *flags)
    return place / "net"


def test_a_file_says_what_it_is_given_and_what_it_tells(folder: Path, tmp_path: Path) -> None:
    done("export", folder, "--format", "onnx", "-o", tmp_path / "a.onnx")
    flags = ("--int8", "--calibration", "random")
    done("export", folder, "--format", "onnx", "-o", tmp_path / "b.onnx", *flags)
    done("export", folder, "--format", "torch-export", "-o", tmp_path / "a.pt2")
    report = json.loads((tmp_path / "export.json").read_text())
    archive = {ABOUT: ""}
    torch.export.load(tmp_path / "a.pt2", extra_files=archive)
    inside = json.loads(archive[ABOUT])
    for name in ("a.onnx", "b.onnx"):
        model = onnx.load(tmp_path / name)
        assert {prop.key: prop.value for prop in model.metadata_props} == inside
    for name, entry in report.items():
        assert entry["classes"] == json.loads(inside["classes"]) == [str(i) for i in range(10)]
        assert entry["preprocessing"] == json.loads(inside["preprocessing"])
        assert entry["input"]["name"] == (None if name.endswith("pt2") else "image")
        assert entry["input"]["shape"] == [1, *json.loads(inside["image"])]
        assert entry["output"]["shape"] == [1, 10]


def test_who_follows_the_record_gives_the_network_what_training_gave_it(
    folder: Path, tmp_path: Path
) -> None:
    done("export", folder, "--format", "onnx", "-o", tmp_path / "a.onnx")
    entry = json.loads((tmp_path / "export.json").read_text())["a.onnx"]
    told, (_, channels, rows, columns) = entry["preprocessing"], entry["input"]["shape"]
    with np.load(ROOT / "ofadsl/train/data/digits.npz") as stored:
        pixels = stored["images"][int(stored["training"])]
    assert (told["colour"], channels, told["centre"]) == ("grey", 1, 1.0)
    image = Image.fromarray((pixels.astype(np.uint16) * 255 // 16).astype(np.uint8))
    values = np.asarray(image.resize((columns, rows), Image.Resampling.BILINEAR), np.float32) / 255
    fed = ((values - told["mean"][0]) / told["std"][0]).astype(np.float32)[None, None]
    given, _ = open_data("digits", channels=1).val.load(0, size=rows, seed=None)
    np.testing.assert_allclose(fed, normalised(given[None]).numpy(), atol=1e-5)
    session = onnxruntime.InferenceSession(
        str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"]
    )
    (output,) = session.run(None, {entry["input"]["name"]: fed})
    assert output.shape == (1, len(entry["classes"]))


@pytest.mark.parametrize(
    "change", [{"classes": ["a"]}, {"classes": "abc"}, {"classes": [1, 2]}, {"preprocessing": [1]}]
)
def test_an_edited_record_is_refused(
    change: dict[str, object], folder: Path, tmp_path: Path
) -> None:
    net = tmp_path / "net"
    net.mkdir()
    for path in folder.iterdir():
        (net / path.name).write_bytes(path.read_bytes())
    record = json.loads((net / "subnet.json").read_text())
    (net / "subnet.json").write_text(json.dumps(record | change))
    result = run("export", net, "--format", "torch-export", "-o", tmp_path / "a")
    assert result.exit_code == 1
    assert "error[OFA251]" in result.stderr


def test_a_folder_written_before_records_told_of_classes_is_exported(
    folder: Path, tmp_path: Path
) -> None:
    net = tmp_path / "net"
    net.mkdir()
    for path in folder.iterdir():
        (net / path.name).write_bytes(path.read_bytes())
    record = json.loads((net / "subnet.json").read_text())
    del record["classes"], record["preprocessing"]
    (net / "subnet.json").write_text(json.dumps(record))
    done("export", net, "--format", "torch-export", "-o", tmp_path / "a")
    entry = json.loads((tmp_path / "export.json").read_text())["a"]
    assert entry["classes"] is None
    assert entry["preprocessing"] is None


def odd_images(folder: Path, classes: int) -> Path:
    """Write a folder of images such as people have: of all modes, sizes and turns."""
    draw = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways
    for number in range(classes):
        place = folder / f"class-{number}"
        place.mkdir(parents=True)
        grey = Image.fromarray(draw.integers(0, 255, (40, 90), np.uint8))
        grey.save(place / "grey.PNG")
        grey.convert("RGB").save(place / "turned.jpg", exif=exif)
        grey.convert("RGBA").save(place / "clear.png")
        grey.convert("P").save(place / "palette.gif")
        grey.convert("1").save(place / "ink.bmp")
        grey.convert("CMYK").save(place / "print.tiff")
        Image.fromarray(draw.integers(0, 65535, (30, 30), np.uint16)).save(place / "deep.png")
        grey.resize((3, 1)).convert("RGB").save(place / "tiny.webp")
        (place / "notes.txt").write_text("no image")
    return folder


def test_a_folder_of_odd_images_calibrates(tmp_path: Path) -> None:
    images = odd_images(tmp_path / "photos", 2)
    net = write_small_subnet("small", tmp_path / "net", "classes=2")
    flags = ("--format", "onnx", "--int8", "--calibration", images)
    done("export", net, *flags, "-o", tmp_path / "a")
    entry = json.loads((tmp_path / "export.json").read_text())["a"]
    assert entry["calibration"] == {"source": "photos", "images": 14}
    assert entry["accuracy"]["images"] == 2
    assert entry["classes"] == ["class-0", "class-1"]
    assert entry["preprocessing"]["centre"] == 1.0


def test_a_broken_image_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    images = odd_images(tmp_path / "photos", 2)
    for place in images.iterdir():
        whole = (place / "turned.jpg").read_bytes()
        (place / "turned.jpg").write_bytes(whole[: len(whole) // 2])
    net = write_small_subnet("small", tmp_path / "net", "classes=2")
    flags = ("--format", "onnx", "--int8", "--calibration", images)
    result = run("export", net, *flags, "-o", tmp_path / "out" / "a")
    assert result.exit_code == 1
    assert "error[OFA186]" in result.stderr
    assert "turned.jpg" in result.stderr
    assert not (tmp_path / "out").exists()


def test_classes_of_other_names_tell_no_accuracy(folder: Path, tmp_path: Path) -> None:
    images = odd_images(tmp_path / "photos", 10)
    flags = ("--format", "onnx", "--int8", "--calibration", images)
    result = done("export", folder, *flags, "-o", tmp_path / "a")
    assert "no accuracy is told" in result.stdout
    entry = json.loads((tmp_path / "export.json").read_text())["a"]
    assert entry["accuracy"] is None
    assert entry["classes"][0] == "0"


@pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="torchao is not installed")
def test_fewer_images_than_a_batch_train_in_int8(tmp_path: Path) -> None:
    images = odd_images(tmp_path / "photos", 2)
    net = write_small_subnet("small", tmp_path / "net", "classes=2")
    done("quantize", net, "--data", images, "-o", tmp_path / "int8")
    record = json.loads((tmp_path / "int8/subnet.json").read_text())
    assert record["quantization"]["images"] == 2
