"""The whole road on what ships with the project, from a space to files that a device runs.

It is what a person would type: each step prints its command and runs it. Run it with `make demo`;
it takes about two minutes on two cores, needs nothing but the project, and writes below `demo/`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shlex
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ofadsl.cli import main as ofadsl

ROOT = Path(__file__).resolve().parent.parent
SPACE = "spaces/digits.ofa"
MEMORY = "16 kB"
EXPORT = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """Where the road leads to, and how long it is."""

    folder: str = "demo"
    epochs: int = 10
    measured: int = 12
    evaluated: int = 48
    more: str = ""
    """Options of the commands that read images."""

    @property
    def weights(self) -> str:
        """The options that give the supernet which was trained."""
        return f"--weights {self.folder}/run/weights.safetensors"


def main() -> None:
    """Go the road."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", metavar="FOLDER", help="in seconds, for tests: nothing is good")
    folder = parser.parse_args().quick
    road = Road()
    if folder is not None:
        road = Road(folder=folder, epochs=1, measured=6, evaluated=6, more="--limit 100")
    os.chdir(ROOT)
    began = time.perf_counter()
    for number, step in enumerate(STEPS, start=1):
        assert step.__doc__ is not None
        print(f"\n{number}. {step.__doc__}", flush=True)
        step(road)
    print(f"\nDone in {time.perf_counter() - began:.0f} s. Look at")
    print(f"  {road.folder}/front/report.html   the front, in a browser")
    print(f"  {road.folder}/subnet/subnet.py    the network, as one would write it by hand")
    print("and let subnets change places as a battery runs down:")
    print(f"  {sys.executable} examples/adaptive.py {road.folder}/bundle")


def check(road: Road) -> None:
    """A once-for-all MobileNetV3: every subnet is proven valid, then its supernet is written."""
    run("check spaces/mbv3.ofa")
    run(f"compile spaces/mbv3.ofa -o {road.folder}/generated")


def train(road: Road) -> None:
    """A small space for the rest of the road: one supernet is trained, on digits of 8 x 8."""
    anew(f"{road.folder}/run")
    run(f"compile {SPACE} -o {road.folder}/generated")
    length = f"--epochs {road.epochs} --evaluate-every {road.epochs}"
    run(f"train {SPACE} --data digits {length} {road.more} -o {road.folder}/run")


def measure(road: Road) -> None:
    """This machine is timed on a few subnets, and the latency of all others follows."""
    table = f"{road.folder}/here.jsonl"
    anew(table)
    run(f"measure {SPACE} -n {road.measured} -o {table}")
    run(f"calibrate {SPACE} --table {table} --name here -o {road.folder}/generated")


def evaluate(road: Road) -> None:
    """Some subnets are evaluated: those that were timed, which lie far apart, and random ones."""
    evals = f"{road.folder}/evals.jsonl"
    anew(evals)
    for archs in (f"{road.folder}/here.jsonl", f"sample:{road.evaluated}"):
        shown = f"{road.weights} --data digits --archs {archs} {road.more}"
        run(f"evaluate {SPACE} {shown} -o {evals}")
    run(f"fit-accuracy {SPACE} {evals} -o {road.folder}/predictor.npz")


def search(road: Road) -> None:
    """The best subnets within a latency and a memory; the first are tried for real."""
    limit = median(Path(road.folder) / "here.jsonl")
    print(f"  The limit is the median of what was measured: {limit:.3g} ms.")
    where = f"latency[here] <= {limit:.3g} ms and peak_memory <= {MEMORY}"
    goals = f"--accuracy {road.folder}/predictor.npz --minimize 'latency[here]'"
    run(
        f"search {SPACE} {goals} --where '{where}' --dtype int8"
        f" --generated {road.folder}/generated -o {road.folder}/front"
    )
    generated = f"--generated {road.folder}/generated"
    run(f"verify {road.folder}/front -n 3 {road.weights} --data digits {generated}")


def specialize(road: Road) -> None:
    """One subnet becomes plain PyTorch, with batch norm statistics of its own."""
    run(
        f"specialize --front {road.folder}/front {road.weights} --recompute-bn digits"
        f" --generated {road.folder}/generated -o {road.folder}/subnet"
    )


def export(road: Road) -> None:
    """It is written for a runtime, in eight bits, and compared there on the digits."""
    missing = [name for name in EXPORT if importlib.util.find_spec(name) is None]
    if missing:
        print(f"  Left out: {', '.join(missing)} is not installed (pip install 'ofadsl[export]').")
        return
    images = "--format onnx --int8 --calibration digits"
    run(f"export {road.folder}/subnet {images} -o {road.folder}/subnet.onnx")


def bundle(road: Road) -> None:
    """Three subnets of the front in one file, to switch between at run time."""
    run(f"bundle {road.folder}/front -k 3 {road.weights} --data digits -o {road.folder}/bundle")


STEPS: tuple[Callable[[Road], None], ...] = (
    check,
    train,
    measure,
    evaluate,
    search,
    specialize,
    export,
    bundle,
)


def run(line: str) -> None:
    """Print a command and run it; what it refuses ends the road."""
    words = shlex.split(line)
    print(f"  $ ofadsl {shlex.join(words)}", flush=True)
    try:
        ofadsl.main(words, prog_name="ofadsl", standalone_mode=False)
    except SystemExit as end:
        if end.code:
            raise


def anew(path: str) -> None:
    """Remove what an earlier demo left, which a command would go on with."""
    shutil.rmtree(path, ignore_errors=True)
    Path(path).unlink(missing_ok=True)


def median(table: Path) -> float:
    """Return the median of the latencies in a table, in milliseconds."""
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    return statistics.median(row["latency_ms"] for row in rows if "latency_ms" in row)


if __name__ == "__main__":
    main()
