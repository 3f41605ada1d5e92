"""Small trainings for tests: a space of milliseconds, images made of noise, a run of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from packages import compiled
from torch import Tensor

from ofadsl.compiler.schedule.plan import Distil, Phase, Sandwich, Schedule, Uniform
from ofadsl.train.data.source import Data
from ofadsl.train.processes import Processes
from ofadsl.train.run import Run
from ofadsl.train.settings import Settings

SETTINGS = Settings(batch=8, learning_rate=1.0, seed=3, ema=0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Images whose class shows in their mean."""

    number: int
    classes: int = 10

    def __len__(self) -> int:
        return self.number

    def load(self, index: int, *, size: int, seed: int | None) -> tuple[Tensor, int]:
        generator = torch.Generator().manual_seed(index + 1000 * ((seed or 0) % 1000))
        label = index % self.classes
        values = torch.randn(3, size, size, generator=generator) + label / 3
        return (values * 32 + 64).clamp(0, 255).to(torch.uint8), label


def noise(*, train: int = 32, val: int = 16, classes: int = 10) -> Data:
    names = tuple(map(str, range(classes)))
    parts = (Noise(number=n, classes=classes) for n in (train, val))
    return Data(name="noise", classes=names, channels=3, train=next(parts), val=next(parts))


def small_space() -> Any:
    """Return the space `small` at one small resolution."""
    return compiled("small").checked.space.restrict({"resolution": (32,)})


def schedule(*phases: Phase) -> Schedule:
    return Schedule(name="test", phases=phases)


def two_phases() -> Schedule:
    """Return a schedule with all that a checkpoint has to hold: 4 steps, 2 of them in an epoch."""
    space = compiled("small").checked.space
    first = Phase(name="first", epochs=1, space=small_space(), sampler=Uniform(number=2))
    taught = Distil(teacher="largest", loss="alpha")
    second = Phase(name="second", epochs=1.5, space=space, sampler=Uniform(), distil=taught)
    return schedule(first, replace(second, warmup=0.5, sort=True))


def sandwich(**changes: Any) -> Phase:
    phase = Phase(
        name="all",
        epochs=1,
        space=small_space(),
        sampler=Sandwich(number=1),
        distil=Distil(teacher="in_place"),
    )
    return replace(phase, **changes)


def asked(folder: Path, plan: Schedule | None = None, **changes: Any) -> Run:
    """Return a run of the space `small`, the same whenever it is asked for."""
    space = compiled("small")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        supernet = space.module.Supernet()
    run = Run(
        folder=folder,
        supernet=supernet,
        arch_class=space.module.Arch,
        largest=space.module.Arch.largest(),
        space=space.checked.space,
        graph=space.graph,
        space_hash=space.module.cost.SPACE_HASH,
        schedule=plan or two_phases(),
        data=noise(train=16, val=8),
        settings=SETTINGS,
        group=Processes(device=torch.device("cpu")),
    )
    return replace(run, **changes)


@dataclass(slots=True)
class Told:
    """A watch that keeps what it is told."""

    said: list[str]
    epochs: list[Any]

    def begin(self, *, steps: int, done: int) -> None:
        self.said.append(f"{done} of {steps}")

    def step(self, *, phase: str, epoch: int, epochs: int, loss: float, speed: float) -> None:
        pass

    def epoch(self, found: Any) -> None:
        self.epochs.append(found)

    def say(self, line: str) -> None:
        self.said.append(line)


def told() -> Told:
    return Told([], [])


def weights(folder: Path) -> dict[str, bytes]:
    """Return the bits of the weights of a finished run, by name."""
    found = safetensors.torch.load_file(folder / "weights.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in found.items()}
