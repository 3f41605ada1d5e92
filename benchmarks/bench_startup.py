"""How soon the command line answers, and whether large spaces take time in proportion.

The measure is a process that imports click and lark, with which any such tool begins. Bytecode is
cached, as it is where the package is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measure import in_turns, show

from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text

REPOSITORY = Path(__file__).resolve().parent.parent
TURNS = 15
TARGET = 2.0  # times as long as importing click and lark
GROWTH = 13.0  # times as long for ten times the blocks: linear, and some for noise

COMMANDS = {
    "click and lark": ["-c", "import click, lark"],
    "ofadsl --help": ["-m", "ofadsl", "--help"],
    "ofadsl check spaces/mbv3.ofa": ["-m", "ofadsl", "check", "spaces/mbv3.ofa"],
}


def command(arguments: list[str], cache: str) -> Callable[[], object]:
    """Return a function that runs Python in a process of its own."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = cache
    return lambda: subprocess.run(
        [sys.executable, *arguments], cwd=REPOSITORY, env=env, check=True, capture_output=True
    )


def synthetic(blocks: int) -> str:
    """Return a space of stages of ten blocks each."""
    stages = "\n".join(
        f"  stage s{i} depth 8..10 {{ mbconv(16, kernel: {{3, 5, 7}}, expand: {{3, 4, 6}}) }}"
        for i in range(blocks // 10)
    )
    return f"""
space synthetic {{
  input image(channels: 3, size: 128..224 step 32)
  stem: conv(16, kernel: 3, stride: 2)
{stages}
  pool: global_avg_pool
  head: linear(10)
}}
"""


def seconds(blocks: int) -> float:
    """Return the least time of a few to check and lower a synthetic space."""
    text = synthetic(blocks)
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        checked = check_text(text)
        assert checked is not None
        lower(checked)
        taken.append(time.perf_counter() - begin)
    return min(taken)


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        runs = {name: command(args, cache) for name, args in COMMANDS.items()}
        times = in_turns(runs, TURNS)
    base = next(iter(COMMANDS))
    for name in COMMANDS:
        print(f"{name}: {times.ms(name):.1f} ms, median of {TURNS}")
    for name in list(COMMANDS)[1:]:
        show(f"{name} : importing {base}", times.ratio(name, base), at_most=TARGET)
    before = None
    for blocks in (20, 200, 2000):
        taken = seconds(blocks)
        print(f"check and lower {blocks} blocks: {taken * 1e3:.1f} ms")
        if before is not None:
            show(f"{blocks} blocks : a tenth of them", taken / before, at_most=GROWTH)
        before = taken


if __name__ == "__main__":
    main()
