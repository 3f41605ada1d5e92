"""The whole road on what ships with the project: check, compile, choose, specialise, measure.

Run it with `make demo`. It takes about a minute on two cores and needs nothing but the project.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ofadsl import nn
from ofadsl.compiler.emit.package import compile_space, write
from ofadsl.compiler.pipeline import checked_space
from ofadsl.specialize.pipeline import specialize
from ofadsl.specialize.verify import verify
from ofadsl.specialize.write import Record, write_subnet

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "spaces/mbv3.ofa"
LIMIT = 300_000_000
SEED = 0


def main() -> None:
    """Tell, step by step, what is done and what came out."""
    began = time.perf_counter()
    cost, package = compile_step()
    best = choose_step(cost, package)
    folder = specialize_step(cost, package, best)
    arch = package.Arch.from_dict(cost.decode(best[None])[0])
    measure_step(package.Supernet().eval(), arch, folder)
    say(f"Done in {time.perf_counter() - began:.0f} s. Try next:")
    print("  ofadsl show spaces/mbv3.ofa")
    print("  ofadsl specialize --arch arch.json --weights <an OFA checkpoint> -o my_subnet")


def compile_step() -> tuple[Any, Any]:
    """Check and compile the space; return its cost model and its package."""
    lines = len((ROOT / SOURCE).read_text().splitlines())
    say(f"1. Check and compile {SOURCE}, a once-for-all MobileNetV3 in {lines} lines")
    space = checked_space(ROOT / SOURCE).space
    alone, every = space.size(with_resolution=False), space.size()
    print(f"  It is valid for every choice, and holds {alone:,} distinct subnets")
    print(f"  at each of {every // alone} resolutions: {every:.3g} in all.")
    for path in write(compile_space(SOURCE), "generated"):
        print(f"  wrote {path} ({path.stat().st_size:,} bytes)")
    sys.path.insert(0, str(ROOT))
    package = importlib.import_module("generated.mbv3")
    ends = [package.Arch.smallest(), package.Arch.largest()]
    rows = package.cost.encode([arch.to_dict() for arch in ends])
    macs, params = package.cost.macs(rows), package.cost.params(rows)
    print(f"  From {macs[0] / 1e6:.1f}M to {macs[1] / 1e6:.1f}M multiply-adds an image,")
    print(f"  from {params[0] / 1e6:.2f}M to {params[1] / 1e6:.2f}M parameters.")
    return package.cost, package


def choose_step(cost: Any, package: Any) -> np.ndarray:
    """Return the choices of the arch with the most multiply-adds under the limit."""
    say(f"2. Search for the subnet with the most multiply-adds under {LIMIT / 1e6:.0f}M")
    rng = np.random.default_rng(SEED)
    began = time.perf_counter()
    population = cost.sample(4096, rng)
    seen = len(population)
    for _ in range(40):
        score = np.where(cost.macs(population) <= LIMIT, cost.macs(population), 0)
        parents = population[np.argsort(-score)[:256]]
        mothers, fathers = parents[rng.integers(0, 256, (2, 2048))]
        fresh = cost.sample(2048, rng)
        children = np.where(rng.random(mothers.shape) < 0.5, mothers, fathers)
        children = np.where(rng.random(mothers.shape) < 1 / mothers.shape[1], fresh, children)
        population = np.concatenate([parents, children])
        seen += len(children)
    score = np.where(cost.macs(population) <= LIMIT, cost.macs(population), 0)
    best: np.ndarray = population[score.argmax()]
    seconds = time.perf_counter() - began
    print(f"  Looked at {seen:,} archs in {seconds:.1f} s (seed {SEED}).")
    arch = package.Arch.from_dict(cost.decode(best[None])[0])
    print(f"  The best has {score.max():,} multiply-adds at {arch.resolution} x {arch.resolution}:")
    for name, stage in arch.to_dict()["stages"].items():
        blocks = ", ".join(f"{b['kernel']}x{b['kernel']} e{b['expand']}" for b in stage["blocks"])
        print(f"    {name}: depth {stage['depth']}  ({blocks})")
    return best


def specialize_step(cost: Any, package: Any, best: np.ndarray) -> Path:
    """Take the subnet out of a supernet, verify it and write it; return its folder."""
    say("3. Specialise it: a static network out of the supernet's weights")
    torch.manual_seed(SEED)
    supernet = package.Supernet().eval()
    arch = package.Arch.from_dict(cost.decode(best[None])[0])
    image = torch.randn(2, 3, arch.resolution, arch.resolution)
    began = time.perf_counter()
    subnet = specialize(supernet, arch, fold_bn=True)
    seconds = time.perf_counter() - began
    error = verify(subnet, supernet, arch, image, exact=False)
    print("  The weights are random here; `ofadsl specialize --weights FILE` takes yours.")
    print(f"  Traced, folded and raised to plain modules in {seconds * 1e3:.0f} ms;")
    print(f"  it differs from the supernet by {error:.1e} of the mean output.")
    folder = ROOT / "subnets" / "demo"
    folder.parent.mkdir(exist_ok=True)
    record = Record(
        source=SOURCE,
        arch=arch,
        space_hash=cost.SPACE_HASH,
        weights=None,
        folded=True,
        error=error,
    )
    size = write_subnet(folder, subnet, image[:1], record)
    print(f"  {size.params:,} parameters, {size.macs:,} multiply-adds.")
    assert size.macs == cost.macs(best[None])[0], "the cost model and the network disagree"
    for path in sorted(folder.iterdir()):
        if path.is_file():
            print(f"  wrote {path.relative_to(ROOT)} ({path.stat().st_size:,} bytes)")
    return folder


def measure_step(supernet: torch.nn.Module, arch: Any, folder: Path) -> None:
    """Measure the static subnet beside the supernet bound to the same arch."""
    say("4. Measure: the static subnet beside the supernet, on this machine")
    scope: dict[str, Any] = {"__name__": "subnet", "__file__": str(folder / "subnet.py")}
    exec(compile((folder / "subnet.py").read_text(), scope["__file__"], "exec"), scope)
    static = scope["load"]().to(memory_format=torch.channels_last)
    bound = nn.bind(supernet, arch)
    for batch in (1, 16):
        x = torch.randn(batch, 3, arch.resolution, arch.resolution)
        last = x.contiguous(memory_format=torch.channels_last)
        slow, fast = interleaved(lambda x=x: bound(x), lambda last=last: static(last), 15)
        print(
            f"  batch {batch:2}: supernet {slow * 1e3:6.1f} ms, subnet {fast * 1e3:6.1f} ms"
            f"  ({slow / fast:.1f} times as fast)"
        )


def interleaved(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[float, float]:
    """Return the median seconds of both, measured in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        for turn in range(repeats + 3):
            for run, own in zip((first, second), times, strict=True):
                began = time.perf_counter()
                run()
                if turn >= 3:
                    own.append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}")


if __name__ == "__main__":
    main()
