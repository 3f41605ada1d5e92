"""`ofadsl evaluate`: the accuracy of many subnets, continued, shared out, and equal every time."""

from __future__ import annotations

import json
import math
import random
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torch.multiprocessing
from click.testing import CliRunner, Result
from conftest import REPOSITORY
from PIL import Image

from ofadsl.cli import main
from ofadsl.cli.progress import watching
from ofadsl.commands.evaluate import Request, Step, run
from ofadsl.commands.packages import find_package
from ofadsl.train.accuracy import Accuracy, accuracy
from ofadsl.train.data.batches import batches
from ofadsl.train.data.open import open_data
from ofadsl.train.evaluate_record import row
from ofadsl.train.statistics import recomputed, statistics, statistics_batches

SPACE = REPOSITORY / "spaces/digits.ofa"
DIGITS = find_package("digits", REPOSITORY / "generated").module
ARCHS, LIMIT = 5, 60


def save(path: Path, seed: int = 0) -> None:
    """Write a supernet as training does; batch norms have statistics of no image."""
    torch.manual_seed(seed)
    net = DIGITS.Supernet()
    state = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    safetensors.torch.save_file(state, path, {"format": "pt", "ofadsl_trained": "1"})


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save(path)
    return path


def evaluate(weights: Path, output: Path, *more: str, space: Path = SPACE) -> Result:
    options = {"--weights": weights, "--data": "digits", "--limit": LIMIT, "-o": output}
    options |= {"--archs": f"sample:{ARCHS}"}
    given = [str(word) for pair in options.items() if pair[0] not in more for word in pair]
    return CliRunner().invoke(main, ["evaluate", str(space), *given, *more])


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_row_is_what_the_subnet_alone_reaches(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "evals.jsonl"
    done = evaluate(weights, path)
    assert done.exit_code == 0, done.output
    header, *found = rows(path)
    assert header["space"] == header["data"] == "digits"
    assert (header["images"], header["statistics"], len(found)) == (LIMIT, LIMIT, ARCHS)
    data = open_data("digits", channels=1, limit=LIMIT)
    net = DIGITS.Supernet().eval()
    net.load_state_dict(safetensors.torch.load_file(weights))
    for one in found:
        arch = DIGITS.Arch.from_dict(one["arch"])
        view = recomputed(net, arch, statistics_batches(data, size=arch.resolution))
        images = batches(data.val, size=arch.resolution, batch=200, seed=None, drop_last=False)
        alone = accuracy(view, arch, images)
        assert (one["top1"], one["top5"], one["loss"]) == (alone.top1, alone.top5, alone.loss)
    assert len({json.dumps(row["arch"]) for row in found}) == ARCHS


def test_an_evaluation_that_was_killed_goes_on_to_the_same_file(
    weights: Path, tmp_path: Path
) -> None:
    whole, path = tmp_path / "whole.jsonl", tmp_path / "evals.jsonl"
    evaluate(weights, whole)
    text = whole.read_bytes()
    ends = [i + 1 for i, byte in enumerate(text) if byte == ord("\n")]
    for at in (0, 10, ends[0] + 1, ends[2] - 1, ends[3]):
        path.write_bytes(text[:at])
        done = evaluate(weights, path)
        assert done.exit_code == 0
        assert f"{ARCHS - max(0, text[:at].count(10) - 1)} of them evaluated now" in done.stdout
        assert path.read_bytes() == text


def test_more_archs_are_added_to_a_file(weights: Path, tmp_path: Path) -> None:
    path, more = tmp_path / "evals.jsonl", tmp_path / "archs.jsonl"
    evaluate(weights, path)
    before = rows(path)
    largest = {"arch": DIGITS.Arch.largest().to_dict(), "latency_ms": 1.5}
    more.write_text(f"{json.dumps(largest)}\n\n{json.dumps(before[1]['arch'])}\n")
    done = evaluate(weights, path, "--archs", str(more))
    assert "2 archs, 1 of them evaluated now" in done.stdout
    after = rows(path)
    assert after[0] == before[0]
    assert after[1:] == [*before[2:], after[-2], before[1]]
    assert after[-2]["arch"] == largest["arch"]


def test_the_results_of_another_file_and_a_single_arch_name_archs(
    weights: Path, tmp_path: Path
) -> None:
    evaluate(weights, tmp_path / "a.jsonl")
    evaluate(weights, tmp_path / "b.jsonl", "--archs", str(tmp_path / "a.jsonl"))
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text()
    (tmp_path / "arch.json").write_text(json.dumps(DIGITS.Arch.smallest().to_dict(), indent=2))
    one = evaluate(weights, tmp_path / "c.jsonl", "--archs", str(tmp_path / "arch.json"), "--json")
    assert json.loads(one.stdout)["archs"] == 1


def test_more_archs_than_a_space_has_are_all_of_them(weights: Path, tmp_path: Path) -> None:
    text = SPACE.read_text().replace("12..16 step 4", "12").replace("{2, 3, 4}", "4")
    for word in ("{16, 24}", "{24, 32}"):
        text = text.replace(word, word.strip("{}").split(", ")[1])
    space = tmp_path / "digits.ofa"
    space.write_text(text)
    more = ("--archs", "sample:1000", "--limit", "4")
    done = evaluate(weights, tmp_path / "a.jsonl", *more, space=space)
    assert "84 archs, 84 of them" in done.stdout, done.output  # (2 + 4) * (2 + 4 + 8)


def other_weights(weights: Path, path: Path) -> list[str]:
    save(weights, seed=1)
    return []


def other_seed(weights: Path, path: Path) -> list[str]:
    return ["--seed", "1"]


def other_data(weights: Path, path: Path) -> list[str]:
    return ["--limit", "50"]


def strange_start(weights: Path, path: Path) -> list[str]:
    path.write_text('{"archs": []}\n')
    return []


def strange_line(weights: Path, path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "nonsense", *lines[2:]]) + "\n")
    return []


