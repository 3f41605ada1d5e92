"""Trainings to compare: supernets by schedules, and the same subnets alone for as many epochs.

In: a space that was generated, data, archs, settings. Out: the top-1 of each arch, taken from the
supernet without retraining, with statistics recomputed, or from its own network.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import MET, MISSED

from ofadsl.commands.packages import load_package
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space
from ofadsl.compiler.schedule.find import scaled, schedules_of
from ofadsl.files import append_durable, write_text
from ofadsl.train.data.digits import Digits
from ofadsl.train.data.open import open_data
from ofadsl.train.data.source import Data
from ofadsl.train.evaluate import Conditions, evaluate
from ofadsl.train.folder import claim
from ofadsl.train.processes import Processes
from ofadsl.train.progress import Epoch, Printed, Silent, Watch
from ofadsl.train.run import Run, record, run
from ofadsl.train.settings import Settings

SPACES = Path(__file__).resolve().parent.parent / "spaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A training: by a schedule, or of ``arch`` alone; ``archs`` are what is evaluated.

    ``space`` is the name of one that ships, or the path of another's `.ofa`. ``folder`` is where
    it goes on after a stop; without one it leaves nothing. ``redrawn``: on images of the seed's
    own, as `redrawn` has them.
    """

    space: str
    data: str | Data
    schedule: str
    archs: tuple[Any, ...]
    epochs: float
    settings: Settings
    arguments: Mapping[str, str] | None = None
    arch: Any = None
    limit: int | None = None
    workers: int = 0
    device: str = "cpu"
    shown: bool = False
    redrawn: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Top-1 in percent of each arch in order, and what the training took.

    ``cpu_seconds`` are those of all epochs, on however many days; ``seconds`` are by the clock.
    """

    schedule: str
    seed: int
    top1: tuple[float, ...]
    seconds: float
    images_per_second: float
    cpu_seconds: float


def carry_out(trial: Trial) -> Result:
    """Train, or go on; return what the subnets are worth."""
    package = package_of(trial.space)
    checked = checked_space(_path(trial.space))
    data = trial.data
    if not isinstance(data, Data):
        data = open_data(data, channels=package.CHANNELS, limit=trial.limit)
    data = redrawn(data, trial.settings.seed) if trial.redrawn else data
    here = Processes(device=torch.device(trial.device))
    choices = None
    if trial.arch is not None:
        choices = tuple(int(i) for i in package.cost.encode([trial.arch.to_dict()])[0])
    schedule = scaled(schedules_of(trial.schedule, checked, trial.arguments, choices), trial.epochs)
    torch.manual_seed(trial.settings.seed)
    supernet = package.Supernet()
    archs = list(trial.archs) if trial.arch is None else [trial.arch]
    with contextlib.ExitStack() as stack:
        folder = trial.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        asked = Run(
            folder=folder,
            supernet=supernet,
            arch_class=package.Arch,
            largest=package.Arch.largest(),
            space=checked.space,
            graph=lower(checked),
            space_hash=package.cost.SPACE_HASH,
            schedule=schedule,
            data=data,
            settings=trial.settings,
            group=here,
            workers=trial.workers,
        )
        claim(folder, record(asked), resume=True)
        found = _known(folder, archs)
        if found is not None:
            return found
        watch = stack.enter_context(Printed()) if trial.shown else Silent()
        run(asked, Timed(watch, folder), resume=True)
        top1: dict[int, float] = {}
        for some in evaluate(supernet.eval(), archs, data, Conditions(workers=trial.workers), here):
            top1 |= {index: 100 * accuracy.top1 for index, accuracy in some}
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        took = Timed.taken(folder)
        result = Result(
            schedule=trial.schedule,
            seed=trial.settings.seed,
            top1=tuple(top1[i] for i in range(len(archs))),
            seconds=sum(line["seconds"] for line in took),
            images_per_second=statistics.median(
                json.loads(line)["images_per_second"] for line in lines
            ),
            cpu_seconds=sum(line["cpu_seconds"] for line in took),
        )
        kept = {"result": asdict(result), "archs": [arch.to_dict() for arch in archs]}
        write_text(folder / RESULT, json.dumps(kept, indent=2) + "\n")
    return result


RESULT = "result.json"
"""In the folder of a training: what came of it. Where it is there, nothing is left to do."""


def _known(folder: Path, archs: Sequence[Any]) -> Result | None:
    """Return what came of a training that has ended, None where these archs were not tried."""
    path = folder / RESULT
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    if kept["archs"] != [arch.to_dict() for arch in archs]:
        return None
    found = kept["result"]
    return Result(**{**found, "top1": tuple(found["top1"])})


class Timed:
    """Writes down what each epoch took, so that a training that was stopped can add it up."""

    NAME = "seconds.jsonl"

    def __init__(self, watch: Watch, folder: Path) -> None:
        self._watch, self._folder = watch, folder
        self._clock = self._cpu = 0.0

    def begin(self, *, steps: int, done: int) -> None:
        self._clock, self._cpu = time.monotonic(), time.process_time()
        self._watch.begin(steps=steps, done=done)

    def step(self, *, phase: str, epoch: int, epochs: int, loss: float, speed: float) -> None:
        self._watch.step(phase=phase, epoch=epoch, epochs=epochs, loss=loss, speed=speed)

    def epoch(self, found: Epoch) -> None:
        clock, cpu = time.monotonic(), time.process_time()
        line = {"seconds": clock - self._clock, "cpu_seconds": cpu - self._cpu}
        self._clock, self._cpu = clock, cpu
        append_durable(self._folder / self.NAME, json.dumps({"step": found.step, **line}))
        self._watch.epoch(found)

    def say(self, line: str) -> None:
        self._watch.say(line)

    @classmethod
    def taken(cls, folder: Path) -> list[dict[str, float]]:
        """Return the line of each epoch; one that was done again counts once."""
        lines = {}
        for text in (folder / cls.NAME).read_text().splitlines():
            with contextlib.suppress(ValueError):  # a crash cut it short
                line = json.loads(text)
                lines[line["step"]] = line
        return list(lines.values())


@functools.cache
def package_of(space: str) -> Any:
    """Return the package of a space: the one that was generated, or one made for the moment."""
    if space.endswith(".ofa"):
        return load_package(Path(space), {}).module
    return importlib.import_module(f"generated.{space}")


def _path(space: str) -> Path:
    return Path(space) if space.endswith(".ofa") else SPACES / f"{space}.ofa"


def redrawn(data: Data, seed: int) -> Data:
    """Return the digits split anew: as many images to judge on, all from those for training.

    Settings were chosen by the accuracy on the usual validation images, so here these are trained
    on, and the ones that judge are images that no choice was made on.
    """
    train, val = data.train, data.val
    assert isinstance(train, Digits)
    assert isinstance(val, Digits)
    judging = np.zeros(len(train), dtype=bool)
    judging[np.random.default_rng(seed).permutation(len(train))[: len(val)]] = True

    def part(of: Digits, mine: np.ndarray, *others: Digits) -> Digits:
        images = np.concatenate([of.images[mine], *(other.images for other in others)])
        labels = np.concatenate([of.labels[mine], *(other.labels for other in others)])
        return replace(of, images=images, labels=labels)

    return replace(data, train=part(train, ~judging, val), val=part(train, judging))


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What a schedule has another than the others: its learning rate, values of its parameters."""

    learning_rate: float
    arguments: Mapping[str, str]


