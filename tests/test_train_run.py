"""A run from end to end: what its folder holds, what it refuses, what it says."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from damage import damaged
from packages import compiled
from torch import Tensor
from trainings import SETTINGS, asked, noise, sandwich, schedule, told, two_phases, weights

import ofadsl.files
import ofadsl.train.loop
from ofadsl.compiler.schedule.plan import Fixed
from ofadsl.diagnostics import Diagnostics
from ofadsl.space import extreme
from ofadsl.specialize.weights import load_weights
from ofadsl.train.accuracy import Accuracy
from ofadsl.train.checkpoint import Checkpoint, checkpoints, read_checkpoint, write_checkpoint
from ofadsl.train.data.decode import BrokenImageError
from ofadsl.train.data.prepare import normalised
from ofadsl.train.distributed import check_device
from ofadsl.train.pace import Every
from ofadsl.train.run import run


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(asked(folder), told())
    return folder


def test_a_run_leaves_weights_that_are_known_as_trained(finished: Path) -> None:
    supernet = compiled("small").module.Supernet()
    before = supernet.head.weight.clone()
    load_weights(supernet, finished / "weights.safetensors")
    assert not torch.equal(supernet.head.weight, before)
    with safetensors.safe_open(finished / "weights.safetensors", framework="pt") as file:
        header = file.metadata()
    space_hash = compiled("small").module.cost.SPACE_HASH
    assert (header["ofadsl_trained"], header["space_hash"]) == ("1", space_hash)


def test_the_statistics_of_the_weights_are_those_of_the_largest_subnet(finished: Path) -> None:
    space = compiled("small")
    supernet = space.module.Supernet()
    load_weights(supernet, finished / "weights.safetensors")
    supernet.eval()
    data, arch = noise(train=16, val=8), space.module.Arch.largest()
    images = torch.stack([data.train.load(i, size=48, seed=None)[0] for i in range(16)])
    images = normalised(images)
    plain = supernet(images, arch)
    own = supernet.train()(images, arch)
    # batches of the statistics hold all images at once, with the biased variance
    torch.testing.assert_close(plain, own, rtol=1e-3, atol=1e-3)


def test_the_metrics_have_a_line_for_each_epoch(finished: Path) -> None:
    lines = metrics(finished)
    places = [(line["phase"], line["epoch"], line["step"]) for line in lines]
    assert places == [("first", 1, 2), ("second", 1, 4), ("second", 2, 5)]
    assert all(0 <= line["smallest"] <= 1 and line["loss"] > 0 for line in lines)


def test_accuracies_are_told_apart_in_whatever_order_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Subnets are evaluated by resolution, so that the smallest mostly comes first."""

    def evaluated(_: object, archs: list[Any], *__: object) -> list[list[tuple[int, Accuracy]]]:
        largest, smallest = archs
        assert largest.resolution > smallest.resolution
        found = [Accuracy(top1=value, top5=1.0, loss=1.0, images=1) for value in (0.9, 0.2)]
        return [[(1, found[1])], [(0, found[0])]]

    monkeypatch.setattr("ofadsl.train.loop.evaluate", evaluated)
    run(asked(tmp_path, schedule(two_phases().phases[1])), told())
    line = metrics(tmp_path)[-1]
    assert (line["largest"], line["smallest"]) == (0.9, 0.2)


def test_clipping_bounds_how_far_a_step_goes(tmp_path: Path) -> None:
    phase = sandwich(epochs=0.5)

    def gone(name: str, clip: float | None) -> float:
        """Take one step of plain descent; return the norm of all gradients that were followed."""
        settings = replace(SETTINGS, clip=clip, momentum=0.0, weight_decay=0.0, ema=None)
        one = asked(tmp_path / name, schedule(phase), settings=settings)
        parameters = list(one.supernet.parameters())
        before = [parameter.detach().clone() for parameter in parameters]
        run(one, told())
        moves = [(p.detach() - b).norm() for p, b in zip(parameters, before, strict=True)]
        return float(torch.stack(moves).norm()) / settings.peak(phase)

    free = gone("free", None)
    assert gone("loose", 2 * free) == pytest.approx(free, rel=1e-3)
    assert gone("tight", free / 10) == pytest.approx(free / 10, rel=1e-3)


