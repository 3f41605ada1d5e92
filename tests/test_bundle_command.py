"""`ofadsl bundle`: from a front to subnets that share weights, and a program that uses them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner

from ofadsl.cli import main
from ofadsl.deploy.bundle import Bundle
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.pipeline import specialize
from ofadsl.train.data.open import open_data
from ofadsl.train.statistics import recomputed, statistics_batches
from tests.fronts import write_front
from tests.packages import ROOT, compiled, path_of


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights whose batch norm does something."""
    torch.manual_seed(0)
    net = compiled("digits").module.Supernet()
    for name, tensor in net.state_dict().items():
        if name.endswith(("running_var", "bn.weight")):
            tensor.uniform_(0.5, 1.5)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    safetensors.torch.save_file(net.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_front("digits", tmp_path_factory.mktemp("search") / "front", 7, seed=5)


@pytest.fixture(scope="module")
def bundled(front: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    options = ["--weights", str(weights), "--data", "digits", "-o", str(folder)]
    result = CliRunner().invoke(main, ["bundle", str(front), *options])
    assert result.exit_code == 0, result.output
    assert "5 subnets of digits" in result.output
    return folder


def alone(front: Path, weights: Path, name: str) -> tuple[torch.nn.Module, Any]:
    """Return a subnet of the front as `specialize` makes it, and its arch."""
    module = compiled("digits").module
    net = module.Supernet().eval()
    net.load_state_dict(safetensors.torch.load_file(weights))
    rows = {row["name"]: row for row in json.loads((front / "pareto.json").read_text())["archs"]}
    arch = module.Arch.from_dict(rows[name]["arch"])
    images = statistics_batches(open_data("digits", channels=1), size=arch.resolution)
    return specialize(recomputed(net, arch, images), arch), arch


def test_every_subnet_is_the_one_that_specialising_makes(
    front: Path, weights: Path, bundled: Path
) -> None:
    bundle = Bundle.load(bundled)
    assert len(bundle.members) == 5
    for member in bundle.members:
        net, arch = alone(front, weights, member.name)
        x = torch.randn(3, 1, arch.resolution, arch.resolution)
        bundle.use(member.name)
        torch.testing.assert_close(bundle(x), net(x), rtol=1e-4, atol=1e-5)


def test_tensors_are_stored_once(bundled: Path) -> None:
    stored = safetensors.torch.load_file(bundled / "shared.safetensors")
    index = json.loads((bundled / "bundle.json").read_text())
    shared = sum(one.numel() for one in stored.values())
    sizes = [
        sum(int(np.prod(shape)) for _, shape in one["tensors"].values()) for one in index["subnets"]
    ]
    assert shared < 0.6 * sum(sizes)
    assert not list(bundled.glob("*/weights.safetensors"))


def test_subnets_of_a_loaded_bundle_share_memory(bundled: Path) -> None:
    bundle = Bundle.load(bundled)
    sizes = [
        sum(t.nbytes for t in (*net.parameters(), *net.buffers()))
        for net in (bundle[member.name] for member in bundle.members)
    ]
    assert bundle.nbytes() < 0.8 * sum(sizes)


def test_the_best_within_a_limit_is_chosen(bundled: Path) -> None:
    bundle = Bundle.load(bundled)
    latencies = [member.costs["latency[chip]"] for member in bundle.members]
    assert latencies == sorted(latencies, reverse=True)
    middle = (latencies[1] + latencies[2]) / 2
    assert bundle.choose(latency_ms=middle, device="chip") == bundle.members[2]
    assert bundle.choose(latency_ms=middle) == bundle.members[2]
    assert bundle.current == bundle.members[2].name
    assert bundle.choose(latency_ms=latencies[-1] / 2) == bundle.members[-1]
    assert bundle.choose(macs=1e12) == bundle.members[0]


@pytest.mark.parametrize("left", [0.0, -3.0])
def test_the_cheapest_is_the_nearest_where_nothing_is_left(bundled: Path, left: float) -> None:
    bundle = Bundle.load(bundled)
    assert bundle.choose(latency_ms=left, device="chip") == bundle.members[-1]


def test_a_limit_that_is_no_number_is_refused(bundled: Path) -> None:
    with pytest.raises(ValueError, match="not NaN"):
        Bundle.load(bundled).choose(macs=float("nan"))


def test_unknown_names_and_costs_are_refused(bundled: Path) -> None:
    bundle = Bundle.load(bundled)
    with pytest.raises(Diagnostics) as report:
        bundle.use("arch-999")
    assert report.value.items[0].code == "OFA271"
    for wrong in ({"latency_ms": 1.0, "device": "other"}, {"colour": 3.0}):
        with pytest.raises(Diagnostics) as report:
            bundle.choose(**wrong)  # type: ignore[arg-type]
        assert report.value.items[0].code == "OFA272"
    assert bundle.current == bundle.members[0].name


def test_images_of_another_size_are_resized(bundled: Path) -> None:
    bundle = Bundle.load(bundled)
    assert bundle(torch.randn(2, 1, 33, 21)).shape == (2, 10)


def test_no_request_is_lost_or_mixed_while_subnets_are_switched(bundled: Path) -> None:
    bundle = Bundle.load(bundled)
    x = torch.randn(1, 1, 16, 16)
    names = [member.name for member in bundle.members]
    expected = []
    for name in names:
        bundle.use(name)
        expected.append(bundle(x))
    answers: list[list[torch.Tensor]] = [[] for _ in range(8)]
    ready = threading.Barrier(9)

    def ask(own: list[torch.Tensor]) -> None:
        ready.wait()
        for _ in range(40):
            own.append(bundle(x))

    def switch() -> None:
        ready.wait()
        for number in range(10_000):
            bundle.use(names[number % len(names)])

    threads = [threading.Thread(target=ask, args=(own,)) for own in answers]
    threads.append(threading.Thread(target=switch))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(own) for own in answers] == [40] * 8
    for answer in (one for own in answers for one in own):
        assert any(torch.allclose(answer, one, atol=1e-5) for one in expected)


def test_a_broken_bundle_is_refused(bundled: Path, tmp_path: Path) -> None:
    texts = ("", "{}", '{"subnets": 3}', '{"subnets": [{"name": "x"}]}', "[" * 100_000)
    for text in (*texts, '{"subnets": []}'):
        (tmp_path / "bundle.json").write_text(text)
        with pytest.raises(Diagnostics) as report:
            Bundle.load(tmp_path)
        assert report.value.items[0].code == "OFA270"
    (tmp_path / "bundle.json").write_bytes((bundled / "bundle.json").read_bytes())
    (tmp_path / "shared.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(Diagnostics) as report:
        Bundle.load(tmp_path)
    assert report.value.items[0].code == "OFA270"


WEIGHT = "stem.conv.weight"
ONE: dict[str, Any] = {
    "a shape larger than the tensor": {"tensors": {WEIGHT: [WEIGHT, [999, 1, 3, 3]]}},
    "a shape smaller than the network's": {"tensors": {WEIGHT: [WEIGHT, [1, 1, 3, 3]]}},
    "a shape of negative extents": {"tensors": {WEIGHT: [WEIGHT, [-1, 1, 3, 3]]}},
    "a shape of other axes": {"tensors": {WEIGHT: [WEIGHT, [1]]}},
    "a tensor that is not there": {"tensors": {WEIGHT: ["nowhere", [1]]}},
    "a tensor too many": {"tensors": {"more": [WEIGHT, [1, 1, 3, 3]]}},
    "no tensors": {"tensors": []},
    "costs that are no numbers": {"costs": []},
    "a cost that compares with nothing": {"costs": {"macs": float("nan")}},
    "an accuracy that compares with nothing": {"accuracy": float("nan")},
    "a resolution of nothing": {"arch": {"resolution": 0}},
    "a resolution beyond all memory": {"arch": {"resolution": 10**9}},
}


@pytest.mark.parametrize("what", ONE)
def test_an_index_that_does_not_fit_its_tensors_is_refused(
    what: str, bundled: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(bundled, tmp_path / "bundle")
    index = json.loads((folder / "bundle.json").read_text())
    first = index["subnets"][0]
    assert WEIGHT in first["tensors"]
    for key, value in ONE[what].items():
        merges = isinstance(value, dict) and key == "tensors"
        first[key] = first[key] | value if merges else value
    (folder / "bundle.json").write_text(json.dumps(index))
    with pytest.raises(Diagnostics, match="OFA270"):
        Bundle.load(folder)


def test_a_tensor_that_no_one_gives_is_named(bundled: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bundled, tmp_path / "bundle")
    index = json.loads((folder / "bundle.json").read_text())
    del index["subnets"][0]["tensors"][WEIGHT]
    (folder / "bundle.json").write_text(json.dumps(index))
    with pytest.raises(Diagnostics, match=WEIGHT):
        Bundle.load(folder)


@pytest.mark.parametrize("source", ["def (", "x = 1", "raise RuntimeError('mine')", None])
def test_a_program_of_a_bundle_that_fails_is_refused(
    source: str | None, bundled: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(bundled, tmp_path / "bundle")
    program = next(folder.glob("*/subnet.py"))
    program.unlink()
    if source is not None:
        program.write_text(source)
    with pytest.raises(Diagnostics, match="OFA270"):
        Bundle.load(folder)


def test_subnets_of_one_name_are_refused(bundled: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bundled, tmp_path / "bundle")
    index = json.loads((folder / "bundle.json").read_text())
    index["subnets"].append(index["subnets"][0])
    (folder / "bundle.json").write_text(json.dumps(index))
    with pytest.raises(Diagnostics, match="names of their own"):
        Bundle.load(folder)


def test_a_name_that_leaves_the_folder_is_refused(bundled: Path, tmp_path: Path) -> None:
    index = json.loads((bundled / "bundle.json").read_text())
    name = index["subnets"][0]["name"]
    index["subnets"][0]["name"] = "../evil"
    folder = tmp_path / "bundle"
    shutil.copytree(bundled, folder)
    shutil.copytree(bundled / name, tmp_path / "evil")
    (folder / "bundle.json").write_text(json.dumps(index))
    with pytest.raises(Diagnostics) as report:
        Bundle.load(folder)
    assert "../evil" in report.value.items[0].message


@pytest.mark.parametrize(
    ("options", "code"), [(["--name", "arch-100"], "OFA274"), (["--space", "mbv3"], "OFA273")]
)
def test_what_does_not_fit_the_front_is_refused(
    front: Path, tmp_path: Path, options: list[str], code: str
) -> None:
    given = [str(path_of("mbv3")) if one == "mbv3" else one for one in options]
    output = ["-o", str(tmp_path / "bundle")]
    result = CliRunner().invoke(main, ["bundle", str(front), *given, *output])
    assert result.exit_code == 1
    assert code in result.output
    assert not (tmp_path / "bundle").exists()


def test_another_folder_is_not_replaced(front: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = CliRunner().invoke(main, ["bundle", str(front), "-o", str(tmp_path)])
    assert result.exit_code == 1
    assert "OFA098" in result.output
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_the_adaptive_example_switches_and_counts(bundled: Path) -> None:
    command = [sys.executable, "examples/adaptive.py", str(bundled), "--seconds", "1.5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert " -> arch-" in done.stdout
    assert "digits classified" in done.stdout
