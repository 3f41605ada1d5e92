"""A training that is killed at any moment goes on as if nothing had been, to the bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

MOMENTS = (
    "in the first step",
    "in a phase with a teacher",
    "in the last step",
    "in the middle of a checkpoint",
    "in the first checkpoint",
    "before a checkpoint has its name",
    "before old checkpoints are dropped",
    "between metrics and checkpoint",
    "in a line of the metrics",
    "before the weights are written",
)
WRITING = (*MOMENTS[3:6],)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("killed")
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed_trainings.py")), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_moment_is_tried(trainings: Any) -> None:
    assert tuple(trainings) == MOMENTS


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_training_killed_at_any_moment_ends_with_the_same_weights(
    trainings: Any, moment: str
) -> None:
    found = trainings[moment]
    assert found["killed"]
    assert found["finished"]
    assert found["equal"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_epoch_stands_twice_and_none_is_missing(trainings: Any, moment: str) -> None:
    assert trainings[moment]["metrics"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_left_of_what_was_being_written(trainings: Any, moment: str) -> None:
    assert trainings[moment]["left"] == [
        "checkpoint-00000004.safetensors",
        "checkpoint-00000005.safetensors",
        "config.json",
        "metrics.jsonl",
        "weights.safetensors",
    ]


@pytest.mark.parametrize("moment", WRITING)
def test_a_kill_in_a_write_leaves_a_draft(trainings: Any, moment: str) -> None:
    assert trainings[moment]["drafts"] == 1