def no_text(weights: Path, path: Path) -> list[str]:
    path.write_bytes(b"\x00\xff\n")
    return []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_weights, "error[OFA190]: {path} was made otherwise: weights was"),
        (other_seed, "error[OFA190]: {path} was made otherwise: seed was 0, now 1"),
        (other_data, "error[OFA190]: {path} was made otherwise: images was 60, now 50"),
        (strange_start, "error[OFA191]: {path} is no file of results: line 1"),
        (strange_line, "error[OFA191]: {path} is no file of results: line 3"),
        (no_text, "error[OFA191]: {path} is no file of results: line 1"),
    ],
)
def test_a_file_of_other_results_is_left_alone(
    weights: Path, tmp_path: Path, change: Callable[[Path, Path], list[str]], words: str
) -> None:
    path = tmp_path / "evals.jsonl"
    evaluate(weights, path, "--archs", "sample:2")
    more = change(weights, path)
    before = path.read_bytes()
    done = evaluate(weights, path, "--archs", "sample:2", *more)
    assert done.exit_code == 1
    assert words.format(path=path) in done.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--archs", "sample:0"], "OFA192"),
        (["--archs", "header.jsonl"], "OFA192"),
        (["--archs", "nothing.json"], "OFA089"),
        (["--archs", "wrong.jsonl"], "OFA080"),
        (["--data", "nothing"], "OFA180"),
        (["--data", "pets"], "OFA189"),
        (["-o", "weights.safetensors/evals.jsonl"], "OFA099"),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("header.jsonl").write_text('{"space": "digits", "space_hash": "0"}\n')
    wrong = DIGITS.Arch.largest().to_dict() | {"resolution": 9}
    Path("wrong.jsonl").write_text(json.dumps(wrong))
    for name in ("cat", "dog"):
        Path("pets", name).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (8, 8)).save(f"pets/{name}/{i}.png")
    before = sorted(tmp_path.rglob("*"))
    done = evaluate(weights, tmp_path / "evals.jsonl", *more)
    assert done.exit_code == 1, done.output
    assert f"error[{code}]" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("part", ["train", "val"])
def test_images_that_are_all_broken_are_an_error(weights: Path, tmp_path: Path, part: str) -> None:
    for name in (*"0123456789",):
        for place in ("train", "val"):
            path = tmp_path / "images" / place / name / "0.png"
            path.parent.mkdir(parents=True)
            Image.new("L", (8, 8)).save(path)
            if place == part:
                path.write_text("nothing")
    more = ("--data", str(tmp_path / "images"), "--broken", "skip", "--workers", "0")
    done = evaluate(weights, tmp_path / "a.jsonl", *more)
    assert done.exit_code == 1
    assert "error[OFA193]" in done.stderr
    assert len(rows(tmp_path / "a.jsonl")) == 1


def test_a_loss_that_is_no_number_is_null() -> None:
    found = Accuracy(top1=0.5, top5=None, loss=math.inf, images=2)
    assert row({"space": "a"}, found) == {"arch": {"space": "a"}, "top1": 0.5, "loss": None}


