"""Kill trainings at chosen moments, resume them, and say what came of each: a program for a test.

`python killed_trainings.py FOLDER` trains once without interruption, then once for each moment, in
processes of their own that share the imports. It prints what it found as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from trainings import asked, told, weights

import ofadsl.files
import ofadsl.train.checkpoint
import ofadsl.train.folder
import ofadsl.train.loop
from ofadsl.train.pace import Every
from ofadsl.train.run import run


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    train(folder / "whole", resume=False)  # what is made at the first use is made before forking
    whole = weights(folder / "whole")
    found = {}
    for name, arm in MOMENTS.items():
        place = folder / name.replace(" ", "-")
        killed = apart(lambda arm=arm, place=place: (arm(), train(place, resume=False)))
        drafts = [path.name for path in place.glob(".*")]
        finished = apart(lambda place=place: train(place, resume=True))
        found[name] = {
            "killed": os.WIFSIGNALED(killed) and os.WTERMSIG(killed) == signal.SIGKILL,
            "drafts": len(drafts),
            "finished": finished == 0,
            "equal": weights(place) == whole,
            "metrics": metrics(place) == metrics(folder / "whole"),
            "left": sorted(path.name for path in place.iterdir()),
        }
    print(json.dumps(found))


def train(folder: Path, *, resume: bool) -> None:
    run(asked(folder, every=Every(steps=1)), told(), resume=resume)


def apart(work: Callable[[], object]) -> int:
    """Return how a process ended that did ``work``."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def metrics(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    timed = ("images_per_second",)
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(module: object, name: str, number: int) -> Callable[[], None]:
    """Return what makes call ``number`` of a function, from 1, the end of the process."""

    def arm() -> None:
        inner, calls = getattr(module, name), iter(range(1, 1000))

        def counting(*args: object, **options: object) -> object:
            return die() if next(calls) == number else inner(*args, **options)

        setattr(module, name, counting)

    return arm


def in_a_write(number: int) -> Callable[[], None]:
    """Return what ends the process in the middle of checkpoint ``number``."""

    def arm() -> None:
        counts = iter(range(1, 1000))

        def pieces(data: bytes) -> Iterator[bytes]:
            yield data[: len(data) // 2]
            if next(counts) == number:
                die()
            yield data[len(data) // 2 :]

        ofadsl.train.checkpoint._pieces = pieces

    return arm


def in_a_line() -> None:
    """Make the second line of the metrics end half way, with the process."""
    append, lines = ofadsl.train.folder.append_durable, iter(range(1, 1000))

    def half(path: Path, line: str) -> None:
        if next(lines) < 2:
            return append(path, line)
        with path.open("a") as file:
            file.write(line[: len(line) // 2])
        return die()

    ofadsl.train.folder.append_durable = half


loop, folder_, files = ofadsl.train.loop, ofadsl.train.folder, ofadsl.files
MOMENTS: dict[str, Callable[[], None]] = {
    "in the first step": at_call(loop, "backward", 1),
    "in a phase with a teacher": at_call(loop, "backward", 4),
    "in the last step": at_call(loop, "backward", 5),
    "in the middle of a checkpoint": in_a_write(3),
    "in the first checkpoint": in_a_write(1),
    "before a checkpoint has its name": at_call(files.os, "replace", 4),
    "before old checkpoints are dropped": at_call(files, "_keep_name", 3),
    "between metrics and checkpoint": at_call(loop, "write_checkpoint", 4),
    "in a line of the metrics": in_a_line,
    "before the weights are written": at_call(ofadsl.train.run, "write_weights", 1),
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
