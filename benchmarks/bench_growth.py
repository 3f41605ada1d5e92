"""How long checking and compiling take, and how much is written, as a stage has more blocks.

Each row is one stage whose depth goes from 1 to N. Seconds are of the processor. The growth is from
half as many blocks: 2 where it is linear, 4 where it is quadratic.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from measure import MET, MISSED

from ofadsl.compiler.emit.package import emit
from ofadsl.compiler.pipeline import check_text

BODIES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "one width": ("mbconv(16, kernel: {3, 5}, expand: {3, 6})", (16, 32, 64, 128, 256)),
    "a width for each block": ("conv({8, 16})", (16, 32, 64, 128, 256)),
    "residuals where widths meet": (
        "mbconv({8, 16}, kernel: {3, 5}, expand: {1, 2})",
        (16, 32, 64, 128),
    ),
    "shortcuts": ("shortcut_mbconv({8, 16}, kernel: {3, 5}, expand: {1, 2})", (16, 32, 64, 128)),
    "options": ("oneof { a: conv(16, kernel: {1, 3}); b: identity }", (16, 32, 64, 128, 256)),
    "dense": ("concat { identity } { conv({2, 4}) }", (8, 16, 32, 64)),
}
GOAL = 3.0
"""Seconds for checking and compiling 256 blocks of one width."""
TURNS = 3


def main() -> None:
    """Print a table for each kind of stage."""
    for name, (body, depths) in BODIES.items():
        print(f"{name}: {body}")
        print("  blocks    check  compile   growth  kilobytes  growth")
        before: tuple[float, float] | None = None
        for depth in depths:
            check, compiled, size = measured(body, depth)
            grown = ("", "")
            if before is not None:
                ratios = ((check + compiled) / before[0], size / before[1])
                grown = (f"{ratios[0]:.2f}", f"{ratios[1]:.2f}")
            print(
                f"  {depth:6} {check:7.2f}s {compiled:7.2f}s {grown[0]:>8} "
                f"{size / 1000:10.1f} {grown[1]:>7}"
            )
            before = check + compiled, size
            if name == "one width" and depth == 256:
                verdict = MET if check + compiled <= GOAL else MISSED
                print(f"  256 blocks in {check + compiled:.2f} s of {GOAL:.0f} s: {verdict}")


def measured(body: str, depth: int) -> tuple[float, float, int]:
    """Return the median seconds of checking and compiling, and the bytes that are written."""
    text = f"""
space grown {{
  input image(channels: 3, size: 32)
  stem: conv_bn(16, kernel: 3)
  stage s1 depth 1..{depth} {{ {body} }}
  pool: global_avg_pool
  head: linear(10)
}}
"""
    checks, compiles, size = [], [], 0
    for _ in range(TURNS):
        start = time.process_time()
        checked = check_text(text)
        middle = time.process_time()
        assert checked is not None
        size = sum(len(written.encode()) for written in emit(checked, "grown.ofa").files.values())
        checks.append(middle - start)
        compiles.append(time.process_time() - middle)
    return statistics.median(checks), statistics.median(compiles), size


if __name__ == "__main__":
    main()
