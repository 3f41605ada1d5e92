"""How good estimators are that no measured subnet stands behind: datasheets, tables of blocks.

Datasheets: the peaks that makers state, against the tables of HELP; rank correlation over all
archs, measured by predicted (median), coverage of the interval of 90 %. Tables of blocks: that of
OFA-ProxylessNAS with a part of its entries, against all of them, over 2000 subnets.

    python benchmarks/bench_latency_unmeasured.py FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ofadsl.calibrate.archs import target_of
from ofadsl.calibrate.block import Block
from ofadsl.calibrate.blockwise import summed
from ofadsl.calibrate.check import rank_correlation
from ofadsl.calibrate.datasheet import Datasheet, find_datasheet, read_datasheet
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.read_blocks import read_blocks
from ofadsl.calibrate.roofline import roofline

ROOT = Path(__file__).resolve().parent.parent
SPACES = {"ofa": ("mbv3", {"width": "1.2"}), "fbnet": ("fbnet", {"data": "cifar"})}
PEAKS = {  # FLOPS and bytes a second, NVIDIA's product pages; titanx is taken for that of 2016
    "2080ti": (13.45e12, 616e9),
    "1080ti": (11.34e12, 484e9),
    "titanx": (10.97e12, 480e9),
}
LUT = "ofa_proxyless_unknown_mobile_lut.csv"
PARTS: dict[str, Callable[[Block], bool]] = {
    "without 144, 176 and 208": lambda block: block.resolution not in (144, 176, 208),
    "without expand 5": lambda block: block.expand != 5,
    "without kernel 5": lambda block: block.kernel != 5,
    "of 128 alone": lambda block: block.resolution == 128,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for space in SPACES:
        datasheets(folder / space, space)
    blocks(folder / "lut" / LUT)


def datasheets(folder: Path, space: str) -> None:
    name, settings = SPACES[space]
    target = target_of(ROOT / "spaces" / f"{name}.ofa", settings, name)
    for path in sorted(folder.glob("*_latency_*.csv")):
        chip, _, batch = path.stem.partition("_latency_")[2].rpartition("_")
        if chip not in (*PEAKS, "v100", "titan_xp"):
            continue
        table = read_table(path, target)
        mean, deviation = roofline(target.features, sheet_of(chip), int(batch)).predict(table.x)
        rho = rank_correlation(mean, table.y)
        macs = rank_correlation(target.cost.macs(table.x).astype(np.float64), table.y)
        coverage = np.mean(np.abs(table.y - mean) <= 1.645 * deviation)
        ratio = np.median(table.y / mean)
        print(
            f"{space} {chip} batch {batch}: rho {rho:.3f} (MACs {macs:.3f}), measured by predicted "
            f"{ratio:.2f}, coverage {coverage:.2f}"
        )


def sheet_of(chip: str) -> Datasheet:
    if chip not in PEAKS:
        return read_datasheet(find_datasheet(Path(chip)))
    flops, bandwidth = PEAKS[chip]
    known = read_datasheet(find_datasheet(Path("v100")))
    return replace(known, peak_flops=flops, bandwidth=bandwidth)


def blocks(path: Path) -> None:
    space = ROOT / "tests" / "data" / "blocks" / "proxyless_mobile.ofa"
    target = target_of(space, {"step": "16", "most": "224"}, space.name)
    table = read_blocks(path, "latency_ms")
    x = target.cost.sample(2000, np.random.default_rng(0))
    y, _ = summed(target, table).estimator.predict(x)
    for name, kept in PARTS.items():
        part = {block: entry for block, entry in table.entries.items() if kept(block)}
        found = summed(target, replace(table, entries=part))
        mean, deviation = found.estimator.predict(x)
        error, coverage = (
            np.mean(np.abs(mean / y - 1)),
            np.mean(np.abs(mean - y) < 1.645 * deviation),
        )
        print(
            f"blocks {name}: {found.guessed} of {found.needed} guessed, error {error:.1%}, "
            f"deviation {np.mean(deviation / mean):.0%}, coverage {coverage:.2f}"
        )


if __name__ == "__main__":
    main()