def test_images_of_the_user_are_evaluated(weights: Path, tmp_path: Path) -> None:
    data = open_data("digits", channels=1)
    for part, examples in (("train", data.train), ("val", data.val)):
        for i in range(40):
            image, label = examples.load(i, size=8, seed=None)
            path = tmp_path / f"images/{part}/{label}/{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0].numpy()).save(path)
    mine, theirs = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    done = evaluate(weights, mine, "--data", str(tmp_path / "images"), "--limit", "40")
    assert done.exit_code == 0, done.output
    evaluate(weights, theirs, "--limit", "40")
    losses = [[row["loss"] for row in rows(path)[1:]] for path in (mine, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=0.2)  # the same digits, in another order


@pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
    reason="this torch has no gloo",
)
def test_two_processes_find_what_one_finds(weights: Path, tmp_path: Path) -> None:
    evaluate(weights, tmp_path / "alone.jsonl", "--archs", "sample:9")
    torch.multiprocessing.spawn(_share, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    assert (tmp_path / "shared.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()
    arch, net = DIGITS.Arch.largest(), DIGITS.Supernet().eval()
    net.load_state_dict(safetensors.torch.load_file(weights))
    data = open_data("digits", channels=1, limit=LIMIT)
    expected = statistics(net, arch, _images(data, 0, 1))
    score = accuracy(net, arch, _images(data, 0, 1))
    for rank in range(2):
        found, top1 = torch.load(tmp_path / f"{rank}.pt")
        assert top1 == score.top1
        for key, tensor in expected.items():
            torch.testing.assert_close(found[key], tensor)


def _images(data: Any, rank: int, world: int) -> list[Any]:
    """Return whole batches, every other one where there are two processes."""
    found = batches(data.train, size=16, batch=20, seed=None, drop_last=False)
    return list(found)[rank::world]


def _share(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    path = Path(folder)
    request = Request(
        space=SPACE,
        weights=path / "weights.safetensors",
        data="digits",
        archs="sample:9",
        output=path / "shared.jsonl",
        limit=LIMIT,
    )
    assert bool(run(request, watching).lines) == (rank == 0)
    arch, net = DIGITS.Arch.largest(), DIGITS.Supernet().eval()
    net.load_state_dict(safetensors.torch.load_file(request.weights))
    data = open_data("digits", channels=1, limit=LIMIT)
    found = statistics(net, arch, _images(data, rank, 2), shared=True)
    score = accuracy(net, arch, _images(data, rank, 2), shared=True)
    torch.save((found, score.top1), path / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def specialize(weights: Path, folder: Path, *more: str) -> Result:
    arch = folder.with_suffix(".json")
    arch.write_text(json.dumps(DIGITS.Arch.sample(random.Random(0)).to_dict()))
    options = ["--arch", arch, "--space", SPACE, "--weights", weights, "-o", folder, *more]
    return CliRunner().invoke(main, ["specialize", *map(str, options)])


def test_statistics_come_from_images_of_the_classes_of_the_space(
    weights: Path, tmp_path: Path
) -> None:
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (8, 8)).save(tmp_path / "data" / name / f"{number}.png")
    done = specialize(weights, tmp_path / "subnet", "--recompute-bn", str(tmp_path / "data"))
    assert done.exit_code == 1
    assert "OFA189" in done.output
    assert not (tmp_path / "subnet").exists()


def test_a_written_subnet_has_the_statistics_of_its_own(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "subnet"
    done = specialize(weights, folder, "--recompute-bn", "digits")
    assert done.exit_code == 0, done.output
    assert "warning" not in done.output
    assert json.loads((folder / "subnet.json").read_text())["batch_norm_statistics"] == "digits"
    arch = DIGITS.Arch.sample(random.Random(0))
    data = open_data("digits", channels=1)
    net = DIGITS.Supernet().eval()
    net.load_state_dict(safetensors.torch.load_file(weights))
    view = recomputed(net, arch, statistics_batches(data, size=arch.resolution))
    (batch,) = batches(data.val, size=arch.resolution, batch=360, seed=None, drop_last=False)
    subnet = runpy.run_path(str(folder / "subnet.py"))["load"]()
    with torch.no_grad():
        found, expected, plain = (
            subnet(batch.images),
            view(batch.images, arch),
            net(batch.images, arch),
        )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, plain, atol=1e-2)


def test_the_statistics_of_a_trained_supernet_are_warned_of(weights: Path, tmp_path: Path) -> None:
    done = specialize(weights, tmp_path / "subnet")
    assert done.exit_code == 0
    assert "warning: the batch norm statistics are the supernet's" in done.stdout
    state = safetensors.torch.load_file(weights)
    safetensors.torch.save_file(state, weights, {"format": "pt"})
    assert "warning" not in specialize(weights, tmp_path / "subnet").output


def test_progress_says_what_is_left() -> None:
    step = Step(done=10, total=40, seconds=8.0)
    assert (step.share, step.seconds_left) == (0.25, 24.0)


def test_progress_goes_to_stderr(weights: Path, tmp_path: Path) -> None:
    done = evaluate(weights, tmp_path / "a.jsonl")
    assert f"evaluating: {ARCHS} of {ARCHS}" in done.stderr
    assert "evaluating" not in done.stdout