def test_what_is_the_same_at_every_step_is_compiled_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def spy(net: Any) -> Any:
        given.append(net)
        return net

    monkeypatch.setattr(torch, "compile", spy)
    space = sandwich().space
    fixed = Fixed(arch=extreme(space, space.draws(), largest=True))
    taught = replace(two_phases().phases[1], epochs=0.5)
    plan = schedule(sandwich(epochs=0.5, sampler=fixed, distil=None), sandwich(epochs=0.5), taught)
    compiling = replace(SETTINGS, compile=True, ema=None)
    one = asked(tmp_path, plan, settings=compiling)
    run(one, told())
    subnet, teacher = given
    assert subnet is one.supernet
    assert teacher is not one.supernet
    assert type(teacher) is type(one.supernet)


def test_two_checkpoints_stay(finished: Path) -> None:
    assert [step for step, _ in checkpoints(finished)] == [5, 4]


def test_accuracies_are_measured_as_often_as_asked(tmp_path: Path) -> None:
    plan = schedule(replace(two_phases().phases[0], epochs=3))
    run(asked(tmp_path, plan, settings=replace(SETTINGS, evaluate_every=2)), told())
    assert [line["largest"] is None for line in metrics(tmp_path)] == [True, False, False]


def test_an_existing_run_is_not_overwritten(finished: Path) -> None:
    with pytest.raises(Diagnostics, match=r"OFA200.*holds a run already"):
        run(asked(finished), told())


def test_a_run_of_other_settings_is_not_resumed(finished: Path) -> None:
    other = asked(finished, settings=replace(SETTINGS, clip=1.0, seed=4))
    with pytest.raises(Diagnostics, match=r"OFA201.*settings\.clip was None, now 1\.0.*seed was 3"):
        run(other, told(), resume=True)


def test_a_schedule_of_other_rates_is_another_run(finished: Path) -> None:
    first, second = two_phases().phases
    plan = schedule(first, replace(second, rate_scale=0.5))
    with pytest.raises(Diagnostics, match=r"OFA201.*phases\[1\].rate_scale was 1.0, now 0.5"):
        run(asked(finished, plan), told(), resume=True)


def test_a_finished_run_is_not_trained_further(finished: Path) -> None:
    before = weights(finished)
    watch = told()
    run(asked(finished), watch, resume=True)
    assert watch.said == ["going on from step 5", "5 of 5"]
    assert weights(finished) == before


def test_a_run_that_is_finished_again_leaves_the_same_file(finished: Path) -> None:
    # a file's digest says which weights were evaluated; the library puts its header in any order
    path = finished / "weights.safetensors"
    before = path.read_bytes()
    for _ in range(8):
        run(asked(finished), told(), resume=True)
        assert path.read_bytes() == before


def test_resuming_what_was_never_begun_begins_it(tmp_path: Path) -> None:
    plan = schedule(two_phases().phases[0])
    run(asked(tmp_path / "new", plan), told(), resume=True)
    assert (tmp_path / "new" / "weights.safetensors").exists()


def test_a_damaged_checkpoint_is_said_and_the_one_before_is_taken(
    finished: Path, tmp_path: Path
) -> None:
    folder = copied(finished, tmp_path)
    newest = checkpoints(folder)[0][1]
    newest.write_bytes(newest.read_bytes()[:-100])
    watch = told()
    run(asked(folder), watch, resume=True)
    assert watch.said[0].startswith(f"note: {newest} cannot be read: ")
    assert watch.said[0].endswith("; going on from step 4")
    assert weights(folder) == weights(finished)
    assert [line["step"] for line in metrics(folder)] == [2, 4, 5]


def test_a_changed_checkpoint_is_not_taken_for_whole(finished: Path, tmp_path: Path) -> None:
    newest = checkpoints(copied(finished, tmp_path))[0][1]
    data = bytearray(newest.read_bytes())
    data[-5] ^= 1
    newest.write_bytes(data)
    with pytest.raises(Diagnostics, match=r"OFA202.*its digest differs"):
        read_checkpoint(newest)