def trials(
    base: Trial, schedules: Sequence[str], seeds: int, own: Mapping[str, Own], *, alone: bool
) -> list[Trial]:
    """Return the supernets of all schedules and seeds, and each arch alone."""
    wanted: list[tuple[str, Any]] = [(name, None) for name in schedules]
    if alone:
        wanted += [("single", arch) for arch in base.archs]
    found = []
    for seed in range(seeds):
        for name, arch in wanted:
            settings, arguments = replace(base.settings, seed=seed), base.arguments
            if name in own:
                settings = replace(settings, learning_rate=own[name].learning_rate)
                arguments = own[name].arguments
            trial = replace(base, schedule=name, arch=arch, settings=settings)
            found.append(replace(trial, arguments=arguments))
    return found


def report(results: Sequence[Result], schedules: Sequence[str], goal: float) -> None:
    """Print the rows of a table: each way of training, and how far it is from training alone."""
    seeds = sorted({result.seed for result in results})
    lone = [_of(results, "single", seed) for seed in seeds]
    print("| trained | mean | worst subnet | against alone | by seed | one training |")
    print("|---|---|---|---|---|---|")
    for name in (*(["single"] if all(lone) else []), *schedules):
        top1 = [_of(results, name, seed) for seed in seeds]
        mean = statistics.mean(map(statistics.mean, top1))
        own = [result for result in results if result.schedule == name]
        seconds = statistics.median(result.seconds for result in own)
        speed = statistics.median(result.images_per_second for result in own)
        points, verdict, listed = 0.0, "", ""
        if all(lone) and name != "single":
            pairs = zip(top1, lone, strict=True)
            by_seed = [statistics.mean(a) - statistics.mean(b) for a, b in pairs]
            points = statistics.mean(by_seed)
            verdict = f"{points:+.2f}, {MET if points >= -goal else MISSED}"
            listed = ", ".join(f"{point:+.1f}" for point in by_seed)
        cells = (f"{mean:.2f}", f"{min(map(min, top1)):.1f}", verdict, listed)
        print(f"| {name} | {' | '.join(cells)} | {seconds:.0f} s, {speed:,.0f} images/s |")


def _of(results: Sequence[Result], schedule: str, seed: int) -> list[float]:
    own = (r for r in results if (r.schedule, r.seed) == (schedule, seed))
    return [top1 for result in own for top1 in result.top1]
