"""Images and weights lie with channels last, in a run that is resumed as in a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from trainings import asked, told

import ofadsl.train.run
from ofadsl.train.layout import LAYOUT, brought
from ofadsl.train.learner import Learner
from ofadsl.train.loop import Job, train
from ofadsl.train.optimiser import optimiser_tensors
from ofadsl.train.progress import Watch

Strides = dict[str, tuple[int, ...]]


def test_images_and_weights_lie_with_channels_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, _ = trained(tmp_path, monkeypatch, resume=False)
    wide = [name for name in begun.lies if name.endswith("depthwise.weight")]
    assert wide
    assert all(begun.last_channels(name) for name in wide)
    images = brought(torch.zeros(2, 3, 8, 8), torch.device("cpu"))
    assert images.is_contiguous(memory_format=LAYOUT)


def test_a_learner_that_is_restored_lies_as_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ended = trained(tmp_path, monkeypatch, resume=False)
    (tmp_path / "checkpoint-00000005.safetensors").unlink()
    restored, again = trained(tmp_path, monkeypatch, resume=True)
    taught = {name for name in restored.lies if name.startswith("teacher/")}
    assert taught
    assert {n: s for n, s in restored.lies.items() if n not in taught} == ended.lies == again.lies
    assert all(
        restored.lies[name] == restored.lies[name.replace("teacher/", "weights/")]
        for name in taught
    )


class Seen:
    """How all that a learner has lies in memory."""

    def __init__(self, learner: Learner) -> None:
        assert learner.average is not None
        self.tensors: dict[str, Tensor] = {
            **{f"weights/{n}": p for n, p in learner.supernet.named_parameters()},
            **{f"average/{n}": t for n, t in learner.average.tensors.items()},
            **optimiser_tensors(learner.optimiser, learner.supernet),
        }
        if learner.teacher is not None:
            self.tensors |= {f"teacher/{n}": p for n, p in learner.teacher.named_parameters()}
        self.lies: Strides = {name: strides(t) for name, t in self.tensors.items()}

    def last_channels(self, name: str) -> bool:
        return self.tensors[name].is_contiguous(memory_format=LAYOUT)


def strides(tensor: Tensor) -> tuple[int, ...]:
    """Return the strides of axes that have any: those of length 1 are no matter."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    return tuple(stride for size, stride in pairs if size > 1)


def trained(folder: Path, monkeypatch: pytest.MonkeyPatch, *, resume: bool) -> tuple[Seen, Seen]:
    """Run a training; return how its learner lies before its first step and after its last."""
    seen: list[Seen] = []

    def watched(learner: Learner, job: Job, watch: Watch) -> None:
        seen.append(Seen(learner))
        train(learner, job, watch)
        seen.append(Seen(learner))

    with monkeypatch.context() as patch:
        patch.setattr(ofadsl.train.run, "train", watched)
        ofadsl.train.run.run(asked(folder), told(), resume=resume)
    before, after = seen
    return before, after