def test_a_damaged_checkpoint_is_what_was_written_or_refused(tmp_path: Path) -> None:
    tensors = {"net/weight": torch.ones(30), "net/steps": torch.tensor(3)}
    path = write_checkpoint(tmp_path, Checkpoint(step=3, tensors=tensors, record={"epoch": 1}))
    for data in damaged(path.read_bytes()):
        path.write_bytes(data)
        with contextlib.suppress(Diagnostics):
            found = read_checkpoint(path)  # what was changed is between the entries of its header
            assert found.record == {"epoch": 1}
            assert all(torch.equal(tensor, tensors[name]) for name, tensor in found.tensors.items())


def test_without_any_whole_checkpoint_the_run_ends_with_their_names(
    finished: Path, tmp_path: Path
) -> None:
    folder = copied(finished, tmp_path)
    for _, path in checkpoints(folder):
        path.write_bytes(b"")
    with pytest.raises(Diagnostics, match=r"OFA202.*checkpoint-00000005.*checkpoint-00000004"):
        run(asked(folder), told(), resume=True)


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ofadsl.files.os, "fsync", full)
    every = Every(steps=1)
    with pytest.raises(Diagnostics) as report:
        run(asked(tmp_path, every=every), told())
    monkeypatch.undo()
    message = str(report.value)
    assert "OFA203" in message
    assert "no space left on device" in message
    (step, path), *_ = checkpoints(tmp_path)
    assert f"{path.name} is whole" in message
    assert read_checkpoint(path).step == step
    assert not list(tmp_path.glob(".*"))
    run(asked(tmp_path), told(), resume=True)
    assert [line["step"] for line in metrics(tmp_path)] == [2, 4, 5]


def test_a_loss_that_is_no_number_names_the_step_and_the_subnet(tmp_path: Path) -> None:
    plan = schedule(sandwich(epochs=6))
    settings = replace(SETTINGS, learning_rate=1e12, ema=None)
    with pytest.raises(Diagnostics, match=r"OFA204.*the loss of step \d+ is (nan|inf) for .*depth"):
        run(asked(tmp_path, plan, settings=settings), told())
    for _, path in checkpoints(tmp_path):
        found = read_checkpoint(path).tensors
        trained = {name: t for name, t in found.items() if "running" not in name}
        assert all(torch.isfinite(tensor).all() for tensor in trained.values())


def test_an_optimiser_whose_state_overflows_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ofadsl.train.loop.backward

    def steep(net: torch.nn.Module, *arguments: Any) -> Tensor:
        losses = honest(net, *arguments)
        for parameter in net.parameters():
            if parameter.grad is not None:
                parameter.grad.fill_(1e25)  # its square is more than a float32 holds
        return losses

    monkeypatch.setattr(ofadsl.train.loop, "backward", steep)
    settings = replace(SETTINGS, optimizer="adamw", learning_rate=1e-6)
    with pytest.raises(Diagnostics, match=r"OFA204.*the optimiser's state after step 2"):
        run(asked(tmp_path, settings=settings), told())
    assert not checkpoints(tmp_path)


def test_data_of_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics, match=r"(?s)OFA189.*--set classes=4"):
        run(asked(tmp_path / "run", data=noise(classes=4)), told())
    assert not (tmp_path / "run").exists()


def test_a_batch_of_more_images_than_there_are_is_refused(tmp_path: Path) -> None:
    settings = replace(SETTINGS, batch=17)
    with pytest.raises(Diagnostics, match="OFA188"):
        run(asked(tmp_path / "run", settings=settings), told())


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Images of which none can be read."""

    def __len__(self) -> int:
        return 16

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[torch.Tensor, int]:
        raise BrokenImageError(f"{index}.png", "it is empty")


def test_data_without_an_image_that_can_be_read_are_refused(tmp_path: Path) -> None:
    data = replace(noise(), train=Unreadable())
    with pytest.raises(Diagnostics, match=r"OFA206.*too few images that can be read"):
        run(asked(tmp_path, data=data), told())


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(Diagnostics, match=r"OFA205.*no GPU number 2: torch finds 2"):
        check_device("cuda")
    check_device("cpu")


def copied(finished: Path, folder: Path) -> Path:
    for path in finished.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder
