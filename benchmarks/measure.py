"""Compare functions within one run: in turns, and by the median of the ratios of each turn.

What else the machine does then slows all of them alike, so ratios hold where times do not.
One thread unless told otherwise: a thread more makes the noise of a busy machine many times worse.
"""

from __future__ import annotations

import argparse
import ctypes
import platform
import runpy
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.fx import GraphModule

from ofadsl.choices import Arch
from ofadsl.specialize.write import Record, write_subnet

MET, MISSED = "reached", "MISSED"


@dataclass(frozen=True, slots=True)
class Times:
    """The seconds of each function, a turn after the other."""

    taken: Mapping[str, Sequence[float]]

    def ms(self, name: str) -> float:
        """Return the median of the times in milliseconds."""
        return statistics.median(self.taken[name]) * 1e3

    def ratio(self, name: str, other: str) -> float:
        """Return how many times as long ``name`` takes as ``other``."""
        pairs = zip(self.taken[name], self.taken[other], strict=True)
        return statistics.median(a / b for a, b in pairs)


def in_turns(runs: Mapping[str, Callable[[], object]], turns: int, warm_up: int = 2) -> Times:
    """Return the times of ``runs``, every other turn in the opposite order."""
    for run in runs.values():
        for _ in range(warm_up):
            run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    order = list(runs.items())
    for _ in range(turns):
        for name, run in order:
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
        order.reverse()
    return Times(taken)


def start(description: str | None) -> argparse.Namespace:
    """Read the command line, set the threads and the seed, say what the machine is."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep-memory", action="store_true", help=_KEEP)
    parser.add_argument("--turns", type=int, default=9, help="more turns, less noise")
    options = parser.parse_args()
    if options.keep_memory:
        keep_memory()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    capability = torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch.__version__}, {capability}, {options.threads} thread(s), ", end="")
    print(f"{options.turns} turns")
    return options


_KEEP = "let the C library keep freed memory: without page faults all is faster and less noisy"


def keep_memory() -> None:
    """Let the C library keep freed memory, where it is glibc's.

    By default it gives large tensors back to the system, and every new one costs a page fault for
    each 4 kB: more than most layers, and for two networks of the same layers not the same, because
    it depends on which tensor happens to lie last.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(_M_MMAP_THRESHOLD, 2**30)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def written(subnet: GraphModule, arch: Arch) -> Callable[[], torch.nn.Module]:
    """Write a subnet and return the `load` of its `subnet.py`."""
    folder = Path(tempfile.mkdtemp()) / "subnet"
    image = torch.randn(1, 3, arch.resolution, arch.resolution)  # type: ignore[attr-defined]
    write_subnet(folder, subnet, image, Record(source=f"{arch.space}.ofa", arch=arch))
    load: Callable[[], torch.nn.Module] = runpy.run_path(str(folder / "subnet.py"))["load"]
    return load


def show(what: str, ratio: float, *, at_most: float = 0, at_least: float = 0) -> None:
    """Print a ratio with its target, where it has one, and whether that is reached."""
    target = ""
    if at_most:
        target = f"  at most {at_most:.2f}: {MET if ratio <= at_most else MISSED}"
    elif at_least:
        target = f"  at least {at_least:.2f}: {MET if ratio >= at_least else MISSED}"
    print(f"  {what:<66}{ratio:6.2f}{target}")
