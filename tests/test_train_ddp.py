"""Processes that train together: equal parameters, one voice, one folder."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import safetensors.torch
import torch
from conftest import REPOSITORY
from torch.nn.parallel import DistributedDataParallel

from ofadsl.train.processes import processes

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
    reason="this torch has no gloo",
)

PROGRAM = """
import sys
import torch
import ofadsl.train.run
from ofadsl.cli import main

finish = ofadsl.train.run._finish

def kept(asked, learner):
    torch.save(learner.supernet.state_dict(), f"{sys.argv.pop()}/{asked.group.rank}.pt")
    return finish(asked, learner)

ofadsl.train.run._finish = kept
main(sys.argv[1:-1])
"""


def together(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ofadsl train` in two processes; each keeps its parameters in ``folder``."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", str(program), "train", str(REPOSITORY / "spaces/digits.ofa")]
    command += ["--data", "digits", "--device", "cpu", "-o", str(folder / "run"), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, env=environment, check=False
    )


def test_two_processes_train_and_end_with_equal_parameters(tmp_path: Path) -> None:
    size = ("--limit", "32", "--batch", "16", "--lr", "1")
    options = ("--epochs", "1.5", "--ema", "0.9", "--evaluate-every", "2")
    done = together(tmp_path, *size, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote") == 1
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    statistics = {key for key in first if "running" in key}
    assert all(torch.equal(first[key], second[key]) for key in first.keys() - statistics)
    # each process saw other images
    assert any(not torch.equal(first[key], second[key]) for key in statistics)
    weights = safetensors.torch.load_file(tmp_path / "run/weights.safetensors")
    assert weights.keys() == first.keys()
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 3]

    (tmp_path / "run/checkpoint-00000003.safetensors").unlink()
    again = together(tmp_path, *size, *options, "--resume")
    assert again.stderr.count("going on from step 2") == 1
    resumed = safetensors.torch.load_file(tmp_path / "run/weights.safetensors")
    assert all(torch.equal(weights[key], resumed[key]) for key in weights)


def test_a_mistake_is_said_once_and_ends_all_processes(tmp_path: Path) -> None:
    done = together(tmp_path, "--batch", "15")
    assert done.returncode == 1
    assert done.stderr.count("OFA187") == 1


def test_nothing_keeps_the_threads_of_a_group_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # threads that outlive the interpreter end the process with SIGABRT
    store = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    gc.disable()
    try:
        with processes("cpu") as here:
            assert torch.distributed.is_initialized()
            network = DistributedDataParallel(torch.nn.Linear(1, 1).to(here.device))
            network.__dict__["itself"] = network  # whether DDP makes a cycle depends on its state
            kept = weakref.ref(network)
            del network
            assert kept() is not None
        assert kept() is None
    finally:
        gc.enable()
